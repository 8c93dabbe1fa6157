"""The decoder: equal to torch's layers, causal, and with positions that mean what they should."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from grok.checks import UserError
from grok.models.decoder import Decoder
from grok.models.spec import TokenSequences
from grok.random_streams import RandomStreams

N_TOKENS, LENGTH = 11, 9
SMALL = dict(
    depth=2,
    width=12,
    heads=3,
    d_mlp=20,
    activation="gelu",
    layer_norm=True,
    positions="learned",
    tied=False,
    inputs=TokenSequences(N_TOKENS, LENGTH),
    n_outputs=N_TOKENS,
)
VARIANTS = pytest.mark.parametrize(
    "changes",
    [{}, dict(positions="rotary"), dict(positions="relative"), dict(d_mlp=0, layer_norm=False), dict(tied=True)],
    ids=["learned", "rotary", "relative", "attention only", "tied"],
)


def decoder(*seeds: int, **changes: Any) -> Decoder:
    """Decoders in float64 with nonzero biases, norms and large scores: an error in any term is visible."""
    model = Decoder(**SMALL | changes, generators=[RandomStreams(seed).generator("init") for seed in seeds])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape[1:], generator=torch.Generator().manual_seed(1)))
    return model


def sequences(n: int = 5, length: int = LENGTH) -> Tensor:
    return torch.randint(N_TOKENS, (1, n, length), generator=torch.Generator().manual_seed(2))


@VARIANTS
def test_later_tokens_do_not_change_logits(changes):
    model, tokens, place = decoder(0, **changes), sequences(), 5
    changed = tokens.clone()
    changed[..., place:] = (changed[..., place:] + 1) % N_TOKENS
    one, other = model(tokens), model(changed)
    assert torch.equal(one[:, :, :place], other[:, :, :place])
    assert not torch.isclose(one[:, :, place:], other[:, :, place:]).all(-1).any()
    torch.testing.assert_close(model(tokens[..., :place]), one[:, :, :place])


@VARIANTS
def test_logits_at_one_position_of_each_sequence_are_those_of_the_forward_pass(changes):
    model, tokens, positions = (
        decoder(0, 1, **changes),
        sequences(3).expand(2, -1, -1),
        torch.tensor([[8, 0, 3], [1, 4, 7]]),
    )
    expected = model(tokens)[torch.arange(2)[:, None], torch.arange(3), positions]
    torch.testing.assert_close(model.at_positions(tokens, positions), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(super(Decoder, model).at_positions(tokens, positions), expected)


@VARIANTS
def test_a_batched_replica_equals_that_replica_alone(changes):
    batched, alone = decoder(0, 1, 2, **changes), decoder(1, **changes)
    for parameter, single in zip(batched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(parameter[1], single[0])
    inputs = sequences()
    torch.testing.assert_close(batched(inputs.expand(3, -1, -1))[1], alone(inputs)[0], rtol=1e-12, atol=1e-12)
    patterns = batched.patterns(inputs.expand(3, -1, -1))
    torch.testing.assert_close(patterns[1], alone.patterns(inputs)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_the_decoder_with_learned_positions_is_torchs_encoder_with_a_causal_mask(activation):
    model, inputs = decoder(0, activation=activation), sequences()
    weights = {name: parameter[0].squeeze(0) for name, parameter in model.named_parameters()}
    x = weights["embedding.tokens"][inputs[0]] + weights["embedding.positions"]
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH, dtype=torch.float64)
    for block in ("blocks.0.", "blocks.1."):
        own = {name.removeprefix(block): each for name, each in weights.items() if name.startswith(block)}
        options = dict(dropout=0.0, activation=activation, batch_first=True, norm_first=True)
        layer = nn.TransformerEncoderLayer(SMALL["width"], SMALL["heads"], SMALL["d_mlp"], **options)
        state = {
            "self_attn.in_proj_weight": own["attention.qkv.weight"].T,
            "self_attn.in_proj_bias": own["attention.qkv.bias"],
            "self_attn.out_proj.weight": own["attention.outputs.weight"].T,
            "self_attn.out_proj.bias": own["attention.outputs.bias"],
            "linear1.weight": own["mlp.into.weight"].T,
            "linear1.bias": own["mlp.into.bias"],
            "linear2.weight": own["mlp.out.weight"].T,
            "linear2.bias": own["mlp.out.bias"],
            "norm1.weight": own["before_attention.scale"],
            "norm1.bias": own["before_attention.shift"],
            "norm2.weight": own["before_mlp.scale"],
            "norm2.bias": own["before_mlp.shift"],
        }
        layer.double().load_state_dict(state)
        x = layer(x, src_mask=mask, is_causal=True)
    last = [weights[f"before_unembedding.{name}"] for name in ("scale", "shift")]
    logits = functional.layer_norm(x, x.shape[-1:], *last) @ weights["unembedding.weight"]
    torch.testing.assert_close(model(inputs)[0], logits, rtol=1e-10, atol=1e-10)


def test_the_decoder_with_rotary_positions_is_gpt_neox():
    """Pythia's architecture, with its blocks one after the other and all dimensions of a head rotated."""
    transformers = pytest.importorskip("transformers")
    model, inputs = decoder(0, positions="rotary"), sequences()
    theirs = transformers.GPTNeoXForCausalLM(
        transformers.GPTNeoXConfig(
            vocab_size=N_TOKENS,
            hidden_size=12,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=20,
            max_position_embeddings=LENGTH,
            use_parallel_residual=False,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 1.0},
            attn_implementation="eager",
        )
    ).double()
    weights = {name: parameter[0].squeeze(0) for name, parameter in model.named_parameters()}
    names = {
        "attention.query_key_value": "attention.qkv",
        "attention.dense": "attention.outputs",
        "mlp.dense_h_to_4h": "mlp.into",
        "mlp.dense_4h_to_h": "mlp.out",
        "input_layernorm": "before_attention",
        "post_attention_layernorm": "before_mlp",
    }
    state = {"gpt_neox.embed_in.weight": weights["embedding.tokens"], "lm_head.weight": weights["unembedding.weight"].T}
    for part, own in (("weight", "scale"), ("bias", "shift")):
        state[f"gpt_neox.final_layer_norm.{part}"] = weights[f"before_unembedding.{own}"]
        for layer, (their_name, our_name) in ((layer, each) for layer in (0, 1) for each in names.items()):
            is_norm = our_name.startswith("before")
            value = weights[f"blocks.{layer}.{our_name}.{own if is_norm else part}"].T
            if our_name == "attention.qkv":  # theirs has the query, key and value of each head together
                value = value.unflatten(0, (3, 3, 4)).transpose(0, 1).flatten(0, 2)
            state[f"gpt_neox.layers.{layer}.{their_name}.{part}"] = value
    theirs.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(model(inputs)[0], theirs(inputs[0]).logits, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("positions", ["rotary", "relative"])
def test_scores_depend_on_the_distance_and_not_on_the_position(positions):
    """In a sequence of equal tokens, log attention minus that to the query itself is a function of the distance."""
    model = decoder(0, depth=1, width=24, positions=positions)
    log_pattern = model.patterns(torch.full((1, 1, LENGTH), 3)).log()[0, 0, 0]
    for head in log_pattern:
        shifted = head - head.diagonal().unsqueeze(1)
        by_distance = [shifted.diagonal(-distance) for distance in range(LENGTH)]
        for values in by_distance:
            torch.testing.assert_close(values, values[:1].expand_as(values), rtol=1e-9, atol=1e-9)
        assert len({round(values[0].item(), 6) for values in by_distance}) == LENGTH


def test_relative_vectors_are_added_to_the_keys():
    """Shaw et al. 2018, Eq. 4: the score is q_i · (k_j + a_{i−j}) / √d."""
    model, inputs = decoder(0, depth=1, positions="relative", layer_norm=False), sequences(1)
    attention, x = model.blocks[0].attention, model.embedding(inputs)[0, 0]
    queries, keys, _ = (x @ attention.qkv.weight[0] + attention.qkv.bias[0]).view(LENGTH, 3, 3, 4).unbind(1)
    vectors = attention.relative.vectors[0]
    for head in range(3):
        for i in range(LENGTH):
            scores = torch.stack([queries[i, head] @ (keys[j, head] + vectors[i - j]) / 2 for j in range(i + 1)])
            torch.testing.assert_close(model.patterns(inputs)[0, 0, 0, head, i, : i + 1], scores.softmax(0))


def test_without_positions_in_the_scores_order_would_not_matter():
    """Learned positions are the only ones: without them, the last logits ignore the order of the other tokens."""
    model, inputs = decoder(0, depth=1), sequences()
    reordered = torch.cat([inputs[..., :-1].flip(2), inputs[..., -1:]], 2)
    assert not torch.allclose(model(inputs)[:, :, -1], model(reordered)[:, :, -1])
    with torch.no_grad():
        model.embedding.positions.zero_()
    torch.testing.assert_close(model(inputs)[:, :, -1], model(reordered)[:, :, -1])


def test_attention_only_has_no_mlp_and_tied_has_one_embedding():
    names = {name for name, _ in decoder(0, d_mlp=0, layer_norm=False).named_parameters()}
    parts = [f"blocks.{b}.attention.{m}.{p}" for b in (0, 1) for m in ("qkv", "outputs") for p in ("weight", "bias")]
    assert names == {"embedding.tokens", "embedding.positions", "unembedding.weight", *parts}
    model = decoder(0, tied=True)
    assert not any(name.startswith("unembedding") for name, _ in model.named_parameters())
    with torch.no_grad():
        logits = model(sequences())
        model.embedding.tokens[0, 3] *= 0  # of no token here: only the logit changes
    inputs = sequences().where(sequences() != 3, 4)
    assert (model(inputs)[..., 3] == 0).all() and logits[..., 3].abs().min() > 0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (dict(heads=5), r"^model\.heads=5: must divide model\.width=12$"),
        (
            dict(heads=4, positions="rotary"),
            r"^model\.positions=rotary: needs heads of an even dimension, here model\.width / model\.heads = 3$",
        ),
        (dict(d_mlp=-1), r"^model\.d_mlp=-1: must be an integer of at least 0$"),
        (dict(positions="none"), r"^model\.positions=none: must be one of learned, rotary, relative$"),
        (dict(activation="tanh"), r"^model\.activation=tanh: must be one of relu, gelu$"),
    ],
)
def test_a_wrong_size_or_option_is_one_line(changes, line):
    with pytest.raises(UserError, match=line):
        decoder(0, **changes)
