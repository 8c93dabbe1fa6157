"""Inner products of per-sample gradients: G_ij = g_i · g_j, with each sample's gradient computed once.

The gradients are those of linear layers, from their inputs and error signals. Where a sample passes each layer once, as
in an MLP, its products need no gradient in memory (`linear_gram`). Where it passes them many times, as the positions of
a sequence do, gradients or sketches of them are the rows of a matrix (`gradient_rows`, `gram`). All results stay on the
device and in the precision of the inputs. Double precision matters for samples with almost no loss: the error signal
p − 1 of the correct class is a multiple of 6e-8 in single precision, and 0 if the loss is below 3e-8 nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.science.numerics import sketches


class LinearLayer(NamedTuple):
    """Inputs and error signals of n samples at a layer y = W x + E[t] + b.

    A sample passes the layer once, or several times (`pass`): then its gradient is a sum over the passes.
    """

    inputs: Float[Tensor, "n *pass in"]  # x
    signals: Float[Tensor, "n *pass out"]  # ∂loss/∂y
    bias: bool
    one_hot: Int[Tensor, " n"] | None = None  # t, the index of a further one-hot input, of layers with one pass


def error_signals(losses: Float[Tensor, " n"], outputs: Sequence[Float[Tensor, ...]]) -> tuple[Float[Tensor, ...], ...]:
    """∂loss_i / ∂y_i of each layer's outputs y. They must be in the losses' graph, and y_i must affect loss_i only."""
    return torch.autograd.grad(losses.sum(), [*outputs])


@torch.no_grad()
def linear_gram(layers: Sequence[LinearLayer], *, block: int) -> Float[Tensor, "n n"]:
    """Σ over layers of (δ δᵀ) ∘ (x xᵀ + [t = t'] + 1): the gradient of W is the outer product δ xᵀ, that of b is δ.

    It is computed in blocks of rows, for the upper half only. For 10,000 samples in single precision, the matrix has
    400 MB and four strips of 500 rows have 80 MB.
    """
    first = layers[0].signals
    n = len(first)
    products = first.new_empty(n, n)
    for start in range(0, n, block):
        rows, rest = slice(start, start + block), slice(start, n)
        strip = torch.zeros_like(products[rows, rest])
        for layer in layers:
            overlap = (layer.inputs[rows] @ layer.inputs[rest].mT).add_(float(layer.bias))
            if layer.one_hot is not None:
                overlap += layer.one_hot[rows].unsqueeze(1) == layer.one_hot[rest]
            strip += overlap * (layer.signals[rows] @ layer.signals[rest].mT)
        products[rows, rest] = strip
        products[rest, rows] = strip.mT
    return products


@torch.enable_grad()
def passed_layers(maps: Iterable[nn.Module], losses: Callable[[], Float[Tensor, " n"]]) -> list[LinearLayer]:
    """The passes of n samples through linear maps, in the forward pass that `losses` does to return their losses.

    A map gives [..., out] from [..., in] and may have a `bias`. The axes before the last hold the samples and, within
    each sample, its passes. The forward pass calls each map at most once. Sample i must affect loss i only.
    """
    passes: list[tuple[Tensor, Tensor, bool]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        outputs = outputs if outputs.requires_grad else outputs.requires_grad_()
        passes.append((inputs[0].detach(), outputs, getattr(module, "bias", None) is not None))
        return outputs.clone()  # an activation may overwrite it

    hooks = [each.register_forward_hook(keep) for each in maps]
    try:
        by_sample = losses()
    finally:
        for hook in hooks:
            hook.remove()
    signals = error_signals(by_sample, [outputs for _, outputs, _ in passes])
    n = len(by_sample)
    return [
        LinearLayer(inputs.reshape(n, -1, inputs.shape[-1]), signal.reshape(n, -1, signal.shape[-1]), bias)
        for (inputs, _, bias), signal in zip(passes, signals, strict=True)
    ]


@torch.no_grad()
def gradient_rows(
    layers: Sequence[LinearLayer], memory: Float[Tensor, "m parameter"] | None = None
) -> Float[Tensor, "n parameter"]:
    """The gradient of each sample: Σ δ xᵀ over its passes, flat, and Σ δ where there is a bias, layer by layer.

    It is written to the first n rows of `memory`, if given: new memory for each block of samples would take longer.
    """
    n = len(layers[0].signals)
    widths = [each.signals.shape[-1] * (each.inputs.shape[-1] + each.bias) for each in layers]
    rows = layers[0].signals.new_empty(n, sum(widths)) if memory is None else memory[:n]
    for (inputs, signals, bias, _), part in zip(layers, rows.split(widths, 1), strict=True):
        n_weights = inputs.shape[-1] * signals.shape[-1]
        part[:, :n_weights] = (signals.mT @ inputs).flatten(1)
        if bias:
            part[:, n_weights:] = signals.sum(1)
    return rows


def random_count_sketch(
    n_parameters: int, *, n_kept: int, generator: Generator
) -> Callable[[Float[Tensor, "m parameter"]], Float[Tensor, "m kept"]]:
    """A random projection that keeps inner products in expectation (Charikar et al. 2002; Weinberger et al. 2009).

    It adds each parameter, with a random sign, to one of `n_kept` numbers. The error of g · h has a std of at most
    sqrt((|g|² |h|² + (g · h)²) / n_kept), as for a dense Johnson–Lindenstrauss projection. Its matrix would not fit in
    memory; the sketch needs two numbers per parameter.
    """
    places, signs = sketches.random_places_and_signs(n_parameters, length=n_kept, generator=generator)

    def sketch(gradients: Float[Tensor, "m parameter"]) -> Float[Tensor, "m kept"]:
        return sketches.count_sketch(gradients, places, signs, length=n_kept)

    return sketch


def gram(vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """All inner products of the row vectors."""
    return vectors @ vectors.mT
