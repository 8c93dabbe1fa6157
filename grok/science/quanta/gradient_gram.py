"""Inner products of per-sample gradients: G_ij = g_i · g_j, with each sample's gradient computed once.

For linear layers the products are exact and need no gradient in memory (`linear_gram`). For any other loss they are
computed from the gradients, or from a sketch of them (`per_sample_gradients`, `gram`). All results stay on the device
and in the precision of the inputs. Double precision matters for samples with almost no loss: the error signal p − 1 of
the correct class is a multiple of 6e-8 in single precision, and 0 if the loss is below 3e-8 nats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.func import grad, vmap

from grok.science.numerics import sketches


class LinearLayer(NamedTuple):
    """Inputs and error signals of n samples at a layer y = W x + E[t] + b that each sample passes once."""

    inputs: Float[Tensor, "n in"]  # x
    signals: Float[Tensor, "n out"]  # ∂loss/∂y
    bias: bool
    one_hot: Int[Tensor, " n"] | None = None  # t, the index of a further one-hot input


def error_signals(
    losses: Float[Tensor, " n"], outputs: Sequence[Float[Tensor, "n _"]]
) -> tuple[Float[Tensor, "n _"], ...]:
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


def per_sample_gradients(
    loss: Callable[..., Float[Tensor, ""]],
    parameters: Mapping[str, Tensor],
    samples: Sequence[Tensor],
    *,
    block: int,
    sketch: Callable[[Float[Tensor, "m parameter"]], Float[Tensor, "m kept"]] | None,
) -> Float[Tensor, "n kept"]:
    """Gradient of `loss(parameters, *sample)` with respect to all parameters, flat, for each sample; or its sketch.

    `samples` are tensors whose first axis is the sample. The memory holds the result and about three times a block's
    gradients. 2,000 gradients of 300,000 parameters have 2.4 GB. 10,000 sketches of 4,096 numbers have 160 MB, and a
    block of 100 needs another 360 MB.
    """
    fixed = {name: tensor.detach() for name, tensor in parameters.items()}
    per_sample = vmap(grad(loss), in_dims=(None, *[0] * len(samples)))
    result = None
    for start in range(0, len(samples[0]), block):
        gradients = per_sample(fixed, *[values[start : start + block] for values in samples])
        flat = torch.cat([gradients[name].flatten(1) for name in fixed], dim=1)
        kept = flat if sketch is None else sketch(flat)
        result = kept.new_empty(len(samples[0]), kept.shape[1]) if result is None else result
        result[start : start + block] = kept
    assert result is not None, "there are no samples"
    return result


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
