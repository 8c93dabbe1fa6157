"""The page of `--help`: the commands, the configurations, and the keys with their values and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from grok.configuration import as_typed, leaves, run_config
from grok.override_checks import composed

COMMANDS = """\
python train.py task=<name> [key=value …]       train
python train.py -m task=<name> key=a,b …        sweep
python train.py study=<name> [scale=laptop]     sweep, draw the figure, and judge the claims
"""
HIDDEN = ("hydra", "study", "cluster", "scale")  # their files explain them


def help_page(config_folder: Path, overrides: Sequence[str]) -> str:
    """The commands, the configurations of each group, and the keys: those of every run, or of the task in `overrides`.

    Raises:
        HydraException: the overrides do not fit.
    """
    nested = [config_folder / "hydra" / "launcher", config_folder / "optimizer" / "transform"]
    folders = [*sorted({file.parent for file in config_folder.glob("*/*.yaml")}), *nested]
    groups = [f"{folder.relative_to(config_folder)}: {', '.join(options(folder))}" for folder in folders]
    if not any(each.startswith(("task=", "study=")) for each in overrides):
        keys = (config_folder / "train.yaml").read_text().split("\n\n")[1]
        more = "python train.py task=<name> --help lists the keys of a task, its model, optimizer and measures, too"
        return "\n".join([COMMANDS, *groups, "", "Keys of every run:", keys, "", more])
    return "\n".join(
        [COMMANDS, *groups, "", f"Keys of {' '.join(map(as_typed, overrides))}:", *_keys(config_folder, overrides)]
    )


def _keys(config_folder: Path, overrides: Sequence[str]) -> list[str]:
    """The composed configuration as lines of YAML, each key with the comment of its file."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    single = [text for text, each in zip(overrides, parsed, strict=True) if not each.is_sweep_override()]
    config = composed(config_folder, single)
    comments = _comments(config_folder / "train.yaml")
    for choice_key, choice in config.hydra.runtime.choices.items():
        group = choice_key.partition("@")[0]  # of optimizer/transform@optimizer.transforms.clip_gradients
        if (file := config_folder / group / f"{choice}.yaml").exists() and group not in HIDDEN:
            comments |= _comments(file, package=choice_key.partition("@")[2] or group)
    comments |= _resolve_study_values(config)
    shown = OmegaConf.masked_copy(config, [str(key) for key in config if key not in HIDDEN])
    lines = OmegaConf.to_yaml(shown).splitlines()
    for index, path in _key_lines(lines):
        if comments.get(path):
            lines[index] += f"  # {comments[path]}"
    return [*lines, *_sweep(config)]


def _resolve_study_values(config: DictConfig) -> dict[str, str]:
    """Replace interpolations of the study, such as `${study.preset.steps}`, by their values; returns new comments for
    these keys, because those of the files belong to other values."""
    keys: Any = OmegaConf.to_container(config)
    found = {key: str(value) for key, value in leaves(run_config(keys)) if re.search(r"\$\{.*study\.", str(value))}
    comments = {}
    for key, text in found.items():
        others = [each for each in re.findall(r"\$\{([\w.]+)\}", text) if not each.startswith("study.")]
        comments[key] = " and ".join(f"for {each}={OmegaConf.select(config, each)}" for each in others)
        OmegaConf.update(config, key, OmegaConf.select(config, key))
    return comments


def _sweep(config: DictConfig) -> list[str]:
    """The keys that a study sweeps, with their values at its scale, as lines of YAML."""
    params: Any = OmegaConf.to_container(config.hydra.sweeper.params, resolve=True) if "study" in config else None
    return ["", f"Swept at scale={config.scale}:", *(f"{key}: {params[key]}" for key in params)] if params else []


def options(group: Path) -> list[str]:
    """The names of the configurations in a folder."""
    return sorted(path.stem for path in group.glob("*.yaml"))


def _comments(file: Path, package: str = "") -> dict[str, str]:
    """The comment of each dotted key of a configuration; comments that fill a line continue the one above."""
    text = file.read_text()
    prefix = "" if not package or "@package _global_" in text else f"{package}."
    lines, comments = text.splitlines(), {}
    for index, path in _key_lines(lines):
        found = [re.search(r"\s# (.*)$", lines[index])]
        for line in lines[index + 1 :]:
            if not found[0] or not (continued := re.match(r"\s{12,}# (.*)$", line)):
                break
            found.append(continued)
        if found[0]:
            comments[prefix + path] = " ".join(match[1] for match in found if match)
    return comments


def _key_lines(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The lines of a YAML text that start a key, with its dotted path."""
    parents: list[tuple[int, str]] = []
    for index, line in enumerate(lines):
        if key := re.match(r"( *)(\w[\w.]*):(\s|$)", line):
            indent = len(key[1])
            parents = [parent for parent in parents if parent[0] < indent] + [(indent, key[2])]
            yield index, ".".join(name for _, name in parents)
