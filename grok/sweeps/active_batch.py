"""A batch in training: runs at the same step, the module that trains them, and the records that they write."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from grok.sweeps.run import Run, save_record
from grok.sweeps.run_loggers import RunLoggers
from grok.training.checkpoint import Checkpoint
from grok.training.checkpoint_callback import MAX_TIME_SHARE
from grok.training.module import ReplicaModule
from grok.training.run_attributes import run_attributes

# Minimum interval between the records of runs that continue while others end. It grows so that writing takes at most
# `MAX_TIME_SHARE` of the time.
RECORD_SECONDS = 60.0


@dataclass(frozen=True)
class RunState:
    """A run that needs training, and where it continues."""

    run: Run
    checkpoint: Checkpoint | None  # None: its initial weights
    sessions: Sequence[Mapping[str, Any]] = ()  # for its record; empty until this process trains it
    loggers: RunLoggers | None = None  # None until this process trains it


@dataclass(frozen=True)
class ActiveBatch:
    """Runs at the same step and the module that trains them."""

    states: Sequence[RunState]  # without checkpoints
    module: ReplicaModule
    data: Sequence[Mapping[str, str]]  # the provenance of each run's data

    @property
    def runs(self) -> list[Run]:
        return [state.run for state in self.states]

    @property
    def metadata(self) -> list[dict[str, Any]]:
        """The metadata of each run's checkpoint and record."""
        return [
            {"data": data, "sessions": list(state.sessions)} for state, data in zip(self.states, self.data, strict=True)
        ]

    def record(self, replica: int) -> xr.Dataset:
        """The record of a run as it is so far."""
        return self.module.history.dataset(replica, self._attributes(replica))

    def _attributes(self, replica: int) -> dict[str, Any]:
        """The attributes of the record: those of the run and of its latest session; `sessions` lists all sessions."""
        state = self.states[replica]
        return {
            **run_attributes(self.module, state.run.config, self.data[replica]),
            "sessions": json.dumps(state.sessions),
            **{key: value for key, value in state.sessions[0].items() if key.startswith("start_")},
            **state.sessions[-1],
            "seconds": self.module.seconds,
        }


class RecordWriter:
    """Writes records during training. When runs end, it rewrites those of the other runs at most once a minute."""

    def __init__(self) -> None:
        self.not_before = 0.0  # on the monotonic clock

    def write(self, batch: ActiveBatch, *, interrupted: bool) -> None:
        """Write the records of all runs.

        When a run is finished, the records of the others wait for `not_before`, unless training was interrupted.
        """
        started_at, finished = time.monotonic(), batch.module.finished()
        postponed = finished.any() and not interrupted and started_at < self.not_before
        for replica, run in enumerate(batch.runs):
            if finished[replica] or not postponed:
                save_record(run, batch.record(replica))
        if not postponed:
            saved_at = time.monotonic()
            self.not_before = saved_at + max(RECORD_SECONDS, (saved_at - started_at) / MAX_TIME_SHARE)
