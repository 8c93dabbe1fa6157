"""Training at constant weight norm (Omnigrok's constrained optimization and reduced landscapes, Liu et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import check_float
from grok.optimizers.broadcasting import broadcast_to_parameter
from grok.optimizers.transforms.transform import Transform
from grok.science.landscape.norms import joint_norm


class NormConstraint(Transform):
    """Keeps the joint norm of each replica's parameters at its value before the first step.

    After each step, w ← w · (‖w₀‖ / ‖w‖)^strength. A strength of 1 keeps the norm, 0 leaves it free.
    """

    per_replica_keys: ClassVar = ("strength",)

    def __init__(self, *, strength: Sequence[float]) -> None:
        super().__init__()
        for each in strength:
            check_float("strength", each, minimum=0, maximum=1)
        self.strength = torch.tensor(strength, dtype=torch.float64)
        self.is_off, self.is_full = not any(strength), all(each == 1 for each in strength)

    def before_step(self, parameters: Sequence[Tensor], step: int) -> None:
        if not self.state and not self.is_off:
            self.state["norm"] = joint_norm([parameter.detach() for parameter in parameters])

    def after_step(self, parameters: Sequence[Tensor], step: int) -> None:
        if self.is_off:
            return
        factor = self.state["norm"] / joint_norm(parameters)
        if not self.is_full:
            factor = factor ** self.shaped(self.strength, factor)
        for parameter in parameters:
            parameter.mul_(broadcast_to_parameter(factor, parameter))
