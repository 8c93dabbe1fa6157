"""When, and from which size on, classes of tokens are learned; and how many tokens are learned sharply or smoothly.

A class is halfway when its loss has fallen half of the way from what token frequencies alone give, to its final loss.
Losses are in nats.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Real, Shaped

from grok.science.language.phase_change import fall, falls_to
from grok.science.language.token_classes import OTHER
from grok.science.language.token_scaling import N_PERMUTATIONS, complete_seeds, token_scaling
from grok.science.statistics.comparisons import rank_correlation

RULES = ("sharp", "smooth")
KINDS = ("", ", permuted", ", one seed")  # the mean over seeds, in random order, and a single seed


def halfway(x: Real[np.ndarray, " point"], loss: Real[np.ndarray, " point"], unigram_loss: float) -> float:
    """The x > 0 at which a class is halfway, interpolated in its logarithm; infinite if its loss does not fall."""
    reached = falls_to(np.log(x), loss, (unigram_loss + float(loss[-1])) / 2) if loss[-1] < unigram_loss else math.inf
    return math.exp(reached)


def halfway_points(
    x: Real[np.ndarray, " point"],
    losses: Real[np.ndarray, "point class"],
    unigram_losses: Real[np.ndarray, "point class"],
) -> Float[np.ndarray, " class"]:
    """The x at which each class is halfway; NaN for a class without tokens."""
    late = x > 0
    pairs = zip(losses[late].T, unigram_losses[0], strict=True)
    return np.array(
        [halfway(x[late], loss, float(unigram)) if np.isfinite(unigram) else np.nan for loss, unigram in pairs]
    )


def spread_of_halfway_steps(
    steps: Real[np.ndarray, " step"],
    classes: Shaped[np.ndarray, " class"],
    losses: Real[np.ndarray, "step class"],
    unigram_losses: Real[np.ndarray, "step class"],
) -> float:
    """The halfway step of the class that is learned last, divided by that of the class that is learned first.

    Classes that are never halfway do not count.
    """
    halfway_steps = halfway_points(steps, losses, unigram_losses)[classes != OTHER]
    finite = halfway_steps[np.isfinite(halfway_steps)]
    return float(finite.max() / finite.min()) if finite.size else math.nan


def relative_class_width(
    steps: Real[np.ndarray, " step"],
    classes: Shaped[np.ndarray, " class"],
    losses: Real[np.ndarray, "step class"],
    unigram_losses: Real[np.ndarray, "step class"],
    shares: Real[np.ndarray, "step class"],
    mean_loss: Real[np.ndarray, " step"],
) -> float:
    """Decades of steps in which the median class falls, divided by those in which the mean loss falls.

    A fall is from 10 % to 90 % of the way from what token frequencies give, to the final loss.
    """
    late, kept = steps > 0, np.isfinite(losses[0]) & (classes != OTHER)
    pairs = zip(losses[late][:, kept].T, unigram_losses[0, kept].tolist(), strict=True)
    widths = [_decades(steps[late], loss, unigram) for loss, unigram in pairs]
    mean_width = _decades(steps[late], mean_loss[late], float(np.nansum(shares[0] * unigram_losses[0])))
    return float(np.median(widths)) / mean_width


def frequency_and_step(
    steps: Real[np.ndarray, " step"],
    classes: Shaped[np.ndarray, " class"],
    losses: Real[np.ndarray, "step class"],
    unigram_losses: Real[np.ndarray, "step class"],
    shares: Real[np.ndarray, "step class"],
) -> float:
    """Spearman's correlation of the share of a class and its halfway step; −1 if frequent ones are learned first."""
    return _rank_correlation(classes, shares[0], halfway_points(steps, losses, unigram_losses))


def frequency_and_size(
    sizes: np.ndarray,
    classes: Shaped[np.ndarray, " class"],
    losses: Real[np.ndarray, "size class"],
    unigram_losses: Real[np.ndarray, "size class"],
    shares: Real[np.ndarray, "size class"],
    n_parameters: Real[np.ndarray, " size"],
) -> float:
    """Spearman's correlation of the share of a class and the number of parameters at which it is halfway.

    Halfway is on the way to the loss of the largest network.
    """
    by_size = np.argsort(n_parameters)
    found = halfway_points(n_parameters[by_size], losses[by_size], unigram_losses[by_size])
    return _rank_correlation(classes, shares[0], found)


def smooth_over_null(
    sizes: np.ndarray,
    tokens: np.ndarray,
    seeds: np.ndarray,
    losses: Real[np.ndarray, "size token seed"],
    n_parameters: Real[np.ndarray, "size seed"],
) -> float:
    """The share of polygenic tokens, divided by that with each token's losses in random order.

    Losses are means over seeds. A null without such a token counts as one token.
    """
    found = token_shares(losses, n_parameters)
    return found["smooth"] / max(found["smooth, permuted"], 1 / (len(tokens) * N_PERMUTATIONS))


def n_sharp(
    sizes: np.ndarray,
    tokens: np.ndarray,
    seeds: np.ndarray,
    losses: Real[np.ndarray, "size token seed"],
    n_parameters: Real[np.ndarray, "size seed"],
) -> float:
    """The number of monogenic tokens, by the mean losses over seeds."""
    return token_shares(losses, n_parameters)["sharp"] * len(tokens)


def token_shares(
    losses: Real[np.ndarray, "size token seed"], n_parameters: Real[np.ndarray, "size seed"]
) -> dict[str, float]:
    """The shares of tokens that are sharp and smooth by the rules of Michaud et al. 2023: by the mean over seeds, with
    each token's losses in random order (`permuted`), and by the losses of a single seed (`one seed`; mean over seeds).

    Only complete seeds count; NaN if there are none.
    """
    of_seeds = losses.transpose(2, 1, 0).astype(float)
    complete = complete_seeds(of_seeds)
    if not complete.any():
        return dict.fromkeys((f"{rule}{suffix}" for rule in RULES for suffix in KINDS), math.nan)
    n = n_parameters[:, complete][:, 0]
    by_size = np.argsort(n)
    n, of_seeds = n[by_size], of_seeds[complete][:, :, by_size]
    mean = token_scaling(of_seeds.mean(0), n, unit="nats", n_permutations=N_PERMUTATIONS, seed=0)
    single = [token_scaling(each, n, unit="nats", n_permutations=0, seed=0) for each in of_seeds]
    return {
        "sharp": mean.sharp_share,
        "sharp, permuted": float(mean.null.sharp.mean()),
        "sharp, one seed": float(np.mean([each.sharp_share for each in single])),
        "smooth": mean.smooth_share,
        "smooth, permuted": float(mean.null.smooth.mean()),
        "smooth, one seed": float(np.mean([each.smooth_share for each in single])),
    }


def _decades(steps: Real[np.ndarray, " step"], loss: Real[np.ndarray, " step"], high: float) -> float:
    """Decades of steps between 10 % and 90 % of a loss's fall from `high`."""
    start, end = fall(np.log10(steps), loss, np.full_like(loss, high), loss)
    return end - start


def _rank_correlation(
    classes: Shaped[np.ndarray, " class"], shares: Real[np.ndarray, " class"], found: Real[np.ndarray, " class"]
) -> float:
    kept = classes != OTHER
    return rank_correlation(classes[kept], shares[kept], found[kept])
