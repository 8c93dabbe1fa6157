"""When to look: on a logarithmic grid of steps, and on a linear one where a curve needs it."""

from __future__ import annotations

import math


def looks(steps: int, *, per_decade: int, every: int | None) -> list[int]:
    """The steps at which to look, in order: 0, `per_decade` a decade, multiples of `every`, and the last.

    The grid up to a step does not depend on how many steps follow, so a run that is prolonged keeps its looks.
    """
    logarithmic = {round(10 ** (i / per_decade)) for i in range(math.floor(per_decade * math.log10(steps)) + 1)}
    linear = set(range(0, steps, every)) if every else set()
    return sorted({0, steps} | logarithmic | linear)
