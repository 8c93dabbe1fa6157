"""The keys that every run has, validated before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from grok.checks import UserError, as_typed_value, check_bool, check_choice, check_float, check_int, unknown_key
from grok.configuration import COMMAND_KEYS, SWEEP_GROUPS, value_at
from grok.old_names import refuse_old_keys

PRECISIONS = ("float64", "float32", "bfloat16")
PRODUCTS = ("auto", "onednn", "reference")
STARTS = ("weights", "state")
NESTED = ("evaluate", "keep_weights")  # mappings whose keys are fields, such as `evaluate_every`
GROUPS = ("task", "model", "optimizer", "logger", *NESTED)


class OverfitRule(NamedTuple):
    """A run overfits when the test loss has risen at `n_rises` evaluations in a row, at multiples of `every`."""

    n_rises: int
    every: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a replica is trained, apart from its task, model and optimizer."""

    per_replica_keys: ClassVar = ("seed", "init_scale")
    seed: int
    steps: int
    batch_size: int | None  # None: full batch
    init_scale: float
    precision: str  # bfloat16: float32 weights, matrix products that the device may round
    products: str  # reference: matrix products and tanh are torch's own
    compile: bool | str  # or auto
    device: str
    stop_when_grokked: bool
    stop_when_overfit: int | None  # evaluations in a row at which the test loss has risen
    evaluate_per_decade: int
    evaluate_every: int | None
    keep_weights_per_decade: int | None
    keep_weights_every: int | None
    keep_weights_last: bool
    keep_weights_optimizer: bool
    start_from: str | None  # a run folder, with @step for a kept step
    start_with: str  # state: with the optimizer's state and the step
    save_every_seconds: float

    def __post_init__(self) -> None:
        for field in fields(self):
            check_setting(_key(field.name), getattr(self, field.name))
        if self.keep_weights_optimizer and not (
            self.keep_weights_per_decade or self.keep_weights_every or self.keep_weights_last
        ):
            raise UserError("keep_weights.optimizer=true: needs keep_weights.per_decade, every or last")
        if self.stop_when_overfit is not None and self.evaluate_every is None:
            given = f"stop_when_overfit={self.stop_when_overfit}"
            raise UserError(f"{given}: needs evaluate.every, the steps between the compared test losses")
        if self.start_with == "state" and self.start_from is None:
            raise UserError("start_with=state: needs start_from=<run folder>[@step]")

    @property
    def overfit_rule(self) -> OverfitRule | None:
        """When training ends because the run overfits; None if it does not end then."""
        n_rises, every = self.stop_when_overfit, self.evaluate_every
        return OverfitRule(n_rises, every) if n_rises and every else None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """The settings of a resolved configuration.

        Raises:
            UserError: a value has the wrong type or is out of its range, or a key has an old name.
        """
        refuse_old_keys(config)
        refuse_unknown_keys(config)
        for group in (*GROUPS, "optimizer.schedule", "optimizer.transforms"):
            if not isinstance(value := value_at(config, group), Mapping):
                given = f"{group}={as_typed_value(value)}"
                raise UserError(f"{given}: must be the name of a configuration, or keys with values")
        nested = {f"{group}.{key}": value for group in NESTED for key, value in config[group].items()}
        values = {**config, **nested}
        return cls(**{field.name: values.get(_key(field.name), "<missing>") for field in fields(cls)})

    @classmethod
    def per_replica_keys_of(cls, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The per-replica keys of a configuration. Batched replicas share the step, so they start with one state."""
        return (*cls.per_replica_keys, *(("start_from",) if config.get("start_with") != "state" else ()))


def _key(field: str) -> str:
    """The dotted key of a field."""
    group = next((each for each in NESTED if field.startswith(f"{each}_")), "")
    return f"{group}.{field.removeprefix(f'{group}_')}" if group else field


def check_setting(key: str, value: Any) -> None:
    """Validate the value of a key that every run has; other keys are ignored.

    Raises:
        UserError: the value has the wrong type or is out of its range.
    """
    match key:
        case "seed" | "steps":
            check_int(key, value, minimum=0)
        case "evaluate.per_decade":
            check_int(key, value, minimum=1)
        case "batch_size" | "evaluate.every" | "keep_weights.per_decade" | "keep_weights.every" | "stop_when_overfit":
            if value is not None:
                check_int(key, value, minimum=1)
        case "init_scale":
            check_float(key, value, above=0)
        case "precision":
            check_choice(key, value, PRECISIONS)
        case "products":
            check_choice(key, value, PRODUCTS)
        case "compile":
            if value not in (True, False, "auto"):
                raise UserError(f"{key}={as_typed_value(value)}: must be true, false or auto")
        case "device":
            if not isinstance(value, str) or value.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
                raise UserError(f"{key}={as_typed_value(value)}: must be auto, cpu, cuda, cuda:<number> or mps")
        case "start_from":
            if value is not None and (not isinstance(value, str) or not value):
                raise UserError(f"{key}={as_typed_value(value)}: must be <run folder> or <run folder>@<step>")
        case "start_with":
            check_choice(key, value, STARTS)
        case "stop_when_grokked" | "keep_weights.last" | "keep_weights.optimizer":
            check_bool(key, value)
        case "objective":
            if not isinstance(value, str):
                raise UserError(f"{key}={as_typed_value(value)}: must be the name of a number in the summary")
        case "save_every_seconds":
            check_float(key, value, minimum=0)


def refuse_unknown_keys(config: Mapping[str, Any]) -> None:
    """Refuse a configuration with a key at its top level that no run reads.

    Raises:
        UserError: there is such a key.
    """
    own = [field.name for field in fields(Settings) if "." not in _key(field.name)]
    known = [*own, *GROUPS, "measure", "name", "objective", "plot"]
    for key in config:
        if key not in (*known, *SWEEP_GROUPS, *COMMAND_KEYS):
            raise unknown_key(f"{key}={config[key]}", key, known)
