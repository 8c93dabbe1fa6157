"""Quantities of every run of a sweep's Dataset: final values, and curves reduced to a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import xarray as xr


def final_values(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """A quantity at each run's last evaluation; NaN if the run has no record."""
    steps = dataset["step"].values
    last = xr.apply_ufunc(lambda step: np.searchsorted(steps, np.nan_to_num(step, nan=steps[0])), dataset["last_step"])
    return dataset[name].isel(step=last, drop=True).where(dataset["last_step"].notnull())


def is_evaluated(dataset: xr.Dataset) -> xr.DataArray:
    """At which steps each run was evaluated; other runs of the sweep may have more evaluation steps."""
    return dataset["train_accuracy"].notnull()  # accuracy is never NaN


def reduce_curves(dataset: xr.Dataset, names: str | Sequence[str], reduce: Callable[..., float]) -> xr.DataArray:
    """Each run's curve of a quantity reduced to a number: `reduce(steps, values)` at the run's evaluation steps.

    With several quantities it is `reduce(steps, first, second, …)`. NaN for a run without a record. Other dimensions of
    the quantity are kept.
    """
    quantities = [dataset[name] for name in ([names] if isinstance(names, str) else names)]
    if isinstance(reduce, partial):  # Hydra's own partial takes a millisecond per call
        reduce = partial(reduce.func, *reduce.args, **reduce.keywords)
    broadcast = [each.transpose(..., "step") for each in xr.broadcast(is_evaluated(dataset), *quantities)]
    evaluated, *values = (each.values for each in broadcast)
    steps, dims = dataset["step"].values, broadcast[0].dims[:-1]
    found = np.full(evaluated.shape[:-1], np.nan)
    for place in np.ndindex(found.shape):
        own = evaluated[place]
        if own.any():
            found[place] = reduce(steps[own], *[each[place][own] for each in values])
    return xr.DataArray(found, {dim: dataset[dim] for dim in dims}, dims)


def per_run(
    dataset: xr.Dataset,
    names: str | Sequence[str],
    *,
    reduce: Callable[..., float] | None = None,
    over_steps: bool = False,
) -> xr.DataArray:
    """One value or one curve of a quantity for every run.

    With `reduce`: the curve, or the curves of several quantities, reduced to a number. With `over_steps`: the curve at
    the steps at which all runs were evaluated. Otherwise: the final value, or the value of a quantity without steps.
    """
    if reduce is not None:
        return reduce_curves(dataset, names, reduce)
    quantity = dataset[names if isinstance(names, str) else next(iter(names))]
    if over_steps:
        evaluated = is_evaluated(dataset)
        return quantity.isel(step=evaluated.all([dim for dim in evaluated.dims if dim != "step"]).values)
    return final_values(dataset, str(quantity.name)) if "step" in quantity.dims else quantity
