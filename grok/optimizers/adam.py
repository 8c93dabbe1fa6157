"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), alone or with rates of its own for each replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from grok.checks import UserError, flag, number, whole
from grok.optimizers.optimizer import ParameterGroup, WithParts, arguments_of, beside, check_clip, rates_of

RATES = ("lr", "betas", "eps", "weight_decay")


@dataclass(frozen=True, kw_only=True)
class _Rates(WithParts):
    replica_wise: ClassVar = (*RATES, "parts.*.*")
    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    constrain_norm: bool
    clip_norm: float | None
    warmup: int
    parts: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        number("optimizer.lr", self.lr, least=0)
        if not isinstance(self.betas, Sequence) or len(self.betas) != 2:
            raise UserError(f"optimizer.betas={self.betas}: must be two numbers, [beta1, beta2]")
        for beta in self.betas:
            number("optimizer.betas", beta, least=0, below=1)
        object.__setattr__(self, "betas", tuple(self.betas))
        number("optimizer.eps", self.eps, above=0)
        number("optimizer.weight_decay", self.weight_decay, least=0)
        flag("optimizer.constrain_norm", self.constrain_norm)
        check_clip(self.clip_norm)
        whole("optimizer.warmup", self.warmup, least=0)
        self.check_parts()


@dataclass(frozen=True, kw_only=True)
class AdamW(_Rates):
    """Adam whose weight decay shrinks the weights by lr · weight_decay a step, apart from the gradient."""

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(arguments_of(groups, *RATES), fused=True)

    def per_replica(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return ReplicaAdam(groups, decoupled=True)


@dataclass(frozen=True, kw_only=True)
class Adam(_Rates):
    """Adam whose weight decay is added to the gradient (an L2 penalty)."""

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return torch.optim.Adam(arguments_of(groups, *RATES), fused=True)

    def per_replica(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        return ReplicaAdam(groups, decoupled=False)


class ReplicaAdam(torch.optim.Optimizer):
    """Adam with a learning rate, betas, eps and weight decay for each replica; the mathematics of torch's Adam(W)."""

    def __init__(self, groups: Sequence[ParameterGroup], *, decoupled: bool) -> None:
        super().__init__([{"params": each.parameters, "lr": rates_of(each.settings, "lr")[0]} for each in groups], {})
        self.rates = [rates_of(each.settings, *RATES[1:]) for each in groups]
        self.decoupled = decoupled
        self.taken: int | None = None  # steps; read off the state once, which may lie on another device

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        taken = self._count()
        for group, (betas, eps, weight_decay) in zip(self.param_groups, self.rates, strict=True):
            lr = group["lr"]
            beta1, beta2 = betas.unbind(1)
            coefficients = beside(
                group["params"][0],
                [
                    1 - lr * weight_decay,
                    weight_decay,
                    1 - beta1,
                    beta2,
                    1 - beta2,
                    (1 - beta2**taken).rsqrt(),
                    -lr / (1 - beta1**taken),
                    eps,
                ],
            )
            for parameter in group["params"]:
                self._update(parameter, self.state[parameter], *coefficients[parameter.dim()])

    def _count(self) -> int:
        """Count the step in every parameter's state, as torch does, and give its number."""
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = torch.zeros(())
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            state["step"] += 1
        self.taken = int(self.state[parameters[0]]["step"]) if self.taken is None else self.taken + 1
        return self.taken

    def _update(
        self,
        parameter: Tensor,
        state: dict[str, Tensor],
        shrink: Tensor,
        decay: Tensor,
        new_in_mean: Tensor,
        beta2: Tensor,
        new_in_square: Tensor,
        root_correction: Tensor,
        step_size: Tensor,
        eps: Tensor,
    ) -> None:
        """One step of one parameter [replica, …]; each coefficient is [replica, 1, …]."""
        gradient = parameter.grad
        assert gradient is not None, "a step follows a backward pass"
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        if self.decoupled:
            parameter.mul_(shrink)
        else:
            gradient = gradient + decay * parameter
        mean.lerp_(gradient, new_in_mean)
        square.mul_(beta2).addcmul_(gradient * new_in_square, gradient)
        parameter.addcdiv_(mean * step_size, square.sqrt().mul_(root_correction).add_(eps))
