"""Readings of a sweep for the quanta's scaling laws: losses of every cell against steps, parameters or examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from grok.records.sweep import of_cells
from grok.science import quanta_laws
from grok.science.emergence import NATS_PER_BIT
from grok.science.power_law import PowerLaw, at_multiples, power_law
from grok.science.quanta import asymptotic_exponents, zipf_frequencies
from grok.science.quanta_laws import predicted_loss, predicted_loss_by
from grok.science.subtask_losses import fall, fit_begins


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
    fit: Mapping[str, float]  # any of from_x, to_x, from_bits, every
    mean: str = "test_loss"
    subtasks: str = "subtask_loss"
    stop_by: str | None = None  # the quantity that is least at the look of a cell that counts, else it is the last
    of_curve: Callable[..., float] | None = None  # or what is read off each curve of a cell, by itself
    by: str | None = None  # the cells' quantity that is x in place of the key
    name: str = "fit"

    def points(self, dataset: xr.Dataset) -> list[Points]:
        """The points of every seed that has them all; step 0 is off a log axis and left out.

        Raises:
            ValueError: there is no such seed.
        """
        return self._points(dataset, *self._quantities(dataset, over_steps=self.key == "step"))

    def stopped(self, dataset: xr.Dataset) -> list[tuple[int, Scaling, list[Points]]]:
        """What there would be if all training were stopped at a step, at each at which all cells were looked at: the
        step, what is fitted up to it, and the points of the seeds that are finished."""
        whole = dataset["finished"].all([dim for dim in dataset["finished"].dims if dim != "seed"])
        dataset = dataset.isel(seed=whole.values)
        mean, losses = self._quantities(dataset, over_steps=True)
        steps = [step for step in mean["step"].values.tolist() if step > 0]
        if self.key == "step":
            seeds = self._points(dataset, mean, losses)
            early = [[Points(*[part[each.x <= step] for part in each]) for each in seeds] for step in steps]
            fits = [replace(self, fit={**self.fit, "to_x": float(step)}) for step in steps]
            return list(zip(steps, fits, early, strict=True))
        return [(step, self, self._points(dataset, mean.sel(step=step), losses.sel(step=step))) for step in steps]

    def of_steps(self) -> Scaling:
        """The same losses against all steps."""
        return replace(self, key="step", law="steps", fit={}, by=None, stop_by=None, of_curve=None)

    def fitted(self, seeds: Sequence[Points]) -> tuple[PowerLaw, np.ndarray]:
        """The power law through the points of all seeds in bits, and the ends of the range that it is fitted over."""
        own = [(each.x, each.mean) for each in seeds]
        if "every" in self.fit:
            own = [at_multiples(*each, every=self.fit["every"]) for each in own]
        x, mean = (np.concatenate(parts) for parts in zip(*own, strict=True))
        groups = np.repeat(range(len(own)), [each[0].size for each in own])
        begins, to_x = self._range(seeds)
        counted = x[(x >= begins * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))]
        law = power_law(x, mean / NATS_PER_BIT, groups=groups, from_x=begins, to_x=to_x)
        return law, np.array([counted.min(), counted.max()] if counted.size else [np.nan, np.nan])

    def constant(self, seeds: Sequence[Points], alpha: float, of: Callable[..., float] = quanta_laws.constant) -> float:
        """The law's constant, of the points up to the end of the range: the geometric mean of the seeds'. Of losses, or
        that of numbers learned."""
        frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        seen = [each.x <= self._range(seeds)[1] for each in seeds]
        own = [
            of(self.law, each.x[early], each.losses[early] / NATS_PER_BIT, frequencies)
            for each, early in zip(seeds, seen, strict=True)
        ]
        return float(np.exp(np.log(own).mean()))

    def predicted(self, seeds: Sequence[Points], alpha: float, *, constant: float) -> float:
        """The exponent of a fit to the law, with this constant, at the points of the runs."""
        x, frequencies = seeds[0].x, zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        return self._fall(seeds, predicted_loss(self.law, x, frequencies, constant=constant))

    def predicted_number(self, seeds: Sequence[Points], alpha: float, x: np.ndarray) -> np.ndarray:
        """How many subtasks the law has learned as a whole at x, with the constant of the numbers that are learned."""
        frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        own = self.constant(seeds, alpha, of=quanta_laws.number_constant)
        return quanta_laws.predicted_number(self.law, x, frequencies, constant=own)

    def predicted_by(
        self, step: int, seeds: Sequence[Points], alpha: float, *, constant: float, steps_constant: float
    ) -> float:
        """… and to as many subtasks as there were steps for, if they are fewer, where training is stopped at a step."""
        x, frequencies = seeds[0].x, zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        constants = {"constant": constant, "steps_constant": steps_constant}
        return self._fall(seeds, predicted_loss_by(step, self.law, x, frequencies, **constants))

    def asymptotic(self, alpha: float) -> float:
        """The exponent of infinitely many subtasks."""
        return float(getattr(asymptotic_exponents(alpha), self.law))

    def _quantities(self, dataset: xr.Dataset, *, over_steps: bool) -> list[xr.DataArray]:
        """The mean loss of every cell and those of its subtasks, over steps or at the look that counts."""
        names = self.mean, self.subtasks
        if over_steps or self.stop_by is None:
            of_curve = None if over_steps else self.of_curve
            return [of_cells(dataset, name, of_curve=of_curve, over_steps=over_steps) for name in names]
        by = dataset[self.stop_by]
        least = by.fillna(np.inf).argmin("step")
        return [dataset[name].isel(step=least, drop=True).where(by.notnull().any("step")) for name in names]

    def _points(self, dataset: xr.Dataset, mean: xr.DataArray, losses: xr.DataArray) -> list[Points]:
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

    def _fall(self, seeds: Sequence[Points], loss: np.ndarray) -> float:
        """The exponent of a loss at the first seed's points, over the range that is fitted."""
        begins, to_x = self._range(seeds)
        return fall(seeds[0].x, loss, from_x=begins, to_x=to_x, every=self.fit.get("every"))

    def _range(self, seeds: Sequence[Points]) -> tuple[float, float]:
        """From where to where is fitted: from the median of the seeds' beginnings."""
        rule = {key: value for key, value in self.fit.items() if key in ("from_x", "from_bits")}
        begins = np.median([fit_begins(each.x, each.mean, **rule) for each in seeds])
        return float(begins), self.fit.get("to_x", np.inf)
