"""The pattern-learning model of Davies, Langosco & Krueger 2023 (arXiv:2303.06173), in closed form.

Pattern i is learned for a share p_i(t) of the examples, independently of the other patterns. An example is classified
by the patterns that are learned for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A type of pattern: p(t) = `limit` / (1 + exp(−`rate` (t − `midpoint`)))."""

    name: str
    limit: float | int  # γ: the share of the examples that it classifies in the end
    rate: float | int  # α
    midpoint: float | int  # b: the step at which half of the limit is learned
    generalization: float | int  # g: the test accuracy of an example that it classifies
    preferred: bool = False  # whether it decides alone, where it is learned

    def learned(self, steps: Real[np.ndarray, " step"]) -> Float[np.ndarray, " step"]:
        """The share of the examples for which the pattern is learned at each step."""
        share: np.ndarray = self.limit / (1 + np.exp(-self.rate * (steps - self.midpoint)))
        return share


class Accuracies(NamedTuple):
    """The accuracies on training and test examples at each step."""

    train: Float[np.ndarray, " step"]
    test: Float[np.ndarray, " step"]


def accuracies(patterns: Sequence[Pattern], steps: Real[np.ndarray, " step"]) -> Accuracies:
    """Training accuracy 1 − Π (1 − p_i), and test accuracy Σ_A P_A(t) G(A) over the sets A of learned patterns.

    G(A) is g of a preferred pattern in A, or else the mean of g over A. Test examples without a pattern are wrong.
    """
    learned = [each.learned(steps) for each in patterns]
    test = np.zeros(len(steps))
    for in_set in product((False, True), repeat=len(patterns)):
        chosen = [each for each, is_in in zip(patterns, in_set, strict=True) if is_in]
        if chosen:
            probability = np.prod([p if is_in else 1 - p for p, is_in in zip(learned, in_set, strict=True)], axis=0)
            deciding = [each for each in chosen if each.preferred] or chosen
            test += probability * np.mean([each.generalization for each in deciding])
    return Accuracies(1 - np.prod([1 - p for p in learned], axis=0), test)
