"""Numbers of each replica, shaped to multiply its parameters and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def replica_values(settings: Sequence[Any], *names: str) -> list[Tensor]:
    """The named hyperparameters of every replica, each as a float64 tensor [replica, …] on the CPU."""
    return [torch.tensor([getattr(each, name) for each in settings], dtype=torch.float64) for name in names]


def broadcast_coefficients(parameter: Tensor, coefficients: Sequence[Tensor]) -> dict[int, list[Tensor]]:
    """Coefficients [replica] on the parameter's device and in its type, moved in one transfer.

    For every number of axes from 1 to 5: the coefficients shaped to multiply a parameter with that many axes.
    """
    moved = torch.stack(list(coefficients)).to(parameter.dtype).to(parameter.device, non_blocking=True)
    return {axes: [each.view(-1, *[1] * (axes - 1)) for each in moved] for axes in range(1, 6)}


def broadcast_to_parameter(values: Tensor, parameter: Tensor) -> Tensor:
    """Values [replica] shaped and typed to multiply a parameter [replica, …]."""
    return values.to(parameter.dtype).to(parameter.device).view(-1, *[1] * (parameter.dim() - 1))
