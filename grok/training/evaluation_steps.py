"""When to evaluate: on a logarithmic grid of steps, and on a linear grid where a curve needs one."""

from __future__ import annotations

import math

from grok.checks import UserError
from grok.training.free_memory import free_bytes, size_text

BYTES_PER_EVALUATION = 2000  # at least: the step, and a tensor for each of four losses and accuracies


def evaluation_steps(steps: int, *, per_decade: int, every: int | None) -> list[int]:
    """The evaluation steps in order: 0, `per_decade` steps per decade, multiples of `every`, and the last step.

    Except for the last step, the grid does not depend on `steps`: an extended run keeps its earlier evaluation steps.

    Raises:
        UserError: the history of all evaluations does not fit into memory.
    """
    n_logarithmic = per_decade * math.log10(steps or 1)
    n_linear = steps // every if every else 0
    needed, free = (n_logarithmic + n_linear) * BYTES_PER_EVALUATION, free_bytes()
    if needed > free:
        key = f"evaluate.every={every}" if n_linear > n_logarithmic else f"evaluate.per_decade={per_decade}"
        raise UserError(
            f"{key}: the evaluations of {steps:,} steps need {size_text(needed)} of memory, and {size_text(free)} are "
            "free"
        )
    logarithmic = {round(10 ** (i / per_decade)) for i in range(math.floor(n_logarithmic) + 1)} if steps else set()
    linear = set(range(0, steps, every)) if every else set()
    return sorted({0, steps} | logarithmic | linear)
