"""Grokfast with an exponential moving average of the gradients (Lee et al. 2024, arXiv:2405.20233)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import check_float
from grok.optimizers.transforms.transform import Transform, gradients


class GrokfastEma(Transform):
    """Adds the slow part of each gradient, multiplied by λ: h ← α h + (1 − α) g with h₀ = g, then g ← g + λ h.

    The keys are `alpha` (α) and `amplification` (λ).
    """

    per_replica_keys: ClassVar = ("alpha", "amplification")

    def __init__(self, *, alpha: Sequence[float], amplification: Sequence[float]) -> None:
        super().__init__()
        for each in alpha:
            check_float("alpha", each, minimum=0, below=1)
        for each in amplification:
            check_float("amplification", each, minimum=0)
        self.share_of_new = 1 - torch.tensor(alpha, dtype=torch.float64)
        self.amplification = torch.tensor(amplification, dtype=torch.float64)

    @property
    def state_copies(self) -> int:
        return 1

    def before_step(self, parameters: Sequence[Tensor], step: int) -> None:
        for number, gradient in gradients(parameters):
            name = f"average_{number}"
            if name not in self.state:
                self.state[name] = gradient.clone()
            average = self.state[name].lerp_(gradient, self.shaped(self.share_of_new, gradient))
            gradient.addcmul_(average, self.shaped(self.amplification, gradient))
