"""What a measure keeps of the last look alone is in the record, whatever happened on the way there."""

import json
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import grok
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.records.names import RECORD, SUMMARY
from grok.training.checkpoint import ReplicaCheckpoints, standings
from tests.conftest import ADDITION, checkpoint

WITH_MAPS = ("measure=[performance,maps,symmetry]", "picture=[]", "steps=20")
LASTING = ("attention_pattern", "neuron_map", "neuron_map_frequency", "neuron_map_share", "gradient_symmetricity")


def lasting(folder: Path) -> xr.Dataset:
    """What a run's record has of its last look alone."""
    return grok.load(folder)[[*LASTING]].drop_attrs()


def test_quantities_of_the_last_look_have_no_step_axis(add):
    record = grok.load(folder := add(*WITH_MAPS))
    assert record["attention_pattern"].dims == ("head", "position", "a", "b")
    assert record["gradient_symmetricity"].dims == () and record["test_loss"].dims == ("step",)
    np.testing.assert_allclose(record["attention_pattern"].sum("position"), 1, rtol=1e-5)  # softmax
    single = {"gradient_symmetricity"}  # a number is of the summary, a map is not
    assert {*LASTING} & {*json.loads((folder / SUMMARY).read_text())} == single


def test_what_is_kept_of_a_later_look_replaces_what_was_kept_before():
    history = History()
    for step in (0, 10):
        values = Labelled(torch.full((2, 3), float(step)), "x", dims=("place",), coordinates={"place": range(3)})
        history.append(step, {"loss": Labelled(torch.ones(2), "loss")})
        history.keep({"x": values})
    again = History()
    again.load_state_dict(history.state_dict())
    record = again.dataset(1, {})
    assert record["x"].dims == ("place",) and record["x"].values.tolist() == [10] * 3
    assert record["loss"].dims == ("step",) and history.scalars(0) == {"loss": 1}


def test_they_are_cut_and_joined_with_the_rest_of_a_checkpoint(command, add, tmp_path):
    sweep = ("-m", *ADDITION, *WITH_MAPS, "seed=0,1", "hydra.sweep.dir=sweep")
    assert command(*sweep)[0] == 0
    folders = [tmp_path / "sweep" / name for name in "01"]
    for number, folder in enumerate(folders):
        assert {len(values) for values in checkpoint(folder)["grok"]["history"]["last"].values()} == {1}
        alone = add(*WITH_MAPS, f"seed={number}", folder=f"alone{number}")
        xr.testing.assert_allclose(lasting(folder), lasting(alone), rtol=1e-3, atol=1e-4)
    ((numbers, begun),) = standings(folders)
    whole = ReplicaCheckpoints(folders, tags=[{}, {}], begun=begun).load_checkpoint(None)["grok"]["history"]["last"]
    assert numbers == [0, 1] and whole.keys() == {*LASTING}
    for number, folder in enumerate(folders):
        for name, values in whole.items():
            np.testing.assert_array_equal(values[number], lasting(folder)[name])


def test_a_run_killed_between_its_last_checkpoint_and_its_files_has_them(add):
    folder = add(*WITH_MAPS)
    before = lasting(folder)
    for name in (RECORD, SUMMARY):
        (folder / name).unlink()
    assert lasting(add(*WITH_MAPS)).identical(before)


def test_a_prolonged_run_has_those_of_its_new_end(add):
    short = lasting(add(*WITH_MAPS))
    long, straight = (lasting(add(*WITH_MAPS, "steps=40", folder=name)) for name in ("run", "straight"))
    assert long.identical(straight) and not long.equals(short)
