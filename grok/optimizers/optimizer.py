"""From each replica's optimiser settings to one optimiser over parameters that lead with the replica axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from grok.checks import UserError


class Settings(Protocol):
    """One replica's optimiser settings: a frozen dataclass, equal where the settings are equal."""

    constrain_norm: bool

    def shared(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        """torch's own optimiser, for replicas whose settings all equal these."""

    def per_replica(self, settings: Sequence[Any], parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        """An optimiser of the same rule with the rates of `settings[r]` for replica r."""


def build(settings: Sequence[Settings], parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
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


def per_replica_rates(settings: Sequence[Any], names: Sequence[str], like: Tensor) -> dict[str, Tensor]:
    """The named rates of every replica as float64 tensors [replica] on the device of `like`."""
    return {
        name: torch.tensor([getattr(s, name) for s in settings], dtype=torch.float64, device=like.device)
        for name in names
    }


def along_replicas(rate: Tensor, parameter: Tensor) -> Tensor:
    """A rate [replica] shaped and typed to multiply a parameter [replica, …]."""
    return rate.to(parameter.dtype).view(-1, *[1] * (parameter.dim() - 1))
