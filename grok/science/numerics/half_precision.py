"""Half precision with a scale for each row, so that large values do not overflow."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float16, Float32, Float64
from torch import Tensor


def to_half(
    values: Float[Tensor, "*batch row d"],
) -> tuple[Float16[Tensor, "*batch row d"], Float32[Tensor, "*batch row"]]:
    """The values divided by their row's scale, and the scales.

    Scales are powers of two, so the only rounding is to 11 bits. Half precision without a scale ends at 65,504.
    """
    largest = values.abs().amax(-1)
    exponent = torch.frexp(largest).exponent.where(largest.isfinite(), 0)
    scale = torch.ldexp(torch.ones_like(largest), exponent)
    return (values / scale.unsqueeze(-1)).half(), scale.float()


def from_half(
    halves: Float16[Tensor, "*batch row d"], scale: Float32[Tensor, "*batch row"]
) -> Float64[Tensor, "*batch row d"]:
    """The values, restored from half precision and their row's scale."""
    return halves.double() * scale.double().unsqueeze(-1)
