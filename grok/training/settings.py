"""The keys that every run has, validated before torch is imported."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from grok.checks import UserError, check_bool, check_choice, check_float, check_int
from grok.configuration import SWEEP_GROUPS
from grok.old_names import refuse_old_keys

PRECISIONS = ("float64", "float32", "bfloat16")
GROUPS = ("task", "model", "optimizer", "logger", "evaluate")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a replica is trained, apart from its task, model and optimizer."""

    per_replica_keys: ClassVar = ("seed", "init_scale")
    seed: int
    steps: int
    batch_size: int | None  # None: full batch
    init_scale: float
    precision: str  # bfloat16: float32 weights, matrix products that the device may round
    device: str
    stop_when_grokked: bool
    evaluate_per_decade: int
    evaluate_every: int | None
    save_every_seconds: float

    def __post_init__(self) -> None:
        check_int("seed", self.seed, minimum=0)
        check_int("steps", self.steps, minimum=1)
        if self.batch_size is not None:
            check_int("batch_size", self.batch_size, minimum=1)
        check_float("init_scale", self.init_scale, above=0)
        check_choice("precision", self.precision, PRECISIONS)
        if not isinstance(self.device, str) or self.device.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
            raise UserError(f"device={self.device}: must be auto, cpu, cuda, cuda:<number> or mps")
        check_bool("stop_when_grokked", self.stop_when_grokked)
        check_int("evaluate.per_decade", self.evaluate_per_decade, minimum=1)
        if self.evaluate_every is not None:
            check_int("evaluate.every", self.evaluate_every, minimum=1)
        check_float("save_every_seconds", self.save_every_seconds, minimum=0)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """The settings of a resolved configuration.

        Raises:
            UserError: a value has the wrong type or is out of its range, or a key has an old name.
        """
        refuse_old_keys(config)
        refuse_unknown_keys(config)
        for group in GROUPS:
            if not isinstance(config.get(group), Mapping):
                raise UserError(
                    f"{group}={config.get(group)}: must be the name of a configuration, or keys with values"
                )
        own = [field.name for field in fields(cls) if not field.name.startswith("evaluate_")]
        values = {key: config.get(key, "<missing>") for key in own}
        evaluate = {f"evaluate_{key}": config["evaluate"].get(key, "<missing>") for key in ("per_decade", "every")}
        return cls(**values, **evaluate)


def refuse_unknown_keys(config: Mapping[str, Any]) -> None:
    """Refuse a configuration with a key at its top level that no run reads.

    Raises:
        UserError: there is such a key.
    """
    own = [field.name for field in fields(Settings) if not field.name.startswith("evaluate_")]
    known = [*own, *GROUPS, "measure", "name", "objective", "plot"]
    for key in config:
        if key not in known and key not in SWEEP_GROUPS:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise UserError(f"{key}={config[key]}: no such key{meant}; the top level has {', '.join(known)}")
