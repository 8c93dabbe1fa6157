"""Losses of a sweep versus steps, parameters or examples, with power-law fits and the predictions of scaling laws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from grok.records.per_run import per_run
from grok.science.quanta import laws
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.laws import predicted_loss, predicted_loss_when_stopped
from grok.science.quanta.quantization_model import asymptotic_exponents, zipf_frequencies
from grok.science.quanta.subtask_losses import fit_start, loss_exponent
from grok.science.statistics.power_law import PowerLaw, interpolate_at_multiples, power_law


class SeedLosses(NamedTuple):
    """One seed's mean loss and subtask losses at points x, in nats."""

    x: np.ndarray
    mean: np.ndarray
    losses: np.ndarray  # [point, subtask]


@dataclass(frozen=True, kw_only=True)
class ScalingFit:
    """Which losses of a sweep are compared with which x, and the range of the power-law fit.

    The losses of a run are those at the evaluation where `stop_by` is lowest; without `stop_by`, those at the last
    evaluation, or each curve reduced to a number by `reduce`.
    """

    key: str  # the swept key, or step
    label: str
    law: str  # of grok.science.quanta.laws
    fit: Mapping[str, float]  # any of from_x, to_x, from_bits, every
    mean: str = "test_loss"
    subtasks: str = "subtask_loss"
    stop_by: str | None = None
    reduce: Callable[..., float] | None = None
    by: str | None = None  # a quantity of the runs that is x instead of the key
    name: str = "fit"

    def points(self, dataset: xr.Dataset) -> list[SeedLosses]:
        """The points of every seed whose runs all have finite losses, without step 0, which a log axis lacks.

        Raises:
            ValueError: there is no such seed.
        """
        return self._points(dataset, *self._quantities(dataset, over_steps=self.key == "step"))

    def at_stopping_steps(self, dataset: xr.Dataset) -> list[tuple[int, ScalingFit, list[SeedLosses]]]:
        """The step, the fit up to it, and the points of finished seeds, if all training had stopped at this step.

        The steps are those at which all runs were evaluated.
        """
        finished = dataset["finished"].all([dim for dim in dataset["finished"].dims if dim != "seed"])
        dataset = dataset.isel(seed=finished.values)
        mean, losses = self._quantities(dataset, over_steps=True)
        steps = [step for step in mean["step"].values.tolist() if step > 0]
        if self.key == "step":
            seeds = self._points(dataset, mean, losses)
            early = [[SeedLosses(*[part[each.x <= step] for part in each]) for each in seeds] for step in steps]
            fits = [replace(self, fit={**self.fit, "to_x": float(step)}) for step in steps]
            return list(zip(steps, fits, early, strict=True))
        return [(step, self, self._points(dataset, mean.sel(step=step), losses.sel(step=step))) for step in steps]

    def versus_steps(self) -> ScalingFit:
        """The same losses versus all steps."""
        return replace(self, key="step", law="steps", fit={}, by=None, stop_by=None, reduce=None)

    def fit_power_law(self, seeds: Sequence[SeedLosses]) -> tuple[PowerLaw, np.ndarray]:
        """The power law through the points of all seeds, in bits, and the smallest and largest fitted x."""
        curves = [(each.x, each.mean) for each in seeds]
        if "every" in self.fit:
            curves = [interpolate_at_multiples(*each, every=self.fit["every"]) for each in curves]
        x, mean = (np.concatenate(parts) for parts in zip(*curves, strict=True))
        groups = np.repeat(range(len(curves)), [each[0].size for each in curves])
        from_x, to_x = self._range(seeds)
        fitted_x = x[(x >= from_x * (1 - 1e-9)) & (x <= to_x * (1 + 1e-9))]
        law = power_law(x, mean / NATS_PER_BIT, groups=groups, from_x=from_x, to_x=to_x)
        return law, np.array([fitted_x.min(), fitted_x.max()] if fitted_x.size else [np.nan, np.nan])

    def constant(
        self, seeds: Sequence[SeedLosses], alpha: float, of: Callable[..., float] = laws.fit_constant
    ) -> float:
        """The law's constant from the points up to the end of the range: the geometric mean over seeds.

        `of` is `laws.fit_constant`, for losses, or `laws.fit_count_constant`, for the number of learned subtasks.
        """
        frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        to_x = self._range(seeds)[1]
        constants = [
            of(self.law, each.x[each.x <= to_x], each.losses[each.x <= to_x] / NATS_PER_BIT, frequencies)
            for each in seeds
        ]
        return float(np.exp(np.log(constants).mean()))

    def predicted_exponent(self, seeds: Sequence[SeedLosses], alpha: float, *, constant: float) -> float:
        """The exponent of a power law fitted to the law's loss, at the points of the runs."""
        x, frequencies = seeds[0].x, zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        return self._exponent(seeds, predicted_loss(self.law, x, frequencies, constant=constant))

    def predicted_count(self, seeds: Sequence[SeedLosses], alpha: float, x: np.ndarray) -> np.ndarray:
        """The law's number of learned subtasks at x, in whole subtasks, with the constant for these numbers."""
        frequencies = zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        constant = self.constant(seeds, alpha, of=laws.fit_count_constant)
        return laws.predicted_count(self.law, x, frequencies, constant=constant)

    def predicted_exponent_when_stopped(
        self, step: int, seeds: Sequence[SeedLosses], alpha: float, *, constant: float, steps_constant: float
    ) -> float:
        """The predicted exponent if training stops at a step, which limits the number of learned subtasks."""
        x, frequencies = seeds[0].x, zipf_frequencies(seeds[0].losses.shape[1], alpha=alpha)
        constants = {"constant": constant, "steps_constant": steps_constant}
        return self._exponent(seeds, predicted_loss_when_stopped(step, self.law, x, frequencies, **constants))

    def asymptotic_exponent(self, alpha: float) -> float:
        """The exponent for infinitely many subtasks."""
        return float(getattr(asymptotic_exponents(alpha), self.law))

    def _quantities(self, dataset: xr.Dataset, *, over_steps: bool) -> list[xr.DataArray]:
        """The mean loss and the subtask losses of every run: over steps, or one value per run."""
        names = self.mean, self.subtasks
        if over_steps or self.stop_by is None:
            reduce = None if over_steps else self.reduce
            return [per_run(dataset, name, reduce=reduce, over_steps=over_steps) for name in names]
        criterion = dataset[self.stop_by]
        lowest = criterion.fillna(np.inf).argmin("step")
        return [dataset[name].isel(step=lowest, drop=True).where(criterion.notnull().any("step")) for name in names]

    def _points(self, dataset: xr.Dataset, mean: xr.DataArray, losses: xr.DataArray) -> list[SeedLosses]:
        """The points of every seed with finite losses."""
        seeds = []
        for seed in dataset["seed"].values:
            x = dataset[self.key] if self.by is None else dataset[self.by].sel(seed=seed)
            curves = mean.sel(seed=seed), losses.sel(seed=seed).transpose(self.key, "subtask")
            positive = curves[0][self.key].values > 0
            x = x.sel({self.key: curves[0][self.key]})
            seeds.append(SeedLosses(*[each.values[positive] for each in (x, *curves)]))
        complete = [each for each in seeds if np.isfinite(each.mean).all()]
        if not complete:
            raise ValueError("no seed has all its runs")
        return complete

    def _exponent(self, seeds: Sequence[SeedLosses], loss: np.ndarray) -> float:
        """The exponent of a loss at the first seed's points, fitted over the range."""
        from_x, to_x = self._range(seeds)
        return loss_exponent(seeds[0].x, loss, from_x=from_x, to_x=to_x, every=self.fit.get("every"))

    def _range(self, seeds: Sequence[SeedLosses]) -> tuple[float, float]:
        """The range of the fit; it starts at the median of the seeds' starts."""
        rule = {key: value for key, value in self.fit.items() if key in ("from_x", "from_bits")}
        from_x = np.median([fit_start(each.x, each.mean, **rule) for each in seeds])
        return float(from_x), self.fit.get("to_x", np.inf)
