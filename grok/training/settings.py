"""The keys that every run has, checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from grok.checks import UserError, choice, flag, number, whole

PRECISIONS = ("float64", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a replica is trained, apart from what its task, model and optimiser say."""

    replica_wise: ClassVar = ("seed", "init_scale")
    seed: int
    steps: int
    batch_size: int | None  # None: full batch
    init_scale: float
    precision: str  # bfloat16: float32 weights, products that the device may round
    device: str
    stop_when_grokked: bool
    looks_per_decade: int
    looks_every: int | None
    save_every_seconds: float

    def __post_init__(self) -> None:
        whole("seed", self.seed, least=0)
        whole("steps", self.steps, least=1)
        if self.batch_size is not None:
            whole("batch_size", self.batch_size, least=1)
        number("init_scale", self.init_scale, above=0)
        choice("precision", self.precision, PRECISIONS)
        if not isinstance(self.device, str) or self.device.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
            raise UserError(f"device={self.device}: must be auto, cpu, cuda, cuda:<number> or mps")
        flag("stop_when_grokked", self.stop_when_grokked)
        whole("looks.per_decade", self.looks_per_decade, least=1)
        if self.looks_every is not None:
            whole("looks.every", self.looks_every, least=1)
        number("save_every_seconds", self.save_every_seconds, least=0)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """The settings in a resolved configuration.

        Raises:
            UserError: a value is of the wrong type or out of its range.
        """
        for group in ("task", "model", "optimizer", "measure", "logger", "looks"):
            if not isinstance(config.get(group), Mapping):
                raise UserError(
                    f"{group}={config.get(group)}: must be the name of a configuration, or keys with values"
                )
        own = [field.name for field in fields(cls) if not field.name.startswith("looks_")]
        values = {key: config.get(key, "<missing>") for key in own}
        looks = {f"looks_{key}": config["looks"].get(key, "<missing>") for key in ("per_decade", "every")}
        return cls(**values, **looks)
