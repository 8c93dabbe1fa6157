"""A tanh of float32 numbers that is faster than torch's, whose vector functions are slow on AMD processors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

SERIES_BELOW = 0.1  # below this |x|, 2 σ(2x) − 1 cancels; the series has a relative error of 6e-8 there
LARGE = 40.0  # expm1 of it is finite, and tanh of half of it is 1 in float32

_torch_only = False


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent.

    In float32 on a CPU the absolute error is at most 2e-7, and the relative one at most 1e-6 for |x| < 0.1. Elsewhere,
    and within `torch_tanh`, it is torch's.
    """
    if _torch_only or x.dtype != torch.float32 or x.device.type != "cpu":
        return torch.tanh(x)
    if torch.compiler.is_compiling():  # fused into one loop: no slow function
        square = x * x
        series = x + x * square * (square * (2 / 15) - 1 / 3)
        return torch.where(x.abs() < SERIES_BELOW, series, 2 * torch.sigmoid(2 * x) - 1)
    found: Tensor = _Tanh.apply(x)
    return found


@contextmanager
def torch_tanh() -> Iterator[None]:
    """Make `tanh` torch's own."""
    global _torch_only
    before, _torch_only = _torch_only, True
    try:
        yield
    finally:
        _torch_only = before


class _Tanh(torch.autograd.Function):
    """expm1(2x) / (expm1(2x) + 2), which has few operations, with the derivative 1 − tanh²."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        grown = torch.expm1((x + x).clamp(max=LARGE))
        return grown.div_(grown + 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (output,) = ctx.saved_tensors
        found: Tensor = torch.ops.aten.tanh_backward(gradient, output)
        return found
