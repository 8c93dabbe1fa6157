"""Stochastic gradient descent with momentum, with shared or per-replica hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from grok.checks import check_float
from grok.optimizers.broadcasting import broadcast_coefficients, replica_values
from grok.optimizers.optimizer import OptimizerSettings, ParameterGroup, ReplicaOptimizer, torch_param_groups

HYPERPARAMETERS = ("lr", "momentum", "weight_decay")


@dataclass(frozen=True, kw_only=True)
class Sgd(OptimizerSettings):
    """Gradient descent; weight decay is added to the gradient, momentum accumulates v ← μ v + g as torch's does."""

    per_replica_keys: ClassVar = (*HYPERPARAMETERS, "param_groups.*.*")
    lr: float
    momentum: float
    weight_decay: float

    def __post_init__(self) -> None:
        check_float("optimizer.lr", self.lr, minimum=0)
        check_float("optimizer.momentum", self.momentum, minimum=0, below=1)
        check_float("optimizer.weight_decay", self.weight_decay, minimum=0)
        self.validate_param_groups()

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return torch.optim.SGD(torch_param_groups(groups, *HYPERPARAMETERS), fused=True)

    def per_replica(self, groups: Sequence[ParameterGroup]) -> ReplicaOptimizer:
        return ReplicaSgd(groups)


class ReplicaSgd(ReplicaOptimizer):
    """torch's SGD with a learning rate, momentum and weight decay of each replica."""

    def __init__(self, groups: Sequence[ParameterGroup]) -> None:
        super().__init__(
            [{"params": each.parameters, "lr": replica_values(each.settings, "lr")[0]} for each in groups], {}
        )
        self.values = [replica_values(each.settings, *HYPERPARAMETERS[1:]) for each in groups]

    def compile(self) -> None:
        """Compile nothing: a step is a few operations."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group, values in zip(self.param_groups, self.values, strict=True):
            coefficients = broadcast_coefficients(group["params"][0], [group["lr"], *values])
            for parameter in group["params"]:
                lr, momentum, decay = coefficients[parameter.dim()]
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                velocity = state["momentum_buffer"].mul_(momentum).add_(parameter.grad + decay * parameter)
                parameter.sub_(lr * velocity)
