"""The learning rate over steps: a linear warm-up, then constant or a cosine decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from grok.checks import UserError, check_float, check_int


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One replica's factor of the learning rates.

    It rises as min(step / warmup, 1): the first step changes nothing, as with LambdaLR in the reference codes (Power et
    al. 2022, Nanda et al. 2023). With `decay_until`, it then falls along half a cosine to `final_factor` at that step,
    and stays there. A `decay_until` of 0, as in a run without steps, means no decay.
    """

    per_replica_keys: ClassVar = ("warmup", "decay_until", "final_factor")
    warmup: int
    decay_until: int | None
    final_factor: float

    def __post_init__(self) -> None:
        check_int("optimizer.schedule.warmup", self.warmup, minimum=0)
        check_float("optimizer.schedule.final_factor", self.final_factor, minimum=0, maximum=1)
        if self.decay_until is not None:
            check_int("optimizer.schedule.decay_until", self.decay_until, minimum=0)
            if 0 < self.decay_until <= self.warmup:
                raise UserError(
                    f"optimizer.schedule.decay_until={self.decay_until}: must be above "
                    f"optimizer.schedule.warmup={self.warmup}; a short run needs a shorter warm-up, such as "
                    f"optimizer.schedule.warmup={self.decay_until // 10}"
                )

    def factor(self, step: int) -> float:
        """The factor of the step from `step` to `step + 1`."""
        if step < self.warmup:
            return step / self.warmup
        if not self.decay_until:
            return 1.0
        progress = min((step - self.warmup) / (self.decay_until - self.warmup), 1.0)
        return self.final_factor + (1 - self.final_factor) * (1 + math.cos(math.pi * progress)) / 2


class LearningRates:
    """The learning rates of an optimizer, which follow the schedule of each replica."""

    def __init__(self, optimizer: torch.optim.Optimizer, schedules: Sequence[Schedule]) -> None:
        self.optimizer, self.schedules = optimizer, schedules
        self.lrs = [group["lr"] for group in optimizer.param_groups]  # a number, or a tensor [replica]
        self.are_equal = all(each == schedules[0] for each in schedules)
        self.factors: list[float] = []  # those that are set

    def set_step(self, step: int) -> None:
        """Set the learning rates of the step from `step` to `step + 1`."""
        factors = [each.factor(step) for each in (self.schedules[:1] if self.are_equal else self.schedules)]
        if factors != self.factors:
            self.factors = factors
            factor: Any = factors[0] if self.are_equal else torch.tensor(factors, dtype=torch.float64)
            for group, lr in zip(self.optimizer.param_groups, self.lrs, strict=True):
                group["lr"] = lr * factor
