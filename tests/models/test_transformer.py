"""The transformer gives exactly the outputs and gradients of its definition, although it computes fewer positions."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from grok.models.spec import TokenPairs
from grok.models.transformer import Transformer
from grok.random_streams import RandomStreams

SMALL = dict(
    depth=1,
    width=12,
    heads=3,
    d_head=None,
    d_mlp=10,
    activation="relu",
    layer_norm=False,
    attention_coefficient=1.0,
    dropout=0.0,
    equals_sign=True,
    causal=True,
    inputs=TokenPairs(7),
    n_outputs=7,
)
NANDA = SMALL | dict(width=128, heads=4, d_mlp=512, inputs=TokenPairs(113), n_outputs=113)
PIZZA = dict(equals_sign=False, causal=False, attention_coefficient=0.3)


def transformer(*seeds: int, **changes) -> Transformer:
    return Transformer(**SMALL | changes, generators=[RandomStreams(seed).generator("init") for seed in seeds])


def perturbed(*seeds: int, biases: bool = False, **changes) -> Transformer:
    """A transformer with nonzero biases and large attention scores: an error in any term is visible."""
    model = transformer(*seeds, **changes)
    if biases:
        model.add_biases()
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


def by_definition(model: Transformer, inputs: Tensor, replica: int, **changes) -> tuple[Tensor, Tensor, Tensor]:
    """One replica as in the papers: every position of every example through every layer, head by head.

    Returns the logits at every position, and the neurons and patterns (of each head) of the last block at the last
    position.
    """
    key = SMALL | changes
    weights = {name: parameter[replica] for name, parameter in model.named_parameters()}
    n, n_positions, coefficient = len(inputs), 2 + key["equals_sign"], key["attention_coefficient"]
    tokens = functional.pad(inputs, (0, 1), value=key["inputs"].n_tokens) if key["equals_sign"] else inputs
    x = weights["embedding.tokens"][tokens] + weights["embedding.positions"]
    ones = torch.ones(n_positions, n_positions, dtype=torch.float64)
    visible = ones.tril() if key["causal"] else ones
    for layer in range(key["depth"]):
        block = {name.removeprefix(f"blocks.{layer}."): each for name, each in weights.items()}
        y, patterns = layer_norm(x, block, "before_attention"), []
        d_head = key["d_head"] or key["width"] // key["heads"]
        for head in range(key["heads"]):
            part = slice(head * d_head, (head + 1) * d_head)
            q, k, v = (
                torch.einsum("npd,dh->nph", y, block[f"attention.{name}"][:, part])
                + block.get(f"attention.{bias}_bias", torch.zeros(1, key["heads"] * d_head))[:, part]
                for name, bias in (("queries", "query"), ("keys", "key"), ("values", "value"))
            )
            scores = torch.einsum("nqh,nkh->nqk", q, k) / math.sqrt(d_head)
            softmax = scores.masked_fill(visible == 0, -math.inf).softmax(-1)
            patterns.append(coefficient * softmax + (1 - coefficient) * visible)
            mixed = torch.einsum("nqk,nkh->nqh", patterns[-1], v)
            x = x + torch.einsum("nqh,hd->nqd", mixed, block["attention.outputs"][part])
        x = x + block.get("attention.output_bias", 0)
        y = layer_norm(x, block, "before_mlp")
        activation = {"relu": functional.relu, "gelu": functional.gelu}[key["activation"]]
        neurons = activation(torch.einsum("npd,dm->npm", y, block["mlp.into"]) + block["mlp.into_bias"])
        x = x + torch.einsum("npm,md->npd", neurons, block["mlp.out"]) + block["mlp.out_bias"]
    logits = layer_norm(x, weights, "before_unembedding") @ weights["unembedding.weight"] + weights.get("logit_bias", 0)
    assert len(logits) == n
    return logits, neurons[:, -1], torch.stack(patterns, 1)[:, :, -1]


VARIANTS = {
    "one layer": {},
    "pizza": PIZZA,
    "two layers": dict(depth=2),
    "three layers, two positions": dict(depth=3, **PIZZA),
    "layer norm, gelu": dict(layer_norm=True, activation="gelu"),
    "two layers with layer norm": dict(depth=2, layer_norm=True, causal=False),
    "wide heads, biases": dict(depth=2, d_head=5, biases=True),
    "narrow heads, biases, layer norm": dict(d_head=3, biases=True, layer_norm=True),
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("shared", [False, True], ids=["own inputs", "shared inputs"])
def test_outputs_and_gradients_match_the_definition_in_the_papers(changes, shared):
    model = perturbed(0, 1, **changes)
    inputs = pairs(1).expand(2, -1, -1) if shared else pairs(2)
    outputs = model(inputs)
    weight = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (outputs * weight).sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    for replica in range(2):
        every_position, neurons, patterns = by_definition(model, inputs[replica], replica, **changes)
        torch.testing.assert_close(model.at_every_position(inputs)[replica], every_position, rtol=1e-12, atol=1e-12)
        logits = every_position[:, -1, :7]
        torch.testing.assert_close(outputs[replica], logits, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(model.neurons(inputs)[replica], neurons, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(model.patterns(inputs)[replica], patterns, rtol=1e-12, atol=1e-12)
        (logits * weight[replica]).sum().backward()
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        scale = parameter.grad.abs().max().clamp(min=1)  # that of a key's bias is 0, but for rounding
        torch.testing.assert_close(gradient / scale, parameter.grad / scale, rtol=1e-12, atol=1e-12, msg=name)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_neuron_logit_map_is_what_a_neuron_adds_to_the_logits(layer_norm):
    """With a norm, the logits are compared without its shift, and multiplied by the std of the residual stream."""
    model = perturbed(0, layer_norm=layer_norm)
    unembedding, norm = model.unembedding.weight[..., :7], model.before_unembedding
    stream = torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)

    def logits(stream: Tensor) -> Tensor:
        if norm is None:
            return stream @ unembedding
        std = (stream.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        return (norm(stream) - norm.shift) @ unembedding * std

    for neuron, output_weights in enumerate(model.blocks[-1].mlp.out.unbind(1)):
        added = logits(stream + 3 * output_weights.unsqueeze(1)) - logits(stream)
        torch.testing.assert_close(added, 3 * model.neuron_logit_map[..., neuron].unsqueeze(1).expand_as(added))


def test_without_softmax_every_position_has_weight_one_and_queries_have_no_gradient():
    model, patterns = (
        perturbed(0, attention_coefficient=0.0),
        perturbed(0, attention_coefficient=0.0).patterns(pairs()),
    )
    assert torch.equal(patterns, torch.ones(1, 20, 3, 3, dtype=torch.float64))
    model(pairs()).sum().backward()
    assert not model.blocks[0].attention.queries.grad.any()
    torch.testing.assert_close(perturbed(0).patterns(pairs()).sum(-1), torch.ones(1, 20, 3, dtype=torch.float64))


def test_replicas_with_shared_weights_give_the_gradient_of_each_examples_embedding():
    model, inputs = perturbed(0), pairs(1, 5)
    weights = {name: parameter.detach().expand(5, *parameter.shape[1:]) for name, parameter in model.named_parameters()}
    embedding = weights["embedding.tokens"].clone().requires_grad_()
    logits = torch.func.functional_call(model, weights | {"embedding.tokens": embedding}, inputs.transpose(0, 1))
    (gradients,) = torch.autograd.grad(logits[:, 0, 4].sum(), embedding)
    for example in range(5):
        logit = model(inputs[:, example : example + 1])[0, 0, 4]
        (gradient,) = torch.autograd.grad(logit, model.embedding.tokens)
        torch.testing.assert_close(gradients[example], gradient[0], rtol=1e-10, atol=1e-12)


def test_an_mlp_has_four_neurons_for_each_dimension_unless_told_otherwise():
    width = SMALL["width"]
    for d_mlp, n_neurons in ((None, 4 * width), (7, 7)):
        assert dict(transformer(0, d_mlp=d_mlp).named_parameters())["blocks.0.mlp.into"].shape[1:] == (width, n_neurons)
