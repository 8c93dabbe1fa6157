"""The transformer is the reference's, computed at fewer places: same numbers, parameters and initial weights."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from grok.checks import UserError
from grok.models.transformer import Transformer
from grok.streams import Streams
from tests.conftest import composed
from tests.training.test_replicas import trained

SMALL = dict(
    depth=1,
    width=12,
    heads=3,
    d_mlp=10,
    activation="relu",
    layer_norm=False,
    attention=1.0,
    dropout=0.0,
    equals_sign=True,
    causal=True,
    n_tokens=7,
    n_outputs=7,
)
NANDA = SMALL | dict(width=128, heads=4, d_mlp=512, n_tokens=113, n_outputs=113)
PIZZA = dict(equals_sign=False, causal=False, attention=0.3)


def transformer(*seeds: int, **changes) -> Transformer:
    return Transformer(**SMALL | changes, generators=[Streams(seed).generator("init") for seed in seeds])


def disturbed(*seeds: int, **changes) -> Transformer:
    """One whose biases are not zero and whose scores are not small, so that nothing is hidden."""
    model = transformer(*seeds, **changes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model


def pairs(n_replicas: int = 1, n: int = 20, n_tokens: int = 7) -> Tensor:
    return torch.randint(n_tokens, (n_replicas, n, 2), generator=torch.Generator().manual_seed(2))


def layer_norm(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    if f"{name}.scale" not in weights:
        return x
    return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.scale"][0], weights[f"{name}.shift"][0])


def plain(model: Transformer, inputs: Tensor, replica: int, **changes) -> tuple[Tensor, Tensor, Tensor]:
    """The network as its papers write it, for one replica: every position of every example through every layer, head by
    head. Logits, neurons and patterns (of each head) of the last block, at the last position."""
    key = SMALL | changes
    w = {name: parameter[replica] for name, parameter in model.named_parameters()}
    n, n_positions = len(inputs), 2 + key["equals_sign"]
    tokens = functional.pad(inputs, (0, 1), value=key["n_tokens"]) if key["equals_sign"] else inputs
    x = w["embedding.tokens"][tokens] + w["embedding.positions"]
    every = torch.ones(n_positions, n_positions, dtype=torch.float64)
    allowed = every.tril() if key["causal"] else every
    for layer in range(key["depth"]):
        of = {name.removeprefix(f"blocks.{layer}."): each for name, each in w.items()}
        y, patterns = layer_norm(x, of, "before_attention"), []
        size = key["width"] // key["heads"]
        for head in range(key["heads"]):
            own = slice(head * size, (head + 1) * size)
            q, k, v = (
                torch.einsum("npd,dh->nph", y, of[f"attention.{name}"][:, own])
                for name in ("queries", "keys", "values")
            )
            scores = torch.einsum("nqh,nkh->nqk", q, k) / math.sqrt(size)
            softmax = scores.masked_fill(allowed == 0, -math.inf).softmax(-1)
            patterns.append(key["attention"] * softmax + (1 - key["attention"]) * allowed)
            mixed = torch.einsum("nqk,nkh->nqh", patterns[-1], v)
            x = x + torch.einsum("nqh,hd->nqd", mixed, of["attention.outputs"][own])
        y = layer_norm(x, of, "before_mlp")
        activation = {"relu": functional.relu, "gelu": functional.gelu}[key["activation"]]
        neurons = activation(torch.einsum("npd,dm->npm", y, of["mlp.into"]) + of["mlp.into_bias"])
        x = x + torch.einsum("npm,md->npd", neurons, of["mlp.out"]) + of["mlp.out_bias"]
    logits = layer_norm(x, w, "before_unembedding") @ w["unembedding.weight"]
    assert len(logits) == n
    return logits[:, -1, : key["n_outputs"]], neurons[:, -1], torch.stack(patterns, 1)[:, :, -1]


VARIANTS = {
    "one layer": {},
    "pizza": PIZZA,
    "two layers": dict(depth=2),
    "three layers, two positions": dict(depth=3, **PIZZA),
    "layer norm, gelu": dict(layer_norm=True, activation="gelu"),
    "two layers with layer norm": dict(depth=2, layer_norm=True, causal=False),
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("shared", [False, True], ids=["own inputs", "shared inputs"])
def test_it_computes_what_its_papers_write(changes, shared):
    model = disturbed(0, 1, **changes)
    inputs = pairs(1).expand(2, -1, -1) if shared else pairs(2)
    outputs = model(inputs)
    weight = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (outputs * weight).sum().backward()
    ours = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    for replica in range(2):
        logits, neurons, patterns = plain(model, inputs[replica], replica, **changes)
        torch.testing.assert_close(outputs[replica], logits, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(model.neurons(inputs)[replica], neurons, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(model.patterns(inputs)[replica], patterns, rtol=1e-12, atol=1e-12)
        (logits * weight[replica]).sum().backward()
    for (name, parameter), gradient in zip(model.named_parameters(), ours, strict=True):
        scale = parameter.grad.abs().max()
        torch.testing.assert_close(gradient / scale, parameter.grad / scale, rtol=1e-12, atol=1e-12, msg=name)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_neuron_logit_map_is_what_a_neuron_adds_to_the_logits(layer_norm):
    """With a norm, to the logits less those of its shift and times the deviation of the stream."""
    model = disturbed(0, layer_norm=layer_norm)
    unembedding, norm = model.unembedding.weight[..., :7], model.before_unembedding
    read = torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

    def logits(stream: Tensor) -> Tensor:
        if norm is None:
            return stream @ unembedding
        deviation = (stream.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        return (norm(stream) - norm.shift) @ unembedding * deviation

    for neuron, written in enumerate(model.blocks[-1].mlp.out.unbind(1)):
        added = logits(read + 3 * written.unsqueeze(1)) - logits(read)
        torch.testing.assert_close(added, 3 * model.neuron_logit_map[..., neuron].unsqueeze(1).expand_as(added))


def test_it_has_the_226_816_parameters_of_the_reference():
    shapes = {name: tuple(each[0].shape) for name, each in transformer(0, **NANDA).named_parameters()}
    assert sum(math.prod(shape) for shape in shapes.values()) == 226_816
    assert shapes["embedding.tokens"] == (114, 128) and shapes["unembedding.weight"] == (128, 114)


def test_initial_weights_have_the_references_deviations():
    for name, parameter in transformer(0, **NANDA).named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif parameter.numel() > 1000:
            deviation = 114**-0.5 if name == "unembedding.weight" else 128**-0.5
            assert parameter.std().item() == pytest.approx(deviation, rel=0.03)
            assert parameter.mean().item() == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("changes", [{}, dict(depth=2)], ids=["one layer", "two layers"])
def test_a_replica_among_others_is_that_replica_alone(changes):
    together, alone = transformer(0, 1, 2, **changes), transformer(1, **changes)
    for ours, single in zip(together.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours[1], single[0])
    torch.testing.assert_close(together(pairs().expand(3, -1, -1))[1], alone(pairs())[0], rtol=1e-12, atol=1e-12)


def test_each_replica_has_its_own_attention_coefficient():
    together = transformer(0, 1, 2, attention=[0, 0.3, 1.0])
    for replica, (seed, coefficient) in enumerate([(0, 0), (1, 0.3), (2, 1.0)]):
        alone = transformer(seed, attention=coefficient)
        ours = together(pairs().expand(3, -1, -1))[replica]
        torch.testing.assert_close(ours, alone(pairs())[0], rtol=1e-12, atol=1e-12)
    assert (
        together.state_dict().keys() == dict(together.named_parameters()).keys()
    )  # a checkpoint has the weights alone
    with pytest.raises(UserError, match=r"^model\.attention=1\.5: must be a number from 0 to 1$"):
        transformer(0, 1, attention=[0.5, 1.5])


def test_networks_of_several_coefficients_train_side_by_side_as_alone():
    common = ("task=modular_addition", "task.p=7", "model.width=12", "model.heads=3", "model.d_mlp=10", "steps=20")
    common = (*common, "logger=none", "measure=performance", "precision=float64")
    configs = [composed(*common, f"seed={c}", f"model.attention={c / 2}") for c in range(3)]
    together, alone = trained(*configs), [trained(config) for config in configs]
    for replica, single in enumerate(alone):
        for ours, reference in zip(together.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(ours[replica], reference[0], rtol=1e-9, atol=1e-11)


def test_networks_with_dropout_train_side_by_side_as_alone_and_are_looked_at_without():
    common = ("task=modular_addition", "task.p=7", "model.width=12", "model.heads=3", "model.d_mlp=10", "steps=20")
    common = (*common, "logger=none", "measure=performance", "precision=float64", "model.depth=2", "model.dropout=0.2")
    configs = [composed(*common, f"seed={seed}") for seed in range(3)]
    together, alone = trained(*configs), [trained(config) for config in configs]
    without = trained(composed(*common, "seed=0", "model.dropout=0"))
    for replica, single in enumerate(alone):
        for ours, reference in zip(together.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(ours[replica], reference[0], rtol=1e-9, atol=1e-11)
    first, last = 0, -1
    losses = [each.history.columns["train_loss"] for each in (alone[0], without)]
    assert torch.equal(losses[0][first], losses[1][first])
    assert not torch.allclose(losses[0][last], losses[1][last])


@pytest.mark.parametrize("changes", [{}, dict(depth=2), PIZZA], ids=["one layer", "two layers", "pizza"])
def test_dropout_leaves_out_its_share_of_every_place_and_keeps_the_mean(changes):
    """Of a network that is linear but for its dropout, the mean over many draws is the network without."""
    model, n = disturbed(0, dropout=0.3, **changes | dict(attention=0.0)), 4000
    for block in model.blocks:
        block.mlp.activation = lambda x: x
    draw = torch.Generator().manual_seed(5)
    model.draw_from([draw])
    inputs = pairs(1, 1).expand(1, n, 2)
    drawn = model(inputs)
    error = drawn.std(1) / n**0.5
    assert (error > 0).all()
    assert ((drawn.mean(1) - model.eval()(inputs)[:, 0]).abs() < 5 * error).all()
    shapes = []
    model.train().dropout.register_forward_hook(lambda module, given, out: shapes.append(tuple(out.shape)))
    model.draw_from([draw])
    model(inputs)
    positions, depth = 2 + changes.get("equals_sign", True), changes.get("depth", 1)
    expected = []
    for asked in [*[positions] * (depth - 1), 1]:  # pattern, what attention writes, neurons, what the MLP writes
        expected += [(1, n, asked, positions, 3), (1, n * asked, 12), (1, n * asked, 10), (1, n * asked, 12)]
    assert shapes == expected
    kept = model.dropout(torch.ones(1, 10_000))
    assert sorted(set(kept.flatten().tolist())) == [0, pytest.approx(1 / 0.7)]
    assert (kept == 0).double().mean().item() == pytest.approx(0.3, abs=0.02)


def test_without_softmax_every_position_counts_fully_and_queries_do_not():
    model, patterns = disturbed(0, attention=0.0), disturbed(0, attention=0.0).patterns(pairs())
    assert torch.equal(patterns, torch.ones(1, 20, 3, 3, dtype=torch.float64))
    model(pairs()).sum().backward()
    assert not model.blocks[0].attention.queries.grad.any()
    torch.testing.assert_close(disturbed(0).patterns(pairs()).sum(-1), torch.ones(1, 20, 3, dtype=torch.float64))


def test_the_gradient_by_each_examples_own_embedding_comes_from_replicas_that_share_weights():
    model, inputs = disturbed(0), pairs(1, 5)
    weights = {name: parameter.detach().expand(5, *parameter.shape[1:]) for name, parameter in model.named_parameters()}
    embedding = weights["embedding.tokens"].clone().requires_grad_()
    logits = torch.func.functional_call(model, weights | {"embedding.tokens": embedding}, inputs.transpose(0, 1))
    (own,) = torch.autograd.grad(logits[:, 0, 4].sum(), embedding)
    for example in range(5):
        logit = model(inputs[:, example : example + 1])[0, 0, 4]
        (alone,) = torch.autograd.grad(logit, model.embedding.tokens)
        torch.testing.assert_close(own[example], alone[0], rtol=1e-10, atol=1e-12)


def test_a_head_count_that_does_not_divide_the_width_is_one_clear_line(command):
    arguments = ("task=modular_addition", "task.p=7", "logger=none", "steps=1")
    code, said = command(*arguments, "model.heads=5")
    assert code and said.strip().splitlines()[-1].endswith("model.heads=5: must divide model.width=128")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "change", [dict(attention=1.5), dict(activation="tanh"), dict(depth=0), dict(heads=0), dict(dropout=1)]
)
def test_a_value_that_is_not_allowed_is_refused_by_its_key(change):
    with pytest.raises(UserError, match=f"^model.{min(change)}="):
        transformer(0, **change)


def test_the_configuration_is_the_references_network():
    model = composed("task=modular_addition")["model"]
    assert {key: model[key] for key in model if key != "_target_"} == {
        key: value for key, value in NANDA.items() if key in model
    }
