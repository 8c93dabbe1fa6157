"""Inner products of the gradients that single samples give: G_ij = g_i · g_j, each sample's gradient computed once.

Exact for linear layers without a gradient in memory (`linear_gram`); for any other loss from the gradients themselves
or from a sketch of them (`per_sample_gradients`, `gram`). Everything stays on the device and in the precision given.
Double precision is worth its price for samples of almost no loss: p − 1, the error signal of the right class, is a
multiple of 6e-8 in single precision and 0 where the loss is below 3e-8 nats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.func import grad, vmap

from grok.science import sketches


class LinearLayer(NamedTuple):
    """What n samples leave in y = W x + E[t] + b that each of them passes once: x and ∂loss/∂y; t, the one of further
    one-hot inputs that is set, where there are some."""

    inputs: Float[Tensor, "n in"]
    signals: Float[Tensor, "n out"]
    bias: bool
    one_hot: Int[Tensor, " n"] | None = None


def error_signals(
    losses: Float[Tensor, " n"], outputs: Sequence[Float[Tensor, "n _"]]
) -> tuple[Float[Tensor, "n _"], ...]:
    """∂loss_i / ∂y_i of each layer's outputs y, which must be in the graph of the losses, and touch their own alone."""
    return torch.autograd.grad(losses.sum(), [*outputs])


@torch.no_grad()
def linear_gram(layers: Sequence[LinearLayer], *, block: int) -> Float[Tensor, "n n"]:
    """Σ over layers of (δ δᵀ) ∘ (x xᵀ + [t = t'] + 1): the gradient by W is the outer product δ xᵀ, that by b is δ.

    In blocks of rows, the upper half alone. 10,000 samples in single precision: 400 MB for the matrix, and 80 MB for
    four strips of 500 rows.
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


def per_sample_gradients(
    loss: Callable[..., Float[Tensor, ""]],
    parameters: Mapping[str, Tensor],
    samples: Sequence[Tensor],
    *,
    block: int,
    sketch: Callable[[Float[Tensor, "m parameter"]], Float[Tensor, "m kept"]] | None,
) -> Float[Tensor, "n kept"]:
    """The gradient of `loss(parameters, *sample)` by all parameters, flat, one row a sample; or a sketch of each.

    `samples` are tensors whose first axis is the sample. In memory at once are the rows and some three times a block's
    gradients: 2,000 of 300,000 parameters are 2.4 GB; 10,000 kept as 4,096 numbers are 160 MB, with 360 MB for a block
    of 100.
    """
    fixed = {name: tensor.detach() for name, tensor in parameters.items()}
    per_sample = vmap(grad(loss), in_dims=(None, *[0] * len(samples)))
    rows = None
    for start in range(0, len(samples[0]), block):
        found = per_sample(fixed, *[values[start : start + block] for values in samples])
        flat = torch.cat([found[name].flatten(1) for name in fixed], dim=1)
        kept = flat if sketch is None else sketch(flat)
        rows = kept.new_empty(len(samples[0]), kept.shape[1]) if rows is None else rows
        rows[start : start + block] = kept
    assert rows is not None, "there are no samples"
    return rows


def count_sketch(
    n_parameters: int, *, n_kept: int, generator: Generator
) -> Callable[[Float[Tensor, "m parameter"]], Float[Tensor, "m kept"]]:
    """A random projection that keeps inner products in the mean: each parameter is added to one of `n_kept` numbers,
    with a random sign (Charikar et al. 2002; Weinberger et al. 2009).

    The error of g · h has a standard deviation of at most sqrt((|g|² |h|² + (g · h)²) / n_kept), as with a dense
    Johnson–Lindenstrauss projection, whose matrix would not fit: two numbers a parameter do.
    """
    places, signs = sketches.drawn(n_parameters, length=n_kept, generator=generator)

    def sketch(gradients: Float[Tensor, "m parameter"]) -> Float[Tensor, "m kept"]:
        return sketches.count_sketch(gradients, places, signs, length=n_kept)

    return sketch


def gram(vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """All inner products of the rows."""
    return vectors @ vectors.mT
