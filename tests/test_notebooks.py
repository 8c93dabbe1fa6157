"""Every notebook runs from its source with few steps; its pair has the same source and is small."""

import jupytext
import nbclient
import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.utils import run_sync

from tests.conftest import ROOT, slow

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
SHORTEST = ROOT / "notebooks" / "modular_addition.py"
LONGER = [each for each in NOTEBOOKS if each != SHORTEST]
SMALL = {"steps": 50, "n_documents": 100}  # values of what the parameters cell sets
MAX_BYTES = 150_000  # of a committed notebook


@pytest.fixture(scope="module")
def kernel():
    """The kernel in which the notebooks run, one after the other: to start it and to import packages takes seconds."""
    manager = AsyncKernelManager(kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        yield manager
    run_sync(manager.shutdown_kernel)(now=True)


@pytest.mark.parametrize("source", [SHORTEST, *slow(*LONGER)], ids=lambda path: path.stem)
def test_a_notebook_draws_kept_results_and_trains_a_run(source, kernel, tmp_path):
    notebook = jupytext.read(source)
    (place,) = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    small = [f"{name} = {value}" for name, value in SMALL.items() if name in notebook.cells[place].source]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join([*small, f"folder = {str(tmp_path)!r}"])))
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"%reset -f\n%cd -q {source.parent}"))  # as in a new kernel
    client = nbclient.NotebookClient(notebook, km=kernel)
    client.execute()
    client.kc.stop_channels()
    assert (tmp_path / "record.nc").exists()
    assert all(_pictures(cell) for cell in notebook.cells if "Image(" in cell.source)


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_pair_of_a_notebook_has_the_same_source_and_is_small(source):
    pair = source.with_suffix(".ipynb")
    source_notebook, committed = jupytext.read(source), jupytext.read(pair)
    assert [cell.source for cell in source_notebook.cells] == [cell.source for cell in committed.cells]
    assert pair.stat().st_size < MAX_BYTES
    assert sum(_pictures(cell) for cell in committed.cells) <= 1


def _pictures(cell):
    """The number of pictures in the outputs of a cell."""
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
