"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), alone or with rates of its own for each replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grok.checks import UserError, flag, number
from grok.optimizers.optimizer import beside, rates_of


@dataclass(frozen=True, kw_only=True)
class _Rates:
    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    constrain_norm: bool

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

    def arguments(self) -> dict[str, Any]:
        """The settings by the names of torch's optimisers."""
        return dict(lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True)


@dataclass(frozen=True, kw_only=True)
class AdamW(_Rates):
    """Adam whose weight decay shrinks the weights by lr · weight_decay a step, apart from the gradient."""

    def shared(self, parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters.values(), **self.arguments())

    def per_replica(self, settings: Sequence[Any], parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        return ReplicaAdam(settings, [*parameters.values()], decoupled=True)


@dataclass(frozen=True, kw_only=True)
class Adam(_Rates):
    """Adam whose weight decay is added to the gradient (an L2 penalty)."""

    def shared(self, parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters.values(), **self.arguments())

    def per_replica(self, settings: Sequence[Any], parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        return ReplicaAdam(settings, [*parameters.values()], decoupled=False)


class ReplicaAdam(torch.optim.Optimizer):
    """Adam with a learning rate, betas, eps and weight decay for each replica; the mathematics of torch's Adam(W)."""

    def __init__(self, settings: Sequence[_Rates], parameters: Sequence[Tensor], *, decoupled: bool) -> None:
        super().__init__(parameters, {"step": 0})
        self.lr, betas, self.eps, self.weight_decay = rates_of(settings, "lr", "betas", "eps", "weight_decay")
        self.beta1, self.beta2 = betas.unbind(1)
        self.decoupled = decoupled

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        (group,) = self.param_groups
        group["step"] += 1
        coefficients = beside(
            group["params"][0],
            [
                1 - self.lr * self.weight_decay,
                self.weight_decay,
                1 - self.beta1,
                self.beta2,
                1 - self.beta2,
                (1 - self.beta2 ** group["step"]).rsqrt(),
                -self.lr / (1 - self.beta1 ** group["step"]),
                self.eps,
            ],
        )
        for parameter in group["params"]:
            self._update(parameter, self.state[parameter], *coefficients[parameter.dim()])

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
        if not state:
            state |= {"mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
        if self.decoupled:
            parameter.mul_(shrink)
        else:
            gradient = gradient + decay * parameter
        state["mean"].lerp_(gradient, new_in_mean)
        state["square"].mul_(beta2).addcmul_(gradient * new_in_square, gradient)
        parameter.addcdiv_(state["mean"] * step_size, state["square"].sqrt().mul_(root_correction).add_(eps))
