"""Imports run one way; science knows nothing of the harness, and the harness knows no task by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

GROK = Path(__file__).parent.parent / "grok"
LEAVES = {"grok.checks", "grok.configuration", "grok.old_names", "grok.random_streams"}
# The packages of grok that each package may import, besides itself and the leaves.
ALLOWED = {
    "science": set(),
    "data": {"science"},
    "models": {"science"},
    "tasks": {"science", "data", "models"},
    "optimizers": {"science", "models", "tasks"},
    "records": {"science"},
    "measures": {"science", "models", "tasks", "records"},
    "training": {"science", "models", "tasks", "data", "optimizers", "measures", "records"},
    "reports": {"science", "records"},
    "sweeps": {"science", "models", "tasks", "data", "optimizers", "measures", "records", "training", "reports"},
}
NOT_IN_SCIENCE = {"pytorch_lightning", "hydra", "omegaconf", "wandb", "xarray", "matplotlib", "plotly"}
# The modules of these packages that the harness may import: base classes, no task, model, measure or transform by name.
HARNESS = ("training", "sweeps", "records", "reports")
BASES = {
    "grok.tasks.task",
    "grok.models.model",
    "grok.models.network",
    "grok.models.weight_files",
    "grok.measures.snapshot",
    "grok.optimizers.transforms.transform",
}
BY_NAME = ("grok.tasks.", "grok.models.", "grok.measures.", "grok.optimizers.transforms.")


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
def test_leaves_import_only_the_checks(leaf):
    named = {name for name in imports(GROK / f"{leaf.removeprefix('grok.')}.py") if name.startswith("grok")}
    assert all(name.startswith("grok.checks") for name in named)


def test_science_knows_no_harness():
    for path in (GROK / "science").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & NOT_IN_SCIENCE


@pytest.mark.parametrize("package", HARNESS)
def test_the_harness_names_no_task_model_or_measure(package):
    for path in (GROK / package).rglob("*.py"):
        named = {name.rpartition(".")[0] for name in imports(path) if name.startswith(BY_NAME)}
        assert named <= BASES, f"{path} imports {named - BASES}"


def test_only_a_wandb_logger_imports_wandb():
    """Its import takes 0.4 s, also of runs that do not use it."""
    with_wandb = ("wandb.", "grok.training.tracking", "grok.training.wandb_mode")
    users = {GROK / "training" / "tracking.py", GROK / "training" / "wandb_mode.py"}
    for path in {*GROK.rglob("*.py")} - users - {*(GROK / "reports" / "dashboards").glob("*.py")}:
        at_import = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        named = {
            f"{getattr(node, 'module', '')}.{alias.name}.".lstrip(".") for node in at_import for alias in node.names
        }
        assert not [name for name in named if name.startswith(with_wandb)], path


@pytest.mark.parametrize(
    "body", ["modular", "effective_theory", "landscape", "language", "quanta", "double_descent", "manifold"]
)
def test_a_body_of_science_has_the_same_name_in_science_and_reports(body):
    assert (GROK / "science" / body / "__init__.py").exists() and (GROK / "reports" / body / "__init__.py").exists()


def test_no_file_is_over_250_lines_and_no_function_over_40():
    for path in [*GROK.rglob("*.py"), *Path(__file__).parent.rglob("*.py")]:
        text = path.read_text()
        assert text.count("\n") <= 250, f"{path} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                assert length <= 40, f"{path}: {node.name} has {length} lines"
