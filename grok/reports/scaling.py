"""Readings of a sweep for the quanta's scaling laws: losses of every cell against steps, parameters or examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from grok.records.sweep import of_cells
from grok.science.emergence import NATS_PER_BIT
from grok.science.power_law import PowerLaw, exponent, power_law
from grok.science.quanta import asymptotic_exponents, zipf_frequencies
from grok.science.quanta_laws import constant, predicted_loss
from grok.science.subtask_losses import fit_begins


class Points(NamedTuple):
    """One seed's mean loss and the losses of its subtasks over points x, in nats."""

    x: np.ndarray
    mean: np.ndarray
    losses: np.ndarray  # [point, subtask]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What of every cell is held against what, and over which range a power law is fitted through it."""

    key: str  # the swept key, or step
    label: str
    law: str  # of grok.science.quanta_laws
    fit: Mapping[str, float]  # any of from_x, to_x, from_bits
    mean: str | Sequence[str] = "test_loss"
    subtasks: str | Sequence[str] = "subtask_loss"
    of_curve: Callable[..., float] | None = None  # what is read off the curves of a cell, else the last look counts
    by: str | None = None  # the cells' quantity that is x in place of the key
    name: str = "fit"

    def points(self, dataset: xr.Dataset) -> list[Points]:
        """The points of every seed that has them all; step 0 is off a log axis and left out.

        Raises:
            ValueError: there is no such seed.
        """
        mean, losses = (
            of_cells(dataset, names, of_curve=self.of_curve, over_steps=self.key == "step")
            for names in (self.mean, self.subtasks)
        )
        found = []
        for seed in dataset["seed"].values:
            x = dataset[self.key] if self.by is None else dataset[self.by].sel(seed=seed)
            own = mean.sel(seed=seed), losses.sel(seed=seed).transpose(self.key, "subtask")
            seen = own[0][self.key].values > 0
            x = x.sel({self.key: own[0][self.key]})
            found.append(Points(*[each.values[seen] for each in (x, *own)]))
        whole = [each for each in found if np.isfinite(each.mean).all()]
        if not whole:
            raise ValueError("no seed has all its cells")
        return whole

    def fitted(self, seeds: Sequence[Points]) -> tuple[PowerLaw, np.ndarray]:
        """The power law through the points of all seeds in bits, and the ends of the range that it is fitted over."""
        x, mean = np.concatenate([each.x for each in seeds]), np.concatenate([each.mean for each in seeds])
        groups = np.repeat(range(len(seeds)), [each.x.size for each in seeds])
        begins, to_x = self._range(seeds)
        counted = x[(x >= begins * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))]
        law = power_law(x, mean / NATS_PER_BIT, groups=groups, from_x=begins, to_x=to_x)
        return law, np.array([counted.min(), counted.max()] if counted.size else [np.nan, np.nan])

    def constant(self, seeds: Sequence[Points], alpha: float) -> float:
        """The law's constant, of the points up to the end of the range: the geometric mean of the seeds'."""
        frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        seen = [each.x <= self._range(seeds)[1] for each in seeds]
        own = [
            constant(self.law, each.x[early], each.losses[early] / NATS_PER_BIT, frequencies)
            for each, early in zip(seeds, seen, strict=True)
        ]
        return float(np.exp(np.log(own).mean()))

    def predicted(self, seeds: Sequence[Points], alpha: float) -> float:
        """The exponent of a fit to the law at the points of the runs."""
        frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        x, (begins, to_x) = seeds[0].x, self._range(seeds)
        loss = predicted_loss(self.law, x, frequencies, constant=self.constant(seeds, alpha))
        return -exponent(x, loss, from_x=begins, to_x=to_x)

    def asymptotic(self, alpha: float) -> float:
        """The exponent of infinitely many subtasks."""
        return float(getattr(asymptotic_exponents(alpha), self.law))

    def _range(self, seeds: Sequence[Points]) -> tuple[float, float]:
        """From where to where is fitted: from the median of the seeds' beginnings."""
        rule = {key: value for key, value in self.fit.items() if key != "to_x"}
        begins = np.median([fit_begins(each.x, each.mean, **rule) for each in seeds])
        return float(begins), self.fit.get("to_x", np.inf)
