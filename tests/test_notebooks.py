"""Every notebook runs from its source on a small run, and its executed pair has the same source."""

import os

import jupytext
import nbclient
import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_draws(source, run):
    folder = run("steps=300", "task.tolerance=0.05")
    notebook = jupytext.read(source)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source = f"run, where = {str(folder)!r}, {{}}"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": source.parent}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_executed_pair_has_the_same_source(source):
    source_notebook, executed = jupytext.read(source), jupytext.read(source.with_suffix(".ipynb"))
    assert [cell.source for cell in source_notebook.cells] == [cell.source for cell in executed.cells]
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
