"""The study of a command, checked before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from grok.configuration import COMMAND_KEYS
from grok.records.sweep import variables_of_run
from grok.reports.study.reading import read_study
from grok.reports.study.study import Study
from grok.reports.study.study_checks import check_claims, check_functions
from grok.sweeps.composition import resolved_run
from grok.training.build import build

# Keys that can be set for a study without altering its result.
NEUTRAL_KEYS = (
    *COMMAND_KEYS,
    "cluster",
    "compile",
    "device",
    "hydra",
    "logger",
    "save_every_seconds",
    "scale",
    "study",
)
TRIAL_SCALE = "smoke"  # its runs are small enough to be evaluated once before training
TRIAL_SECONDS = 2.0  # no trial starts after this time
IGNORED = ("logger", "save_every_seconds", "scale", "device", "cluster")  # by a trial

Compose = Callable[[list[str]], DictConfig]


def altered_keys(config: DictConfig) -> list[str]:
    """The overrides of the command that alter the result of its study."""
    return [each for each in config.hydra.overrides.task if _key(each).split(".")[0] not in NEUTRAL_KEYS]


def make_study(config: DictConfig) -> Study | None:
    """The study of a composed configuration, whose functions take their arguments; None if there is no study.

    Raises:
        UserError: a key or a value of the study is wrong.
    """
    found: Any = OmegaConf.to_container(config.study, resolve=True) if "study" in config else None
    if not found:
        return None
    study = read_study(found)
    check_functions(study)
    return study


def check_sweep(study: Study, config: DictConfig, compose: Compose) -> None:
    """Require that the sweep of a study gives what its claims are measured on. An altered study is not judged, nor is
    it checked.

    `compose` composes the configuration with these overrides.

    Raises:
        UserError: a claim needs a quantity, a dimension or a swept value that the sweep does not have.
    """
    if not altered_keys(config):
        recorded = recorded_dims(study, list(config.hydra.overrides.task), compose)
        check_claims(study, swept_values(config), recorded)


def swept_values(config: DictConfig) -> dict[str, list[Any]]:
    """The values of each key that a study sweeps; empty for a key whose values are chosen during the sweep."""
    found = {}
    for key, texts in _sweep_params(config).items():
        values = [_typed(each.partition("=")[2]) for each in texts]
        is_text = any(isinstance(each, str) for each in values)  # an axis is all numbers or all strings
        found[key] = [str(each) if is_text else each for each in values]
    return found


def recorded_dims(study: Study, overrides: Sequence[str], compose: Compose) -> dict[str, tuple[str, ...]] | None:
    """The quantities in the sweep's Dataset, with their dimensions besides the swept keys.

    They are found in runs of scale `smoke`, built on the CPU and evaluated once, until all that the claims need are
    found. None if the study has no such scale, if a run cannot be built, or if there is not enough time.
    """
    if TRIAL_SCALE not in study.scales:
        return None
    needed = {name for claim in study.claims.values() for name in _flat(claim.quantity)}
    kept = [each for each in overrides if _key(each).split(".")[0] not in IGNORED]
    base = [*kept, f"scale={TRIAL_SCALE}", "logger=none"]
    found: dict[str, tuple[str, ...]] = {}
    start = time.monotonic()
    try:
        for swept in _trial_runs(compose(base)):
            if time.monotonic() - start > TRIAL_SECONDS and found:
                return None
            found = {**_dims_of_run(compose([*base, *swept])), **found}
            if found.keys() >= needed:
                break
    except Exception:  # whatever stops a run is reported when the runs of the sweep are built
        return None
    return found


def _dims_of_run(config: DictConfig) -> dict[str, tuple[str, ...]]:
    """The dimensions of each variable in the record and the summary of a run, which is evaluated at step 0."""
    HydraConfig.instance().set_config(config.copy())  # the name is resolved from it
    module, _ = build([resolved_run(config)])
    module.steps = 0  # the run is finished at once, so that measures give their final quantities too
    module.evaluate()
    thresholds = module.task.thresholds
    record = module.history.dataset(0, thresholds.recorded if thresholds else {})
    names = dict.fromkeys(variables_of_run(record.attrs), ())
    return names | {str(name): tuple(map(str, each.dims)) for name, each in record.data_vars.items()}


def _trial_runs(config: DictConfig) -> Iterator[tuple[str, ...]]:
    """The swept overrides of runs that may record different quantities: those that differ in swept words."""
    by_key = []
    for texts in _sweep_params(config).values():
        are_numbers = all(not isinstance(_typed(each.partition("=")[2]), str) for each in texts)
        by_key.append(texts[:1] if are_numbers else texts)
    yield from product(*(texts for texts in by_key if texts))


def _sweep_params(config: DictConfig) -> dict[str, list[str]]:
    """The overrides of each key that the configuration sweeps; empty for a key with an interval of values."""
    params: Mapping[str, Any] = config.hydra.sweeper.get("params") or {}
    overrides = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    found = {}
    for each in overrides:
        key = each.get_key_element()
        texts = [each.get_value_element_as_str()] if not each.is_sweep_override() else []
        if each.is_discrete_sweep():
            texts = [*map(str, each.sweep_string_iterator())]
        found[_key(key).partition("@")[2] or _key(key)] = [f"{key}={text}" for text in texts]
    return found


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _typed(text: str) -> float | str:
    """A number, or the text without quotes."""
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text.strip("'\"")


def _flat(names: str | Sequence[Any]) -> list[str]:
    return [names] if isinstance(names, str) else [each for name in names for each in _flat(name)]
