"""Changes of a network's weights along a gradient: a step, and the ablation of the weights' component."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

CHANGES = ("step", "ablation")


def changed_along(
    weights: Mapping[str, Tensor], gradient: Mapping[str, Tensor], *, rise: float
) -> dict[str, dict[str, Tensor]]:
    """The weights after each of the `CHANGES`, by parameter.

    To first order, the step raises the gradient's loss by `rise`: w + rise · g / |g|². The ablation removes the
    component of the weights along the gradient: w − (w · g) g / |g|².
    """
    square = sum(each.square().sum() for each in gradient.values())
    component = sum((weights[name] * each).sum() for name, each in gradient.items())
    factors = {"step": rise / square, "ablation": -component / square}
    return {
        change: {name: weights[name] + factors[change] * each for name, each in gradient.items()} for change in CHANGES
    }
