"""A run can start from the weights of another, or go on with its optimizer's state as if it had not ended."""

import hashlib
import json
import shutil

import pytest
import torch

import grok
from grok.checks import UserError
from grok.records.file_names import weights_file
from grok.training.starting_point import StartingPoint
from tests.conftest import TINY, checkpoint, kept_files, trained_in

TRANSFORMS = "+optimizer/transform=[grokfast_ema,grokfast_ma,norm_constraint]"
GROUPS = "+optimizer.param_groups.last_layer.lr=1e-3"  # the optimizer has another order than the model
KEPT = "keep_weights={every:15,optimizer:true}"
COMMON = ("evaluate={per_decade:4,every:10}", "optimizer.schedule.warmup=20", TRANSFORMS, GROUPS)
END = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of 40 steps with kept weights and optimizer states."""
    return trained_in(tmp_path_factory.mktemp("source") / "run", *TINY, *COMMON, KEPT, f"steps={END}")


def assert_continued(folder, source, *, from_step):
    """From this step on, the run has the numbers of the source, and at the end its weights and optimizer state."""
    one, other = checkpoint(folder), checkpoint(source)
    assert all(torch.equal(values, one["state_dict"][name]) for name, values in other["state_dict"].items())
    states = [each["optimizer_states"][0]["state"] for each in (one, other)]
    assert states[0].keys() == states[1].keys()
    for key, state in states[1].items():
        assert state.keys() == states[0][key].keys()
        assert all(torch.equal(values, states[0][key][name]) for name, values in state.items())
    records = [grok.load(each).drop_attrs() for each in (folder, source)]
    assert records[0]["step"][0] == from_step
    later = [each.sel(step=each["step"] > from_step) for each in records]
    assert len(later[0]["step"]) and later[0].identical(later[1])


def test_a_run_with_the_state_of_a_kept_step_equals_the_uninterrupted_run_bit_for_bit(source, run):
    folder = run(*COMMON, f"steps={END}", f"start_from={source}@15", "start_with=state", KEPT)
    assert_continued(folder, source, from_step=15)
    assert kept_files(folder) == {name: each for name, each in kept_files(source).items() if "_000000000." not in name}
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["steps_per_second"] == pytest.approx((END - 15) / summary["seconds"])
    attributes = grok.load(folder).attrs
    assert attributes["start_folder"] == str(source) and attributes["start_step"] == attributes["from_step"] == 15


def test_a_run_with_the_state_of_a_last_checkpoint_equals_the_uninterrupted_run_bit_for_bit(source, run):
    half = run(*COMMON, "steps=20", folder="half")
    folder = run(*COMMON, f"steps={END}", f"start_from={half}", "start_with=state")
    assert_continued(folder, source, from_step=20)


def test_weights_alone_start_at_step_0_with_another_decay_and_the_same_loss(source, run):
    start = ("steps=20", f"start_from={source}@30")
    record = grok.load(run(*start, "optimizer.weight_decay=3", "init_scale=9"))
    same, before = grok.load(run(*start, folder="same")), grok.load(source).sel(step=30)
    assert record["step"][0] == 0 and record["train_loss"][0] == same["train_loss"][0] == before["train_loss"]
    assert record["train_loss"][-1] != same["train_loss"][-1]
    last = run("steps=20", f"start_from={source}", folder="last")
    assert grok.load(last)["test_loss"][0] == grok.load(source)["test_loss"][-1]


def test_a_folder_that_exists_as_given_is_not_split_at_its_at_sign(source, run, tmp_path, monkeypatch):
    shutil.copytree(source, tmp_path / "run@15")
    monkeypatch.chdir(tmp_path)
    attributes = grok.load(run("steps=1", "start_from=run@15")).attrs
    assert attributes["start_folder"] == str(tmp_path / "run@15") and attributes["start_step"] == END


def test_the_checksum_is_that_of_the_weights_while_the_source_goes_on(source, tmp_path):
    copied = shutil.copytree(source, tmp_path / "copied")
    checksum = hashlib.sha256((copied / "last.ckpt").read_bytes()).hexdigest()
    point = StartingPoint.read(str(copied))
    (copied / "last.ckpt").write_bytes(b"a later checkpoint")
    assert point.recorded["start_checksum"] == checksum


def test_a_resumed_run_does_not_need_what_it_started_from(source, run, tmp_path):
    copied = shutil.copytree(source, tmp_path / "copied")
    start = (f"start_from={copied}@15", "optimizer.weight_decay=1")
    run("steps=20", *start)
    straight = run("steps=30", *start, folder="straight")
    attributes = [grok.load(straight).attrs[f"start_{name}"] for name in ("folder", "step", "checksum")]
    shutil.rmtree(copied)
    resumed = run("steps=30", *start)
    for name, values in checkpoint(straight)["state_dict"].items():
        assert torch.equal(values, checkpoint(resumed)["state_dict"][name])
    assert [session["from_step"] for session in json.loads(grok.load(resumed).attrs["sessions"])] == [0, 20]
    assert [grok.load(resumed).attrs[f"start_{name}"] for name in ("folder", "step", "checksum")] == attributes


def test_an_intervention_may_add_and_leave_out_transforms(source, run):
    others = ("+optimizer/transform=[grokfast_ma,clip_gradients]", "optimizer.weight_decay=1")
    folder = run("steps=30", *others, f"start_from={source}@15", "start_with=state")
    state = checkpoint(folder)["optimizer_states"][0]["state"]
    assert {*state} == {*range(6), "grokfast_ma"} and state[0]["step"] == 30


def test_a_sweep_starts_batched_runs_from_weights(source, run, command, tmp_path):
    other = run("steps=5", "seed=1", "keep_weights.last=true", folder="other")
    points = (f"{source}@30", str(other))
    swept = (f"start_from={points[0]},{points[1]}", "optimizer.weight_decay=0,1", "steps=10", "hydra.sweep.dir=sweep")
    assert command("-m", *TINY, *swept)[0] == 0
    sweep = grok.load(tmp_path / "sweep").sel(step=0)
    expected_loss = float(grok.load(source)["train_loss"].sel(step=30))
    losses = sweep["train_loss"].sel(start_from=points[0])
    assert losses.values == pytest.approx([expected_loss] * 2)
    attributes = grok.load(tmp_path / "sweep" / "3").attrs
    assert attributes["n_batched"] == 4 and attributes["start_folder"] == str(other)


WINDOW = "optimizer.transforms.grokfast_ma.window"
MISTAKES = [
    ("start_from=5", "start_from=5: must be <run folder> or <run folder>@<step>"),
    ("start_from={run}@16", r"step=16: .*run has the weights of step 0, 15, 30, 40"),
    ("start_from=nowhere", "start_from=nowhere: nowhere/config.yaml: no such file"),
    (
        "start_from={run} model.width=8",
        r"layers.0.bias has shape \[1, 16\] in .*run but \[1, 8\] in this model",
    ),
    ("start_from={run} model.depth=2", r"layers.2.bias is in .*run but not in this model"),
    ("start_with=state", "start_with=state: needs start_from"),
    ("start_with=all", "start_with=all: must be one of weights, state"),
    ("start_from={run}@30 start_with=state steps=30", "steps=30: must be above 30, the step of start_from="),
    ("start_from={run} start_with=state optimizer=sgd steps=50", "optimizer._target_=grok.optimizers.adam.AdamW, not"),
    (
        f"start_from={{run}} start_with=state steps=50 +optimizer/transform=grokfast_ma {WINDOW}=5",
        f"{WINDOW}=100, not 5",
    ),
]


@pytest.mark.parametrize(("overrides", "line"), MISTAKES)
def test_a_starting_point_that_does_not_fit_is_refused_before_training(source, run, tmp_path, overrides, line):
    with pytest.raises(UserError, match=line):
        run(*overrides.format(run=source).split())
    assert not (tmp_path / "run").exists()


def test_a_state_that_was_not_kept_is_refused(run, source, tmp_path):
    copied = shutil.copytree(source, tmp_path / "copied")
    for file in copied.glob("weights/*.optimizer.*"):
        file.unlink()
    with pytest.raises(
        UserError, match=r"optimizer\.safetensors does not exist; keep_weights.optimizer=true writes it"
    ):
        run("steps=50", f"start_from={copied}@15", "start_with=state", TRANSFORMS)
    (copied / weights_file(15)).write_bytes(b"none")
    with pytest.raises(UserError, match=r"start_from=.*: cannot be read as .safetensors"):
        run(f"start_from={copied}@15")
