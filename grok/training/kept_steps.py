"""When to keep the weights: on a logarithmic grid of steps, and on a linear one."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class KeptSteps:
    """Step 0, `per_decade` steps per decade, and multiples of `every`; no step without a grid.

    The grids do not depend on the number of steps, and kept steps need not be evaluation steps.
    """

    per_decade: int | None
    every: int | None

    def __contains__(self, step: int) -> bool:
        return self.next_after(step - 1) == step

    def next_after(self, step: int) -> float:
        """The first kept step after this one; infinity if there is none."""
        steps = [self._logarithmic(step, self.per_decade)] if self.per_decade else []
        steps += [(step // self.every + 1) * self.every] if self.every else []
        return min(steps, default=math.inf)

    @staticmethod
    def _logarithmic(step: int, per_decade: int) -> int:
        """The first step after this one on the grid of evaluation steps with as many steps per decade."""
        if step < 0:
            return 0
        i = max(math.ceil(per_decade * math.log10(step + 0.5)), 0)
        while round(10 ** (i / per_decade)) <= step:  # a rounding error of the logarithm
            i += 1
        return round(10 ** (i / per_decade))
