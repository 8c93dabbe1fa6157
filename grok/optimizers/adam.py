"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), alone or with rates of its own for each replica."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grok.checks import UserError, flag, number
from grok.optimizers.optimizer import along_replicas, per_replica_rates


@dataclass(frozen=True, kw_only=True)
class _Rates:
    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    constrain_norm: bool

    def __post_init__(self) -> None:
        number("optimizer.lr", self.lr, least=0)
        if len(self.betas) != 2:
            raise UserError(f"optimizer.betas={list(self.betas)}: must be two numbers, [beta1, beta2]")
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

    def shared(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, **self.arguments())

    def per_replica(self, settings: Sequence[Any], parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return ReplicaAdam(settings, parameters, decoupled=True)


@dataclass(frozen=True, kw_only=True)
class Adam(_Rates):
    """Adam whose weight decay is added to the gradient (an L2 penalty)."""

    def shared(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, **self.arguments())

    def per_replica(self, settings: Sequence[Any], parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
        return ReplicaAdam(settings, parameters, decoupled=False)


class ReplicaAdam(torch.optim.Optimizer):
    """Adam with a learning rate, betas, eps and weight decay for each replica; the mathematics of torch's Adam(W)."""

    def __init__(self, settings: Sequence[_Rates], parameters: Sequence[Tensor], *, decoupled: bool) -> None:
        rates = per_replica_rates(settings, ("lr", "betas", "eps", "weight_decay"), like=parameters[0])
        super().__init__(parameters, {**rates, "decoupled": decoupled})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                self._update(parameter, group, self.state[parameter])

    def _update(self, parameter: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        """One step of one parameter [replica, …]."""
        if not state:
            state |= {"step": 0, "mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
        state["step"] += 1
        mean, square, gradient = state["mean"], state["square"], parameter.grad
        assert gradient is not None, "a step follows a backward pass"
        lr, (beta1, beta2), decay = group["lr"], group["betas"].unbind(1), group["weight_decay"]
        if group["decoupled"]:
            parameter.mul_(along_replicas(1 - lr * decay, parameter))
        else:
            gradient = gradient + along_replicas(decay, parameter) * parameter
        mean.lerp_(gradient, along_replicas(1 - beta1, parameter))
        square.mul_(along_replicas(beta2, parameter)).addcmul_(
            gradient * along_replicas(1 - beta2, parameter), gradient
        )
        root = (square.sqrt() * along_replicas((1 - beta2 ** state["step"]).rsqrt(), parameter)).add_(
            along_replicas(group["eps"], parameter)
        )
        parameter.addcdiv_(mean * along_replicas(-lr / (1 - beta1 ** state["step"]), parameter), root)
