"""torch's fused Adam and AdamW without the work that torch repeats in each step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

State = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]  # parameters, means, squares, numbers of steps


class FusedAdam(torch.optim.Adam):
    """torch's Adam, or AdamW if `decoupled_weight_decay`, by its fused kernel. It changes the same numbers.

    torch collects the parameters and their state again in each step, which for small networks takes longer than the
    kernel.
    """

    def __init__(self, groups: list[dict[str, Any]], *, decoupled_weight_decay: bool) -> None:
        super().__init__(groups, fused=True, decoupled_weight_decay=decoupled_weight_decay)
        self.kernel = torch._fused_adamw_ if decoupled_weight_decay else torch._fused_adam_
        self.collected: list[State] = []  # of each group

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        if not self._is_current():
            self.collected = [self._collect(group) for group in self.param_groups]
        for group, (parameters, means, squares, n_steps) in zip(self.param_groups, self.collected, strict=True):
            if not parameters:
                continue
            torch._foreach_add_(n_steps, 1)
            beta1, beta2 = group["betas"]
            self.kernel(
                parameters,
                [parameter.grad for parameter in parameters],
                means,
                squares,
                [],
                n_steps,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _is_current(self) -> bool:
        """Whether the collected state is the optimizer's, of all parameters that have a gradient.

        Loading a state or moving it to a device replaces it.
        """
        return bool(self.collected) and all(
            len(parameters) == sum(each.grad is not None for each in group["params"])
            and (not parameters or self.state[parameters[0]]["exp_avg"] is means[0])
            for group, (parameters, means, *_) in zip(self.param_groups, self.collected, strict=True)
        )

    def _collect(self, group: dict[str, Any]) -> State:
        """The group's parameters and their state, which torch makes in the first step."""
        parameters: list[Tensor] = []
        means: list[Tensor] = []
        squares: list[Tensor] = []
        n_steps: list[Tensor] = []
        self._init_group(group, parameters, [], means, squares, [], n_steps)
        return parameters, means, squares, n_steps
