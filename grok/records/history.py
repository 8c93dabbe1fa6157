"""What training has measured so far: labelled rows, one a look, kept for every replica side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from grok.records.labelled import Labelled


class History:
    """Rows of labelled quantities [replica, …] by step; becomes one xarray Dataset a replica."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.columns: dict[str, list[torch.Tensor]] = {}
        self.last: dict[str, torch.Tensor] = {}  # made at the last look
        self.labels: dict[str, dict[str, Any]] = {}  # dims, coordinates and attributes of each quantity

    def append(self, step: int, row: Mapping[str, Labelled]) -> None:
        """Add the quantities measured at a step; every row has the same quantities."""
        self.steps.append(step)
        self.last = {}
        for name, labelled in row.items():
            self.columns.setdefault(name, []).append(labelled.values.detach().cpu())
            self.labels[name] = _label(labelled)

    def keep(self, quantities: Mapping[str, Labelled]) -> None:
        """Keep quantities made at the look that is the last so far, in place of those of an earlier one."""
        self.last = {name: labelled.values.detach().cpu() for name, labelled in quantities.items()}
        self.labels |= {name: _label(labelled) for name, labelled in quantities.items()}

    def latest(self, name: str) -> torch.Tensor:
        """The values [replica, …] of a quantity at the last look."""
        return self.columns[name][-1]

    def scalars(self, replica: int) -> dict[str, float]:
        """The replica's quantities at the last look that are single numbers."""
        return {name: float(rows[-1][replica]) for name, rows in self.columns.items() if not self.labels[name]["dims"]}

    def dataset(self, replica: int, attributes: Mapping[str, str | int | float]) -> xr.Dataset:
        """The replica's record over (step, …), with what is kept since the last look alone over its own axes."""
        arrays = {
            name: (["step"], np.stack([row[replica].numpy() for row in rows]))
            for name, rows in self.columns.items()
            if self.labels[name]["recorded"]
        }
        arrays |= {name: ([], values[replica].numpy()) for name, values in self.last.items()}
        variables, coordinates = {}, {"step": ("step", self.steps, {"long_name": "optimiser step", "units": "step"})}
        for name, (dims, values) in arrays.items():
            labels = self.labels[name]
            variables[name] = ([*dims, *labels["dims"]], values, labels["attributes"])
            coordinates |= {dim: (dim, ticks) for dim, ticks in labels["coordinates"].items()}
        return xr.Dataset(variables, coordinates, dict(attributes))

    def state_dict(self) -> dict[str, Any]:
        """Tensors and builtins only, so that a checkpoint loads with `weights_only=True`."""
        return {
            "steps": list(self.steps),
            "columns": {n: torch.stack(c) for n, c in self.columns.items()},
            "last": self.last,
            "labels": self.labels,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the history of a checkpoint."""
        self.steps = list(state["steps"])
        self.columns = {name: list(column.unbind(0)) for name, column in state["columns"].items()}
        self.last, self.labels = dict(state["last"]), dict(state["labels"])


def _label(labelled: Labelled) -> dict[str, Any]:
    return {
        "dims": list(labelled.dims),
        "recorded": labelled.recorded,
        "coordinates": {dim: list(ticks) for dim, ticks in labelled.coordinates.items()},
        "attributes": {
            "long_name": labelled.title,
            "units": labelled.unit,
            "chart": labelled.chart,
            "log_scale": int(labelled.log_scale),
        },
    }
