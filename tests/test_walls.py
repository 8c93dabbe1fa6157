"""Imports run one way; science knows nothing of the harness, and the harness knows no task by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

GROK = Path(__file__).parent.parent / "grok"
LEAVES = {"grok.checks", "grok.configuration", "grok.streams"}
# What each package may import of grok, besides itself and the leaves.
ALLOWED = {
    "science": set(),
    "data": {"science"},
    "models": {"science", "data", "tasks"},
    "tasks": {"science", "data", "models"},
    "optimizers": {"science", "models", "tasks"},
    "records": set(),
    "measures": {"science", "models", "tasks", "records"},
    "training": {"science", "models", "tasks", "data", "optimizers", "measures", "records"},
    "reports": {"science", "records"},
    "sweeps": {"science", "models", "tasks", "data", "optimizers", "measures", "records", "training", "reports"},
}
NOT_IN_SCIENCE = {"pytorch_lightning", "hydra", "omegaconf", "wandb", "xarray", "matplotlib", "plotly"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_package_has_its_walls():
    assert {path.parent.name for path in GROK.glob("*/__init__.py")} == ALLOWED.keys()


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_one_way(package):
    for path in (GROK / package).rglob("*.py"):
        for name in imports(path):
            root, _, rest = name.partition(".")
            if root == "grok" and not any(name.startswith(leaf) for leaf in LEAVES):
                assert rest.split(".")[0] in ALLOWED[package] | {package}, f"{path} imports {name}"


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_leaves_import_nothing_of_ours_but_the_checks(leaf):
    named = {name for name in imports(GROK / f"{leaf.removeprefix('grok.')}.py") if name.startswith("grok")}
    assert all(name.startswith("grok.checks") for name in named)


def test_science_knows_no_harness():
    for path in (GROK / "science").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & NOT_IN_SCIENCE


def test_the_harness_names_no_task_model_or_measure():
    named = {path.stem for group in ("tasks", "models", "measures") for path in (GROK / group).glob("*.py")}
    named -= {"__init__", "task", "look", "layers"}
    for package in ("training", "sweeps", "records", "reports"):
        for path in (GROK / package).rglob("*.py"):
            assert not {part for name in imports(path) if name.startswith("grok") for part in name.split(".")} & named
