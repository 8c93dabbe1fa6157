"""Weights along training are safetensors of one network, at steps that need not be evaluation steps."""

import itertools
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import grok
from grok.checks import UserError
from grok.records.file_names import weights_file
from grok.training.build import build
from grok.training.evaluation_steps import evaluation_steps
from grok.training.kept_steps import KeptSteps
from tests.conftest import TINY, checkpoint, composed

KEPT = "keep_weights={per_decade:2,every:7,last:true,optimizer:true}"


def all_steps(kept, until):
    """The kept steps up to this one."""
    return [0, *itertools.takewhile(lambda step: step <= until, iterate(kept.next_after, kept.next_after(0)))]


def iterate(function, value):
    while True:
        yield value
        value = function(value)


@pytest.mark.parametrize(("per_decade", "every"), [(1, None), (7, None), (20, None), (300, None), (5, 7), (3, 1000)])
def test_kept_steps_are_on_the_grids_of_evaluation_steps(per_decade, every):
    kept = KeptSteps(per_decade=per_decade, every=every)
    grid = evaluation_steps(10_000, per_decade=per_decade, every=every)
    assert all_steps(kept, 10_000) == grid
    assert [step for step in range(10_001) if step in kept] == grid


def test_a_grid_of_any_size_needs_no_list():
    assert KeptSteps(per_decade=10**9, every=None).next_after(10**6) == 10**6 + 1
    assert 0 not in KeptSteps(per_decade=None, every=None)


def test_each_kept_step_has_the_weights_of_one_network_and_changes_no_number(run):
    small = ("steps=20", "evaluate.per_decade=1", "save_every_seconds=0", "+optimizer/transform=norm_constraint")
    kept, other = run(*small, KEPT), run(*small, folder="other")
    expected = [0, 1, 3, 7, 10, 14, 20]
    names = {weights_file(step) for step in expected}
    assert {str(path.relative_to(kept)) for path in kept.glob("weights/*")} == names | {
        name.replace(".safetensors", ".optimizer.safetensors") for name in names
    }
    assert 7 not in grok.load(kept)["step"] and not (other / "weights").exists()
    assert grok.load(kept).drop_attrs().identical(grok.load(other).drop_attrs())
    with safe_open(kept / weights_file(7), "pt") as file:
        assert file.metadata() == {"step": "7"}
    module, _ = build([composed(*TINY, *small)])
    first, last = (load_file(kept / weights_file(step)) for step in (0, 20))
    for name, values in module.model.state_dict().items():
        assert torch.equal(first[name], values[0])
        assert torch.equal(last[name], checkpoint(kept)["state_dict"][f"model.{name}"][0])
    state = load_file(kept / "weights" / "step_000000020.optimizer.safetensors")
    assert state["shared/layers.0.weight/step"] == 20 and state["transforms/norm_constraint/norm"].shape == ()
    assert state["layers.0.weight/exp_avg"].shape == last["layers.0.weight"].shape


def test_the_last_step_is_where_the_run_ends(run):
    easy = ("stop_when_grokked=true", "task.tolerance=0.2", "task.thresholds.generalization=0.5")
    folder = run("steps=5000", *easy, "evaluate.per_decade=1", "keep_weights.last=true")
    (file,) = folder.glob("weights/*")
    assert file == folder / weights_file(json.loads((folder / "summary.json").read_text())["steps"])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("keep_weights.every=0", "keep_weights.every=0: must be an integer of at least 1"),
        ("keep_weights.last=1", "keep_weights.last=1: must be true or false"),
        ("keep_weights.optimizer=true", "keep_weights.optimizer=true: needs keep_weights.per_decade, every or last"),
        ("keep_weights=true", "keep_weights=true: must be"),
    ],
)
def test_what_cannot_be_kept_is_refused(override, line):
    with pytest.raises(UserError, match=line):
        build([composed(*TINY, override)])
