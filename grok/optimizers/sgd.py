"""Stochastic gradient descent with momentum, alone or with rates of its own for each replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grok.checks import flag, number
from grok.optimizers.optimizer import beside, rates_of


@dataclass(frozen=True, kw_only=True)
class Sgd:
    """Gradient descent; weight decay is added to the gradient, momentum accumulates v ← μ v + g as torch's does."""

    lr: float
    momentum: float
    weight_decay: float
    constrain_norm: bool

    def __post_init__(self) -> None:
        number("optimizer.lr", self.lr, least=0)
        number("optimizer.momentum", self.momentum, least=0, below=1)
        number("optimizer.weight_decay", self.weight_decay, least=0)
        flag("optimizer.constrain_norm", self.constrain_norm)

    def shared(self, parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters.values(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay, fused=True
        )

    def per_replica(self, settings: Sequence[Any], parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        return ReplicaSgd(settings, [*parameters.values()])


class ReplicaSgd(torch.optim.Optimizer):
    """SGD with a learning rate, momentum and weight decay for each replica; the mathematics of torch's SGD."""

    def __init__(self, settings: Sequence[Sgd], parameters: Sequence[Tensor]) -> None:
        super().__init__(parameters, {})
        self.rates = rates_of(settings, "lr", "momentum", "weight_decay")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        (group,) = self.param_groups
        coefficients = beside(group["params"][0], self.rates)
        for parameter in group["params"]:
            lr, momentum, decay = coefficients[parameter.dim()]
            state = self.state[parameter]
            if not state:
                state["velocity"] = torch.zeros_like(parameter)
            velocity = state["velocity"].mul_(momentum).add_(parameter.grad + decay * parameter)
            parameter.sub_(lr * velocity)
