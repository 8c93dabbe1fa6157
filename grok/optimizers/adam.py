"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), with shared or per-replica hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import UserError, check_float
from grok.optimizers.broadcasting import broadcast_coefficients, replica_values
from grok.optimizers.fused_adam import FusedAdam
from grok.optimizers.optimizer import OptimizerSettings, ParameterGroup, ReplicaOptimizer, torch_param_groups

HYPERPARAMETERS = ("lr", "betas", "eps", "weight_decay")


@dataclass(frozen=True, kw_only=True)
class _AdamSettings(OptimizerSettings):
    per_replica_keys: ClassVar = (*HYPERPARAMETERS, "param_groups.*.*")
    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float

    def __post_init__(self) -> None:
        check_float("optimizer.lr", self.lr, minimum=0)
        if not isinstance(self.betas, Sequence) or len(self.betas) != 2:
            raise UserError(f"optimizer.betas={self.betas}: must be two numbers, [beta1, beta2]")
        for beta in self.betas:
            check_float("optimizer.betas", beta, minimum=0, below=1)
        object.__setattr__(self, "betas", tuple(self.betas))
        check_float("optimizer.eps", self.eps, above=0)
        check_float("optimizer.weight_decay", self.weight_decay, minimum=0)
        self.validate_param_groups()


@dataclass(frozen=True, kw_only=True)
class AdamW(_AdamSettings):
    """Adam with decoupled weight decay: each step shrinks the weights by the factor 1 − lr · weight_decay."""

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return FusedAdam(torch_param_groups(groups, *HYPERPARAMETERS), decoupled_weight_decay=True)

    def per_replica(self, groups: Sequence[ParameterGroup]) -> ReplicaOptimizer:
        return ReplicaAdam(groups, decoupled=True)


@dataclass(frozen=True, kw_only=True)
class Adam(_AdamSettings):
    """Adam whose weight decay is added to the gradient (an L2 penalty)."""

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return FusedAdam(torch_param_groups(groups, *HYPERPARAMETERS), decoupled_weight_decay=False)

    def per_replica(self, groups: Sequence[ParameterGroup]) -> ReplicaOptimizer:
        return ReplicaAdam(groups, decoupled=False)


class ReplicaAdam(ReplicaOptimizer):
    """torch's Adam(W) with a learning rate, betas, eps and weight decay of each replica."""

    def __init__(self, groups: Sequence[ParameterGroup], *, decoupled: bool) -> None:
        super().__init__(
            [{"params": each.parameters, "lr": replica_values(each.settings, "lr")[0]} for each in groups], {}
        )
        self.values = [replica_values(each.settings, *HYPERPARAMETERS[1:]) for each in groups]
        self.decoupled = decoupled
        self.n_steps: int | None = None  # read from the state once, which may be on another device
        self.update = self._update

    def compile(self) -> None:
        self.update = torch.compile(self._update, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        n_steps = self._count()
        for group, (betas, eps, weight_decay) in zip(self.param_groups, self.values, strict=True):
            lr = group["lr"]
            beta1, beta2 = betas.unbind(1)
            coefficients = broadcast_coefficients(
                group["params"][0],
                [
                    1 - lr * weight_decay,
                    weight_decay,
                    1 - beta1,
                    beta2,
                    1 - beta2,
                    (1 - beta2**n_steps).rsqrt(),
                    -lr / (1 - beta1**n_steps),
                    eps,
                ],
            )
            states = [self.state[parameter] for parameter in group["params"]]
            self.update(
                [parameter.detach() for parameter in group["params"]],
                [parameter.grad for parameter in group["params"]],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                coefficients,
            )

    def _count(self) -> int:
        """Count the step in every parameter's state, as torch does; returns its number."""
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = torch.zeros(())
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            state["step"] += 1
        self.n_steps = int(self.state[parameters[0]]["step"]) if self.n_steps is None else self.n_steps + 1
        return self.n_steps

    def _update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        means: Sequence[Tensor],
        squares: Sequence[Tensor],
        coefficients: Mapping[int, Sequence[Tensor]],
    ) -> None:
        """One step of the parameters [replica, …] of a group; coefficients [replica, 1, …] by the number of axes."""
        for parameter, gradient, mean, square in zip(parameters, gradients, means, squares, strict=True):
            shrink, decay, new_in_mean, beta2, new_in_square, root_correction, step_size, eps = coefficients[
                parameter.dim()
            ]
            if self.decoupled:
                parameter.mul_(shrink)
            else:
                gradient = gradient + decay * parameter
            mean.lerp_(gradient, new_in_mean)
            square.mul_(beta2).addcmul_(gradient * new_in_square, gradient)
            parameter.addcdiv_(mean * step_size, square.sqrt().mul_(root_correction).add_(eps))
