"""Grokfast with an exponential moving average of the gradients (Lee et al. 2024, arXiv:2405.20233)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import check_float
from grok.optimizers.broadcasting import broadcast_to_parameter
from grok.optimizers.transforms.transform import Transform


class GrokfastEma(Transform):
    """Adds the slow part of each gradient, multiplied by λ: h ← α h + (1 − α) g with h₀ = g, then g ← g + λ h.

    The keys are `alpha` (α) and `amplification` (λ).
    """

    per_replica_keys: ClassVar = ("alpha", "amplification")

    def __init__(self, *, alpha: Sequence[float], amplification: Sequence[float]) -> None:
        super().__init__()
        for each in alpha:
            check_float("optimizer.transforms.grokfast_ema.alpha", each, minimum=0, below=1)
        for each in amplification:
            check_float("optimizer.transforms.grokfast_ema.amplification", each, minimum=0)
        self.alpha = torch.tensor(alpha, dtype=torch.float64)
        self.amplification = torch.tensor(amplification, dtype=torch.float64)

    def before_step(self, parameters: Sequence[Tensor]) -> None:
        for number, parameter in enumerate(parameters):
            gradient = parameter.grad
            assert gradient is not None, "a step follows a backward pass"
            average = self.state.setdefault(f"average_{number}", gradient.clone())
            average.lerp_(gradient, broadcast_to_parameter(1 - self.alpha, gradient))
            gradient.addcmul_(average, broadcast_to_parameter(self.amplification, gradient))
