"""The attributes of a run's record that do not depend on when or where it was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from grok.training.module import ReplicaModule


def run_attributes(module: ReplicaModule, config: Mapping[str, Any], data: Mapping[str, str]) -> dict[str, Any]:
    """The task, its thresholds, the provenance of its data, the number of parameters, and the configuration."""
    thresholds = module.task.thresholds
    return {
        "task": config["task"]["_target_"],
        **(thresholds.recorded if thresholds else {}),
        **{f"data_{name}": text for name, text in data.items()},
        "n_parameters": sum(parameter[0].numel() for parameter in module.model.parameters()),
        "config": json.dumps(config),
    }
