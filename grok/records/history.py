"""The history of a batch in training: one row of quantities per evaluation step, for every replica."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from grok.records.quantity import Quantity


class History:
    """Quantities [replica, …] by evaluation step; each replica's part becomes an xarray Dataset."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.columns: dict[str, list[torch.Tensor]] = {}
        self.final: dict[str, torch.Tensor] = {}  # computed at the evaluation at which a replica is finished
        self.labels: dict[str, dict[str, Any]] = {}  # dims, coordinates and attributes of each quantity

    def append(self, step: int, row: Mapping[str, Quantity]) -> None:
        """Add the quantities of an evaluation step; every row has the same quantities."""
        self.steps.append(step)
        self.final = {}
        for name, quantity in row.items():
            self.columns.setdefault(name, []).append(quantity.values.detach().cpu())
            self.labels[name] = _labels_of(quantity)

    def keep_final(self, quantities: Mapping[str, Quantity]) -> None:
        """Keep quantities computed at the latest evaluation, in place of earlier ones."""
        self.final = {name: quantity.values.detach().cpu() for name, quantity in quantities.items()}
        self.labels |= {name: _labels_of(quantity) for name, quantity in quantities.items()}

    def latest(self, name: str) -> torch.Tensor:
        """The values [replica, …] of a quantity at the latest evaluation."""
        return self.columns[name][-1]

    def scalars(self, replica: int, row: int = -1) -> dict[str, float]:
        """The replica's scalar quantities at an evaluation, the latest by default."""
        return {name: float(rows[row][replica]) for name, rows in self.columns.items() if not self.labels[name]["dims"]}

    def dataset(self, replica: int, attributes: Mapping[str, str | int | float]) -> xr.Dataset:
        """The replica's record: quantities over (step, …), and the final ones over their own axes."""
        arrays = {
            name: (["step"], np.stack([row[replica].numpy() for row in rows]))
            for name, rows in self.columns.items()
            if self.labels[name]["recorded"]
        }
        arrays |= {name: ([], values[replica].numpy()) for name, values in self.final.items()}
        variables, coordinates = {}, {"step": ("step", self.steps, {"long_name": "optimizer step", "units": "step"})}
        for name, (dims, values) in arrays.items():
            labels = self.labels[name]
            variables[name] = ([*dims, *labels["dims"]], values, labels["attributes"])
            coordinates |= {dim: (dim, ticks) for dim, ticks in labels["coordinates"].items()}
        return xr.Dataset(variables, coordinates, dict(attributes))

    def state_dict(self) -> dict[str, Any]:
        """The state as tensors and builtins only, so that a checkpoint loads with `weights_only=True`."""
        return {
            "steps": list(self.steps),
            "columns": {name: torch.stack(column) for name, column in self.columns.items()},
            "final": self.final,
            "labels": self.labels,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.steps = list(state["steps"])
        self.columns = {name: list(column.unbind(0)) for name, column in state["columns"].items()}
        self.final, self.labels = dict(state["final"]), dict(state["labels"])


def _labels_of(quantity: Quantity) -> dict[str, Any]:
    return {
        "dims": list(quantity.dims),
        "recorded": quantity.recorded,
        "coordinates": {dim: list(ticks) for dim, ticks in quantity.coordinates.items()},
        "attributes": {
            "long_name": quantity.title,
            "units": quantity.unit,
            "chart": quantity.chart,
            "log_scale": int(quantity.log_scale),
        },
    }
