"""Losses of single tokens over a family of networks of different sizes N (Michaud et al. 2023, Sec. 5).

Losses are [token, model], in nats or bits by `unit`, with the models in the order of their sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from grok.science.quanta.emergence import CHANCE_NATS, KNOWN_SHARE, is_polygenic, monogenic_from, shares_of_chance
from grok.science.statistics import power_law
from grok.science.statistics.linear_fit import linear_fit

BLOCK = 2**19  # tokens that are in memory at once
MIN_MODELS = 3  # a line through two points has an R² of 1
N_PERMUTATIONS = 20  # random orders of each token's losses, for the null

Losses = Real[np.ndarray, "token model"]
Sizes = Real[np.ndarray, " model"]


@dataclass(frozen=True, kw_only=True)
class Null:
    """The shares of sharp and smooth tokens after each token's losses are permuted over the models."""

    sharp: Float[np.ndarray, " permutation"]
    smooth: Float[np.ndarray, " permutation"]


@dataclass(frozen=True, kw_only=True)
class TokenScaling:
    """Which tokens a family learns at once (sharp, monogenic) and which steadily (smooth, polygenic)."""

    sizes: Sizes
    mean_loss: Float[np.ndarray, " model"]  # nats
    known: Float[np.ndarray, " model"]  # share of tokens with a loss below 0.3 nats
    persistence: Float[np.ndarray, " model"]  # of the tokens first known by a model, the share that larger ones know
    sharp_from: Int[np.ndarray, " token"]  # index of the first model that knows a sharp token; −1: not sharp
    smooth: Bool[np.ndarray, " token"]
    null: Null

    @property
    def sharp_share(self) -> float:
        """The share of sharp tokens."""
        return float((self.sharp_from >= 0).mean())

    @property
    def smooth_share(self) -> float:
        """The share of smooth tokens."""
        return float(self.smooth.mean())

    @property
    def exponent(self) -> float:
        """α_N of the mean loss ∝ N^−α_N, over all models."""
        return -power_law.exponent(self.sizes, self.mean_loss)


def token_scaling(losses: Losses, sizes: Sizes, *, unit: str, n_permutations: int, seed: int) -> TokenScaling:
    """The scaling of single tokens, and the null from `n_permutations` random permutations of each token's losses.

    Raises:
        ValueError: there are fewer than three models, or the losses are not in this unit.
    """
    if len(sizes) < MIN_MODELS:
        raise ValueError(f"{len(sizes)} models: must be at least {MIN_MODELS}")
    blocks = [_Block.of(each, sizes, unit, n_permutations, seed + n) for n, each in enumerate(_blocks(losses))]
    n_tokens = len(losses)
    first_known, persistent = sum(each.first_known for each in blocks), sum(each.persistent for each in blocks)
    null = np.sum([each.null for each in blocks], axis=0) / n_tokens
    with np.errstate(invalid="ignore"):
        persistence = np.where(first_known > 0, persistent / np.maximum(first_known, 1), np.nan)
    persistence[-1] = np.nan  # there are no larger models
    return TokenScaling(
        sizes=np.asarray(sizes, float),
        mean_loss=np.asarray(sum(each.loss for each in blocks) / n_tokens),
        known=np.asarray(sum(each.known for each in blocks) / n_tokens),
        persistence=persistence,
        sharp_from=np.concatenate([each.sharp_from for each in blocks]),
        smooth=np.concatenate([each.smooth for each in blocks]),
        null=Null(sharp=null[:, 0], smooth=null[:, 1]),
    )


def complete_seeds(losses: Real[np.ndarray, "seed token model"]) -> Bool[np.ndarray, " seed"]:
    """The seeds with a loss of every token by every model: none of their runs is missing or diverged."""
    return np.asarray(np.isfinite(losses).all((1, 2)))


def sharp_in_another_seed(sharp: Bool[np.ndarray, "seed token"]) -> float:
    """Of the tokens that are sharp in one seed, the share that is sharp in another, over all pairs of seeds.

    NaN for one seed, or if no token is sharp.
    """
    together = sharp.astype(float) @ sharp.T.astype(float)
    others = ~np.eye(len(sharp), dtype=bool)
    n_sharp = (np.diag(together)[:, None] * others).sum()
    return float(together[others].sum() / n_sharp) if n_sharp else math.nan


def sharpest_tokens(losses: Losses, sharp: Bool[np.ndarray, " token"], *, n: int) -> Int[np.ndarray, " chosen"]:
    """The sharp tokens whose losses fall farthest between two models; after these, others by the same fall.

    The fall is from the lowest loss of all smaller models to the highest of all larger ones.
    """

    def largest_gap(block: Losses) -> Float[np.ndarray, " token"]:
        lowest_before = np.minimum.accumulate(block, axis=1)[:, :-1]
        highest_after = np.maximum.accumulate(block[:, ::-1], axis=1)[:, ::-1][:, 1:]
        return np.asarray((lowest_before - highest_after).max(1), float)

    gaps = np.concatenate([largest_gap(np.asarray(each, float)) for each in _blocks(losses)])
    return np.lexsort((-gaps, ~sharp))[:n]


def smoothest_tokens(losses: Losses, sizes: Sizes, smooth: Bool[np.ndarray, " token"], *, n: int) -> np.ndarray:
    """The smooth tokens with the steepest lines versus ln N; after these, other tokens by R² of a falling line."""
    lines = [linear_fit(np.log(sizes), np.asarray(each, float)) for each in _blocks(losses)]
    slope, r_squared = (np.concatenate([getattr(line, name) for line in lines]) for name in ("slope", "r_squared"))
    others = np.nan_to_num(np.where(slope < 0, r_squared, 0))
    order = np.lexsort((np.where(smooth, slope, -others), ~smooth))
    return np.asarray(order[:n])


@dataclass(frozen=True)
class _Block:
    """Sums over the tokens of a block, and the kind of each."""

    loss: np.ndarray
    known: np.ndarray
    first_known: np.ndarray
    persistent: np.ndarray
    sharp_from: np.ndarray
    smooth: np.ndarray
    null: Int[np.ndarray, "permutation 2"]  # numbers of sharp and smooth tokens

    @classmethod
    def of(cls, block: Losses, sizes: Sizes, unit: str, n_permutations: int, seed: int) -> _Block:
        shares = shares_of_chance(block, unit=unit)
        known = shares < KNOWN_SHARE
        first = known & ~np.logical_or.accumulate(np.pad(known, ((0, 0), (1, 0)))[:, :-1], axis=1)
        stays = np.logical_and.accumulate(known[:, ::-1], axis=1)[:, ::-1]
        generator = np.random.default_rng(seed)
        nulls = [_kinds(generator.permuted(block, axis=1), sizes, unit) for _ in range(n_permutations)]
        sharp_from, smooth = _kinds(block, sizes, unit)
        return cls(
            loss=shares.sum(0) * CHANCE_NATS,
            known=known.sum(0),
            first_known=first.sum(0),
            persistent=(first & stays).sum(0),
            sharp_from=sharp_from,
            smooth=smooth,
            null=np.array([[(sharp >= 0).sum(), steady.sum()] for sharp, steady in nulls], int).reshape(-1, 2),
        )


def _kinds(block: Losses, sizes: Sizes, unit: str) -> tuple[np.ndarray, np.ndarray]:
    return monogenic_from(block, unit=unit).astype(np.int16), is_polygenic(block, sizes, unit=unit)


def _blocks(losses: Losses) -> Iterator[Losses]:
    for start in range(0, len(losses), BLOCK):
        yield losses[start : start + BLOCK]
