"""The measures of a run on its saved weights, as a record."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from grok.measures.snapshot import measures_that_fit
from grok.models.network import load_network
from grok.records.provenance import provenance
from grok.training.build import build
from grok.training.checkpoint import validate_data
from grok.training.run_attributes import run_attributes
from grok.training.saved_run import SavedRun


def measure_run(folder: Path, step: int | None = None) -> xr.Dataset:
    """The record of all measures that fit the run: at one step, or at all kept steps and in the last checkpoint.

    The measures are those of the run's configuration and all others that need no keys. They are computed on the CPU.
    Quantities over all steps, such as the progress measures, refer to the last of these steps.

    Raises:
        UserError: there is no run in the folder, no such step, a file cannot be read, or the data have changed.
    """
    run = SavedRun.open(folder)
    module, (data,) = build([run.config])
    validate_data(run.folder, run.checkpoint, data.provenance.recorded)
    configured = [*map(type, module.measures)]
    others = [each for each in measures_that_fit(module.task, module.model) if type(each) not in configured]
    module.measures = [*module.measures, *others]
    steps = sorted({*run.kept_steps, run.last_step}) if step is None else [step]
    module.steps = steps[-1]  # where the measures compute quantities over all steps
    for module.step in steps:
        load_network(module.model, run.weights(module.step), source=run.folder)
        module.evaluate()
    attributes = run_attributes(module, run.config, data.provenance.recorded)
    return module.history.dataset(0, attributes | provenance())
