"""Grokfast with a moving average of the gradients over a window (Lee et al. 2024, arXiv:2405.20233)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import check_float, check_int
from grok.optimizers.transforms.transform import Transform, gradients


class GrokfastMa(Transform):
    """Adds the mean of the last `window` gradients, multiplied by λ, from step `window` on.

    The key of λ is `amplification`. The state holds `window` gradients of every parameter, and their sum in float64.
    """

    per_replica_keys: ClassVar = ("amplification",)
    needs_float64: ClassVar = True

    def __init__(self, *, window: int, amplification: Sequence[float]) -> None:
        super().__init__()
        check_int("window", window, minimum=1)
        for each in amplification:
            check_float("amplification", each, minimum=0)
        self.window = window
        self.amplification = torch.tensor(amplification, dtype=torch.float64)

    @property
    def state_copies(self) -> int:
        return self.window + 2  # the sum has the size of two copies in float32

    def before_step(self, parameters: Sequence[Tensor], step: int) -> None:
        place = step % self.window
        for number, gradient in gradients(parameters):
            if f"sum_{number}" not in self.state:
                n_replicas, *shape = gradient.shape
                self.state[f"last_{number}"] = gradient.new_zeros(n_replicas, self.window, *shape)
                self.state[f"sum_{number}"] = torch.zeros_like(gradient, dtype=torch.float64)
            oldest, total = self.state[f"last_{number}"][:, place], self.state[f"sum_{number}"]
            total += gradient.double() - oldest
            oldest.copy_(gradient)
            if step + 1 >= self.window:
                mean = (total / self.window).to(gradient.dtype)
                gradient.addcmul_(mean, self.shaped(self.amplification, gradient))
