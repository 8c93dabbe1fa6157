"""Networks of runs in TransformerLens, and networks of TransformerLens here: the same logits."""

import pytest
import torch

import grok
from grok.checks import UserError
from grok.models.network import Network
from grok.models.pretrained_addition import load_weights
from tests.models.test_pretrained_addition import saved
from tests.models.test_transformer import PIZZA, pairs, perturbed

VARIANTS = {
    "one layer": {},
    "two layers, heads of another width": dict(depth=2, d_head=5),
    "two positions, layer norm, gelu": dict(depth=2, layer_norm=True, activation="gelu", equals_sign=False),
    "not causal": dict(depth=2, causal=False),
}


def lens_of(model: Network):
    """The network in TransformerLens itself."""
    transformer_lens = pytest.importorskip("transformer_lens", reason="needs TransformerLens")
    weights, config = grok.to_transformer_lens(model)
    lens = transformer_lens.HookedTransformer(config)
    lens.load_state_dict(weights)
    return lens


def tokens(model: Network):
    return torch.nn.functional.pad(pairs()[0], (0, 1), value=7)[:, : len(model.embedding.positions)]


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_transformer_lens_gives_the_same_logits_at_every_position(changes):
    model = Network(perturbed(0, **changes))
    theirs = lens_of(model)(tokens(model))
    assert theirs.dtype == torch.float64 and theirs.shape[1] == len(model.embedding.positions)
    torch.testing.assert_close(model(tokens(model)), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_network_of_transformer_lens_gives_the_same_logits_here(layer_norm, tmp_path):
    """With biases of attention and logits, and heads whose widths do not add up to that of the network."""
    lens = lens_of(Network(perturbed(0, d_head=5, layer_norm=layer_norm)))
    for name, parameter in lens.named_parameters():
        if "b_" in name:
            parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)).double()
    model, p = load_weights(saved(lens.state_dict(), tmp_path / "lens.pt"))
    theirs = lens(torch.nn.functional.pad(pairs(), (0, 1), value=7)[0])[:, -1, :p]
    torch.testing.assert_close(model(pairs())[0], theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", [VARIANTS["one layer"], dict(depth=2, d_head=5, layer_norm=True)])
def test_weights_for_transformer_lens_are_read_back_as_the_same_network(changes, tmp_path):
    original = perturbed(0, **changes)
    expected = original(pairs())
    weights, _ = grok.to_transformer_lens(Network(original))
    model, _ = load_weights(saved(weights, tmp_path / "lens.pt"))
    torch.testing.assert_close(model(pairs()), expected, rtol=1e-12, atol=1e-12)


def test_what_transformer_lens_cannot_compute_is_a_one_line_error(run):
    with pytest.raises(
        UserError, match=r"^model.attention_coefficient=0.3: must be 1; TransformerLens has only softmax"
    ):
        grok.to_transformer_lens(Network(perturbed(0, **PIZZA)))
    with pytest.raises(UserError, match=r"^only transformers can be exported, not Mlp$"):
        grok.to_transformer_lens(grok.load_model(run("steps=1")))
