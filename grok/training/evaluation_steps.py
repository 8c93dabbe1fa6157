"""When to evaluate: on a logarithmic grid of steps, and on a linear grid where a curve needs one."""

from __future__ import annotations

import math


def evaluation_steps(steps: int, *, per_decade: int, every: int | None) -> list[int]:
    """The evaluation steps in order: 0, `per_decade` steps per decade, multiples of `every`, and the last step.

    Except for the last step, the grid does not depend on `steps`: an extended run keeps its earlier evaluation steps.
    """
    logarithmic = {round(10 ** (i / per_decade)) for i in range(math.floor(per_decade * math.log10(steps)) + 1)}
    linear = set(range(0, steps, every)) if every else set()
    return sorted({0, steps} | logarithmic | linear)
