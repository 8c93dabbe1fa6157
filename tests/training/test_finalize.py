"""Quantities of the last evaluation are in the record, also after batching, kills and extensions."""

import json
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import grok
from grok.records.file_names import RECORD, SUMMARY
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.training.checkpoint import ReplicaCheckpoints, group_stackable
from tests.conftest import ADDITION, checkpoint

WITH_MAPS = ("measure=[maps,symmetry]", "plot=[]", "steps=20")
FINAL = ("attention_pattern", "neuron_map", "neuron_map_frequency", "neuron_map_share", "gradient_symmetricity")


def final(folder: Path) -> xr.Dataset:
    """The quantities of the last evaluation in a run's record."""
    return grok.load(folder)[[*FINAL]].drop_attrs()


def test_quantities_of_the_last_evaluation_have_no_step_axis(add):
    record = grok.load(folder := add(*WITH_MAPS))
    assert record["attention_pattern"].dims == ("head", "position", "a", "b")
    assert record["gradient_symmetricity"].dims == () and record["test_loss"].dims == ("step",)
    np.testing.assert_allclose(record["attention_pattern"].sum("position"), 1, rtol=1e-5)  # softmax
    single = {"gradient_symmetricity"}  # the summary has numbers, not maps
    assert {*FINAL} & {*json.loads((folder / SUMMARY).read_text())} == single


def test_quantities_of_a_later_evaluation_replace_earlier_ones():
    history = History()
    for step in (0, 10):
        values = Quantity(torch.full((2, 3), float(step)), "x", dims=("place",), coordinates={"place": range(3)})
        history.append(step, {"loss": Quantity(torch.ones(2), "loss")})
        history.keep_final({"x": values})
    again = History()
    again.load_state_dict(history.state_dict())
    record = again.dataset(1, {})
    assert record["x"].dims == ("place",) and record["x"].values.tolist() == [10] * 3
    assert record["loss"].dims == ("step",) and history.scalars(0) == {"loss": 1}


def test_they_are_sliced_and_stacked_with_the_rest_of_a_checkpoint(command, add, tmp_path):
    sweep = ("-m", *ADDITION, *WITH_MAPS, "seed=0,1", "hydra.sweep.dir=sweep")
    assert command(*sweep)[0] == 0
    folders = [tmp_path / "sweep" / name for name in "01"]
    for number, folder in enumerate(folders):
        assert {len(values) for values in checkpoint(folder)["grok"]["history"]["final"].values()} == {1}
        alone = add(*WITH_MAPS, f"seed={number}", folder=f"alone{number}")
        xr.testing.assert_allclose(final(folder), final(alone), rtol=1e-3, atol=1e-4)
    ((indices, states),) = group_stackable(folders)
    stacked = ReplicaCheckpoints(folders, metadata=[{}, {}], restored=states).load_checkpoint(None)
    quantities = stacked["grok"]["history"]["final"]
    assert indices == [0, 1] and quantities.keys() == {*FINAL}
    for number, folder in enumerate(folders):
        for name, values in quantities.items():
            np.testing.assert_array_equal(values[number], final(folder)[name])


def test_a_run_killed_between_its_last_checkpoint_and_its_outputs_has_them(add):
    folder = add(*WITH_MAPS)
    before = final(folder)
    for name in (RECORD, SUMMARY):
        (folder / name).unlink()
    assert final(add(*WITH_MAPS)).identical(before)


def test_an_extended_run_has_those_of_its_new_end(add):
    short = final(add(*WITH_MAPS))
    long, straight = (final(add(*WITH_MAPS, "steps=40", folder=name)) for name in ("run", "straight"))
    assert long.identical(straight) and not long.equals(short)
