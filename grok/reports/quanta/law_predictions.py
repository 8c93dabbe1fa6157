"""What claims read on losses that follow a law: predictions of the finite laws for kept sweeps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from omegaconf import DictConfig, OmegaConf

from grok.records.per_run import per_run
from grok.reports.study.composition import compose_study
from grok.reports.study.data import result
from grok.reports.study.reading import read_study
from grok.reports.study.study import Study
from grok.science.quanta import laws
from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.finite_sums import (
    critical_batch_ratio,
    losses_by_count,
    losses_with_learned,
    losses_with_limit,
)
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.science.quanta.subtask_losses import examples_ratio

LAWS = ("counts", "larger", "sum", "critical batch")
SCALE = "laptop"
ALPHA, WIDTH = "task.alpha", "model.width"
MEANS, SUBTASKS = ("test_loss", "validation_loss", "held_out_loss"), ("subtask_loss", "held_out_subtask_loss")


@dataclass(frozen=True, kw_only=True)
class SecondLimit:
    """What else limits learning in a sweep: a law at one x, with its constant from the kept runs of another study."""

    law: str
    study: str  # its constant is the geometric mean over seeds
    key: str
    to_x: float
    where: Mapping[str, Any] = field(default_factory=dict)
    at: float | None = None  # null: the width of each run


@dataclass(frozen=True, kw_only=True)
class PredictedClaim:
    """A claim of a kept study, and the laws that predict it; without a `law` or `batches`, none does."""

    study: str
    claim: str
    label: str  # in the figure
    law: str | None = None  # of grok.science.quanta.laws
    key: str = "step"  # the swept key that is x
    to_x: float = math.inf  # the constant is fitted to this x
    counts: bool = False  # whether the claim is on the number of learned subtasks, not the mean loss
    stop_by: str | None = None  # the losses of a run are those where this loss is lowest
    lowest: bool = False  # the losses of a run are each subtask's lowest one
    limit: SecondLimit | None = None
    batches: Sequence[int] = ()  # small, known and large batches, for the critical batch size

    def predictions(self) -> dict[str, float]:
        """The mean over seeds of the claim's value on losses by each law that applies."""
        if self.batches:
            return self._by_batch_size()
        if self.law is None:
            return {}
        claim = _study(self.study).claims[self.claim]
        runs = self._runs()
        found = {}
        for law in LAWS[:3]:
            value = claim.judge(self._follow(runs, law), SCALE)["measured"]
            found[law] = math.nan if value is None else value
        return found

    def _by_batch_size(self) -> dict[str, float]:
        """The ratio of examples: 1 if counts decide, else by the critical batch size of each seed."""
        kept, (small, known, large) = result(study=self.study, scale=SCALE), self.batches
        found = []
        for seed in kept["seed"].values:
            losses = kept["subtask_loss"].sel(seed=seed).transpose("batch_size", "step", "subtask").values
            batches, steps, ranks = (kept[name].values for name in ("batch_size", "step", "subtask"))
            ratio = examples_ratio(batches, steps, ranks, losses, numerator=known, denominator=small)
            found.append(critical_batch_ratio({known: ratio}, large=large, small=small))
        return {"counts": 1.0, "critical batch": float(np.mean(found))}

    def _runs(self) -> xr.Dataset:
        """The kept runs, with the step at which each run's losses are taken as the only step if x is another key."""
        kept = result(study=self.study, scale=SCALE)
        if self.key == "step":
            return kept.isel(step=slice(1, None))
        one = kept.isel(step=[-1])
        for name in (name for name in SUBTASKS if name in kept):
            one[name] = self._reduced(kept, name).drop_vars("step", errors="ignore").expand_dims(step=one["step"])
        one["last_step"] = xr.full_like(one["finished"], int(one["step"].item()), dtype=int)
        return one.assign(train_accuracy=xr.ones_like(one["train_accuracy"]))

    def _reduced(self, kept: xr.Dataset, name: str) -> xr.DataArray:
        if self.lowest:
            return kept[name].min("step")
        if self.stop_by is None:
            return per_run(kept, name)
        return kept[name].isel(step=kept[self.stop_by].fillna(np.inf).argmin("step"), drop=True)

    def _follow(self, runs: xr.Dataset, law: str) -> xr.Dataset:
        """The runs with all losses as by the law, in nats."""
        followed = runs.copy(deep=True)
        source = SUBTASKS[1] if self.stop_by == "validation_loss" else SUBTASKS[0]
        others = [dim for dim in runs[source].dims if dim not in (self.key, "subtask", "step")]
        for place in np.ndindex(*(runs.sizes[dim] for dim in others)):
            at = dict(zip(others, place, strict=True))
            run = runs.isel(at)
            measured = run[source].transpose(self.key, "subtask", ...).values.reshape(-1, run.sizes["subtask"])
            losses, mean = self._losses(run, measured / NATS_PER_BIT, law)
            values = {**dict.fromkeys(MEANS, mean), **dict.fromkeys(SUBTASKS, losses)}
            for name in (name for name in values if name in runs):
                dims = (self.key, "subtask")[: values[name].ndim]
                own = xr.DataArray(NATS_PER_BIT * values[name], {self.key: run[self.key]}, dims)
                followed[name][at] = own.broadcast_like(run[name]).transpose(*run[name].dims)
        return followed

    def _losses(self, run: xr.Dataset, measured: np.ndarray, law: str) -> tuple[np.ndarray, np.ndarray]:
        """Losses of the subtasks [x, subtask] and their mean by a law, in bits."""
        config, law_of_x = _config(self.study), str(self.law)
        frequencies = zipf_frequencies(measured.shape[1], alpha=_tick(run, ALPHA, config.task.alpha))
        x = run[self.key].values.astype(float)
        fit = laws.fit_count_constant if self.counts else laws.fit_constant
        constant = fit(law_of_x, x[x <= self.to_x], measured[x <= self.to_x], frequencies)
        n = laws.predicted_learned(law_of_x, x, frequencies, constant=constant)
        if law == "counts" and law_of_x != "parameters":
            batch = int(config.batch_size) if law_of_x == "steps" else 1
            losses = losses_by_count((x * batch).astype(int), frequencies, threshold=constant * batch)
        elif law != "counts" and self.limit is not None:
            limit = _limit_loss(self.limit, frequencies, _tick(run, WIDTH, config.model.width), counts=self.counts)
            losses = losses_with_limit(n, frequencies, limit=limit, rule="sum" if law == "sum" else "larger")
        else:
            losses = losses_with_learned(n, frequencies.size)
        return losses, losses @ frequencies


def predictions(*, claims: Sequence[PredictedClaim]) -> xr.Dataset:
    """The measured value of each claim with its interval, what each law predicts, and whether that is within it.

    `distance` is that of a prediction from the measured value, in units of the interval's half on its side. No law
    explains a claim whose measured value is NaN.
    """
    measured, predicted = np.full((3, len(claims)), np.nan), np.full((len(claims), len(LAWS)), np.nan)
    applies = np.zeros((len(claims), len(LAWS)), bool)
    for row, each in enumerate(claims):
        verdict = _study(each.study).claims[each.claim].judge(result(study=each.study, scale=SCALE), SCALE)
        measured[:, row] = [math.nan if verdict[key] is None else verdict[key] for key in ("measured", "low", "high")]
        for law, number in each.predictions().items():
            predicted[row, LAWS.index(law)], applies[row, LAWS.index(law)] = number, True
    value, low, high = (each[:, None] for each in measured)
    distance = (predicted - value) / np.where(predicted < value, value - low, high - value)
    within = np.abs(distance) <= 1
    by_law = {"predicted": predicted, "applies": applies, "distance": np.abs(distance), "within": within}
    variables: dict[str, Any] = {name: (("claim", "law"), values.astype(float)) for name, values in by_law.items()}
    variables |= {name: ("claim", each) for name, each in zip(("measured", "low", "high"), measured, strict=True)}
    variables["explained"] = ("claim", within.any(1).astype(float))
    return xr.Dataset(variables, {"claim": [each.label for each in claims], "law": list(LAWS)})


@cache
def _study(study: str) -> Study:
    found: Any = OmegaConf.to_container(_config(study).study, resolve=True)
    return read_study(found)


@cache
def _config(study: str) -> DictConfig:
    return compose_study(study, SCALE)


def _tick(run: xr.Dataset, key: str, configured: float) -> float:
    """A run's value of a key, which is swept or configured."""
    return float(run[key]) if key in run.coords and not run[key].dims else float(configured)


def _limit_loss(limit: SecondLimit, frequencies: np.ndarray, width: float, *, counts: bool) -> float:
    """The mean loss in bits if only the second limit counted."""
    constant = _limit_constant(limit.law, limit.study, limit.key, limit.to_x, tuple(limit.where.items()), counts)
    x = np.array([width if limit.at is None else limit.at])
    return float(laws.predicted_loss(limit.law, x, frequencies, constant=constant).item())


@cache
def _limit_constant(
    law: str, study: str, key: str, to_x: float, where: tuple[tuple[str, Any], ...], counts: bool
) -> float:
    """The law's constant from the kept runs of a study: the geometric mean over seeds."""
    kept = result(study=study, scale=SCALE).sel(dict(where))
    losses = per_run(kept, "subtask_loss", over_steps=key == "step")
    x = losses[key].values.astype(float)
    used = (x > 0) & (x <= to_x)
    frequencies = zipf_frequencies(kept.sizes["subtask"], alpha=float(_config(study).task.alpha))
    fit = laws.fit_count_constant if counts else laws.fit_constant
    by_seed = [
        fit(law, x[used], losses.sel(seed=seed).transpose(key, "subtask").values[used] / NATS_PER_BIT, frequencies)
        for seed in kept["seed"].values
    ]
    return float(np.exp(np.log(by_seed).mean()))
