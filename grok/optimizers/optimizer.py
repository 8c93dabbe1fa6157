"""From each replica's optimiser settings to one optimiser over parameters that lead with the replica axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from grok.checks import UserError


class OptimizerSettings(Protocol):
    """One replica's optimiser settings: a frozen dataclass, equal where the settings are equal."""

    constrain_norm: bool

    def shared(self, parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        """torch's own optimiser, for replicas whose settings all equal these."""

    def per_replica(self, settings: Sequence[Any], parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        """An optimiser of the same rule with the rates of `settings[r]` for replica r."""


def build(settings: Sequence[OptimizerSettings], parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """One optimiser for all replicas; `settings[r]` is that of row r of every parameter.

    Raises:
        UserError: the replicas differ in more than their rates.
    """
    first = settings[0]
    if len({(type(each), each.constrain_norm) for each in settings}) > 1:
        raise UserError("optimizer: replicas trained side by side must share the optimiser and constrain_norm")
    if all(each == first for each in settings):
        return first.shared(parameters)
    return first.per_replica(settings, parameters)


def rates_of(settings: Sequence[Any], *names: str) -> list[Tensor]:
    """The named rates of every replica, each as a float64 tensor [replica, …] on the CPU.

    They are the configuration's, not the optimiser's state, so a checkpoint does not hold them.
    """
    return [torch.tensor([getattr(each, name) for each in settings], dtype=torch.float64) for name in names]


def beside(parameter: Tensor, coefficients: Sequence[Tensor]) -> dict[int, list[Tensor]]:
    """Coefficients [replica], in one transfer to the parameters' device and type, shaped to multiply a parameter with
    so many axes: a list of them for every number of axes from 1 to 5."""
    moved = torch.stack(list(coefficients)).to(parameter.dtype).to(parameter.device, non_blocking=True)
    return {axes: [each.view(-1, *[1] * (axes - 1)) for each in moved] for axes in range(1, 6)}


def along_replicas(rate: Tensor, parameter: Tensor) -> Tensor:
    """A rate [replica] shaped and typed to multiply a parameter [replica, …]."""
    return rate.to(parameter.dtype).view(-1, *[1] * (parameter.dim() - 1))
