"""Stochastic gradient descent with momentum, alone or with rates of its own for each replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from grok.checks import flag, number, whole
from grok.optimizers.optimizer import ParameterGroup, WithParts, arguments_of, beside, check_clip, rates_of

RATES = ("lr", "momentum", "weight_decay")


@dataclass(frozen=True, kw_only=True)
class Sgd(WithParts):
    """Gradient descent; weight decay is added to the gradient, momentum accumulates v ← μ v + g as torch's does."""

    replica_wise: ClassVar = (*RATES, "parts.*.*")
    lr: float
    momentum: float
    weight_decay: float
    constrain_norm: bool
    clip_norm: float | None
    warmup: int
    parts: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        number("optimizer.lr", self.lr, least=0)
        number("optimizer.momentum", self.momentum, least=0, below=1)
        number("optimizer.weight_decay", self.weight_decay, least=0)
        flag("optimizer.constrain_norm", self.constrain_norm)
        check_clip(self.clip_norm)
        whole("optimizer.warmup", self.warmup, least=0)
        self.check_parts()

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return torch.optim.SGD(arguments_of(groups, *RATES), fused=True)

    def per_replica(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return ReplicaSgd(groups)


class ReplicaSgd(torch.optim.Optimizer):
    """SGD with a learning rate, momentum and weight decay for each replica; the mathematics of torch's SGD."""

    def __init__(self, groups: Sequence[ParameterGroup]) -> None:
        super().__init__([{"params": each.parameters, "lr": rates_of(each.settings, "lr")[0]} for each in groups], {})
        self.rates = [rates_of(each.settings, *RATES[1:]) for each in groups]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group, rates in zip(self.param_groups, self.rates, strict=True):
            coefficients = beside(group["params"][0], [group["lr"], *rates])
            for parameter in group["params"]:
                lr, momentum, decay = coefficients[parameter.dim()]
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                velocity = state["momentum_buffer"].mul_(momentum).add_(parameter.grad + decay * parameter)
                parameter.sub_(lr * velocity)
