"""Rows of numbers in half precision, each with a scale of its own, so that no size is too large for it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float16, Float32, Float64
from torch import Tensor


def halved(
    values: Float[Tensor, "*batch row d"],
) -> tuple[Float16[Tensor, "*batch row d"], Float32[Tensor, "*batch row"]]:
    """The values by their row's scale, and the scales: powers of two, so that nothing is rounded but to 11 bits.

    Half precision itself ends at 65,504.
    """
    largest = values.abs().amax(-1)
    exponent = torch.frexp(largest).exponent.where(largest.isfinite(), 0)
    scale = torch.ldexp(torch.ones_like(largest), exponent)
    return (values / scale.unsqueeze(-1)).half(), scale.float()


def restored(
    halves: Float16[Tensor, "*batch row d"], scale: Float32[Tensor, "*batch row"]
) -> Float64[Tensor, "*batch row d"]:
    """The values again."""
    return halves.double() * scale.double().unsqueeze(-1)
