"""Checks of the overrides that a user typed: keys, kinds of values, and removed keys, before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.checks import UserError, as_typed_value, check_bool, check_float, check_int, unknown_key
from grok.configuration import COMMAND_KEYS, SWEEP_GROUPS, leaves
from grok.old_names import new_key, refuse_old_override
from grok.training.settings import GROUPS, NESTED, check_setting

MIXED_KINDS = ("compile",)  # keys that can be text or something else, which `Settings` checks
OPTIONAL_MAPPINGS = ("task.thresholds", "optimizer.transforms.*")  # mappings that null turns off


def composed(config_folder: Path, overrides: Sequence[str]) -> DictConfig:
    """The configuration with these overrides, Hydra's own keys included."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder.absolute()), version_base="1.3"):
        return compose("train", overrides=[*overrides], return_hydra_config=True)


@cache
def _defaults(config_folder: Path, choices: tuple[str, ...]) -> dict[str, Any]:
    """The configuration of these files, not resolved and not to be changed."""
    found: dict[str, Any] = OmegaConf.to_container(composed(config_folder, choices))  # type: ignore[assignment]
    return found


def check_overrides(config_folder: Path, arguments: Sequence[str]) -> None:
    """Check typed overrides against the files that they choose; in a sweep over files, against the first ones.

    Files that cannot be composed are left to Hydra, which reports the mistake.

    Raises:
        UserError: a key does not exist, a required key is removed, or a value is of another kind than its default.
        HydraException: a later choice of a sweep over files cannot be composed.
    """
    try:
        overrides = OverridesParser.create().parse_overrides([*arguments])
        choices = [each for each in overrides if _chooses_file(each, config_folder)]
        first = [_choice_texts(each)[0] for each in choices]
        config = _defaults(config_folder, tuple(first))
    except (HydraException, OmegaConfBaseException):
        return
    _check_swept_files(choices, first, config_folder)
    if swept := [each for each in overrides if each.key_or_group in COMMAND_KEYS and each.is_sweep_override()]:
        raise UserError(f"{swept[0].input_line}: has one value for the whole sweep")
    typed = [
        (override, key, value)
        for override in overrides
        if not _chooses_file(override, config_folder)
        for each in _values(override)
        for key, value in leaves({override.key_or_group: each})
    ]
    added = {key for override, key, _ in typed if override.is_add() or override.is_force_add()}
    other_classes = tuple(key.removesuffix("_target_") for _, key, _ in typed if key.endswith("._target_"))
    for override, key, value in typed:
        if not key.startswith(other_classes):
            place = _find(key, config)
            if not place.exists:
                given = str(override.input_line).lstrip("+") if key == override.key_or_group else f"{key}={value}"
                _check_new_key(place, given, is_added=key in added)
            elif override.is_delete():
                _check_removal(place, config_folder)
            elif not place.belongs_to_sweep and "${" not in str(value):
                _check_value(key, value, place.default)


def weight_decay_warning(config_folder: Path, arguments: Sequence[str]) -> str | None:
    """The warning that a recipe's decay for AdamW is another thing in the chosen Adam; None if there is no need."""
    overrides = {each.key_or_group: each for each in OverridesParser.create().parse_overrides([*arguments])}
    chosen = overrides.get("optimizer")
    if chosen is None or "adam" not in _values(chosen) or "optimizer.weight_decay" in overrides:
        return None
    choices = [each for each in overrides.values() if _chooses_file(each, config_folder)]
    decay = _defaults(config_folder, tuple(_choice_texts(each)[0] for each in choices))["optimizer"]["weight_decay"]
    if not decay:
        return None
    return (
        f"optimizer=adam: the recipe's optimizer.weight_decay={decay} is for AdamW; Adam adds it to the gradient "
        "(an L2 penalty), which is far stronger; optimizer.weight_decay=<value> sets it"
    )


@dataclass(frozen=True)
class _KeyLocation:
    """Where a dotted key lies, or would lie, in a configuration."""

    config: Mapping[str, Any]
    names: Sequence[str]  # of the key
    depth: int  # of the deepest mapping on its way
    mapping: Mapping[str, Any]

    @property
    def exists(self) -> bool:
        return self.names[self.depth] in self.mapping

    @property
    def default(self) -> Any:
        """Its value; None for a key inside a value."""
        return self.mapping[self.names[-1]] if self.depth == len(self.names) - 1 else None

    @property
    def belongs_to_sweep(self) -> bool:
        return self.names[0] in SWEEP_GROUPS

    @property
    def is_closed(self) -> bool:
        """Whether the mapping has all keys that are allowed in it: that of a class, or of every run."""
        of_every_run = self.depth == 0 or (self.depth == 1 and self.names[0] in NESTED)
        return not self.belongs_to_sweep and (of_every_run or "_target_" in self.mapping)


def _find(key: str, config: Mapping[str, Any]) -> _KeyLocation:
    names, mapping, depth = key.split("."), config, 0
    while depth < len(names) - 1 and isinstance(inner := mapping.get(names[depth]), dict):
        mapping, depth = inner, depth + 1
    return _KeyLocation(config, names, depth, mapping)


def _chooses_file(override: Override, config_folder: Path) -> bool:
    """Whether an override chooses a file of a group, rather than setting a key."""
    key = override.key_or_group
    is_group = "/" in key or override.package is not None or (config_folder / key).is_dir()
    return is_group and not isinstance(override.value(), dict)


def _choice_texts(override: Override) -> list[str]:
    """The texts of an override that chooses a file: one, or in a sweep over files one for each.

    Raises:
        UserError: the group has an old name, every run needs the group that it removes, or the file is not a name.
    """
    group, given = override.key_or_group, str(override.input_line)
    refuse_old_override(given)
    if override.is_delete() and group in GROUPS:
        raise UserError(f"{given}: every run needs this group; {group}=<name> chooses its configuration")
    if not all(value is None or isinstance(value, (str, list, dict)) for value in _values(override)):
        raise UserError(f"{given}: must be the name of a configuration")
    if override.is_sweep_override():
        return [f"{override.get_key_element()}={text}" for text in override.sweep_string_iterator()]
    return [given]


def _check_swept_files(choices: Sequence[Override], first: Sequence[str], config_folder: Path) -> None:
    """Compose the other choices of a sweep over files, too, where they are not simply the name of a file."""
    for number, override in enumerate(choices):
        for text in _choice_texts(override)[1:]:
            if not (config_folder / override.key_or_group / f"{text.partition('=')[2]}.yaml").exists():
                composed(config_folder, [*first[:number], text, *first[number + 1 :]])


def _values(override: Override) -> list[Any]:
    """The values that an override gives to runs; none for an interval, which an optimizing sweeper samples."""
    if not override.is_sweep_override():
        return [override.value()]
    values = override.sweep_iterator() if override.is_discrete_sweep() else ()
    return [replace(override, value_type=ValueType.ELEMENT, _value=each).value() for each in values]


def _check_new_key(place: _KeyLocation, given: str, *, is_added: bool) -> None:
    """Refuse a key that does not exist, unless it was added to a mapping with free keys."""
    key, name = ".".join(place.names), place.names[place.depth]
    if new := new_key(key):
        raise UserError(f"{given}: renamed to {new}")
    if is_added and (name.startswith("_") or not place.is_closed):
        return
    groups = [group for group, keys in place.config.items() if isinstance(keys, dict) and group not in SWEEP_GROUPS]
    same_name = [f"{group}.{key}" for group in groups if place.depth == 0 and name in place.config[group]]
    allowed = [str(each) for each in place.mapping if not str(each).startswith("_") and each != "hydra"]
    raise unknown_key(given, key, allowed, depth=place.depth, meant=same_name)


def _check_removal(place: _KeyLocation, config_folder: Path) -> None:
    """Refuse to remove a key that the chosen class, or every run, needs."""
    if place.is_closed and not _belongs_to_another_choice(place, config_folder):
        needed_by, key = place.mapping.get("_target_", "every run"), ".".join(place.names)
        raise UserError(f"~{key}: {needed_by} needs this key; {key}=<value> sets it")


def _belongs_to_another_choice(place: _KeyLocation, config_folder: Path) -> bool:
    """Whether a task sets the key for another file than the chosen one, such as `betas` for another optimizer."""
    group = place.names[0]
    file = config_folder / group / f"{place.config['hydra']['runtime']['choices'].get(group)}.yaml"
    if place.depth == 0 or not file.exists():
        return False
    loaded: list[Any] = [OmegaConf.load(each) for each in (file, config_folder / "train.yaml")]
    return not any(place.names[1] in each.get(group, each) for each in loaded)


def _check_value(key: str, value: Any, default: Any) -> None:
    """Validate the value of a key that exists."""
    if value == "None":
        raise UserError(f"{key}=None: no value is written {key}=null")
    check_setting(key, value)
    _check_kind(key, value, default)


def _check_kind(key: str, value: Any, default: Any) -> None:
    """Require a value of the default's kind. Null is of every kind, except for most mappings; so is the value of a key
    whose default is null."""
    can_be_null = not isinstance(default, dict) or any(fnmatchcase(key, each) for each in OPTIONAL_MAPPINGS)
    if (value is None and can_be_null) or (isinstance(default, str) and "${" in default) or key in MIXED_KINDS:
        return
    if isinstance(default, bool):
        check_bool(key, value)
    elif isinstance(default, int):
        check_int(key, value)
    elif isinstance(default, float):
        check_float(key, value)
    elif isinstance(default, dict):
        raise UserError(f"{key}={as_typed_value(value)}: must be keys with values, {{key: value}}")
    elif isinstance(default, list) and not isinstance(value, list):
        raise UserError(f"{key}={as_typed_value(value)}: must be a list, such as [a,b]")
    elif isinstance(default, str) and not isinstance(value, str):
        raise UserError(f"{key}={as_typed_value(value)}: must be text; a number in quotes is text")
