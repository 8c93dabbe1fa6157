"""Sweeps whose losses follow the theory of quanta."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from grok.science.quanta.emergence import NATS_PER_BIT
from grok.science.quanta.laws import predicted_learned
from grok.science.quanta.quantization_model import zipf_frequencies

N_SUBTASKS = 100


def theory_dataset(
    keys: Mapping[str, Sequence[Any]],
    steps: np.ndarray,
    n_learned: Callable[..., np.ndarray],
    n_subtasks: int = N_SUBTASKS,
) -> xr.Dataset:
    """A sweep with `n_learned(frequencies, **keys)` learned subtasks at each step, the last one learned in part."""
    dims, shape = [*keys], [len(ticks) for ticks in keys.values()]
    losses = np.empty((*shape, steps.size, n_subtasks))
    mean = np.empty((*shape, steps.size))
    for index in np.ndindex(*shape):
        run = {name.rpartition(".")[2]: ticks[at] for at, (name, ticks) in zip(index, keys.items(), strict=True)}
        frequencies = zipf_frequencies(n_subtasks, alpha=run.get("alpha", 0.4))
        n = np.broadcast_to(n_learned(frequencies, **run), steps.shape)
        losses[index] = NATS_PER_BIT * (1 - np.clip(n[:, None] - np.arange(n_subtasks), 0, 1))
        mean[index] = losses[index] @ frequencies
    over_steps = dict.fromkeys(("test_loss", "validation_loss", "held_out_loss"), ((*dims, "step"), mean))
    over_steps |= {"train_accuracy": ((*dims, "step"), 1 - mean / 2)}
    by_subtask = dict.fromkeys(("subtask_loss", "held_out_subtask_loss"), ((*dims, "step", "subtask"), losses))
    dataset = xr.Dataset(
        {**by_subtask, **over_steps},
        {**keys, "step": steps, "subtask": range(1, n_subtasks + 1)},
        {"scale": "laptop"},
    )
    dataset["finished"], dataset["last_step"] = (dims, np.ones(shape, bool)), (dims, np.full(shape, steps[-1]))
    width = dataset.get("model.width", xr.DataArray(100))
    return dataset.assign(n_parameters=(135.0 * width + 2).broadcast_like(dataset["finished"]))


def n_learned_by_step(frequencies: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The number of subtasks that the law of steps has learned at each step."""
    return predicted_learned("steps", steps, frequencies, constant=79.0)


def n_learned_by_width(frequencies: np.ndarray, width: int) -> np.ndarray:
    """The number of subtasks that the law of parameters has learned at a width."""
    return predicted_learned("parameters", np.array([width]), frequencies, constant=7.3)


def log_steps(last: int) -> np.ndarray:
    """Evaluation steps from 1 to the last, evenly spaced on a log axis."""
    return np.unique(np.geomspace(1, last, 90).round().astype(int))
