"""Typed overrides are checked against the files that they choose: the key, the kind of the value, removed keys."""

import subprocess
import sys

import pytest

from grok.checks import UserError
from grok.override_checks import check_overrides, weight_decay_warning
from tests.conftest import ROOT

TASK = "task=modular_addition"
MISTAKES = [
    (["+task.foo=1"], "task.foo=1: no such key; task has p, operation, form"),
    (["++task.fractoin=1"], "task.fractoin=1: no such key (did you mean task.fraction?); task has p, operation"),
    (["+model.foo=1"], "model.foo=1: no such key; model has depth, width, heads"),
    (["+optimizer.foo=1"], "optimizer.foo=1: no such key; optimizer has"),
    (
        ["+task.thresholds.foo=1"],
        "task.thresholds.foo=1: no such key; task.thresholds has memorization, generalization",
    ),
    (["+evaluate.foo=1"], "evaluate.foo=1: no such key; evaluate has per_decade, every"),
    (["+measure.circuit.foo=1"], "measure.circuit.foo=1: no such key; measure.circuit has no keys"),
    (["model={widht:3}"], "model.widht=3: no such key (did you mean model.width?); model has depth, width"),
    (["~task.foo"], "~task.foo: no such key; task has p, operation"),
    (["~task.p"], "~task.p: grok.tasks.modular_addition.ModularAddition needs this key; task.p=<value> sets it"),
    (["~optimizer.lr"], "~optimizer.lr: grok.optimizers.adam.AdamW needs this key; optimizer.lr=<value> sets it"),
    (["~seed"], "~seed: every run needs this key; seed=<value> sets it"),
    (["model.width=abc"], "model.width=abc: must be an integer"),
    (["model={width:abc}"], "model.width=abc: must be an integer"),
    (["model.layer_norm=3"], "model.layer_norm=3: must be true or false"),
    (["model.activation=3"], "model.activation=3: must be text; a number in quotes is text"),
    (["task.p=[1]"], "task.p=[1]: must be an integer"),
    (["task.thresholds.stay=3"], "task.thresholds.stay=3: must be true or false"),
    (["optimizer.lr=fast"], "optimizer.lr=fast: must be a number"),
    (["optimizer.betas=0.9"], "optimizer.betas=0.9: must be a list, such as [a,b]"),
    (["-m", "model.width=16,abc"], "model.width=abc: must be an integer"),
    (["-m", "steps=5,-1"], "steps=-1: must be an integer of at least 0"),
    (["-m", "seed=range(-1,2)"], "seed=-1: must be an integer of at least 0"),
    (["-m", "model=mlp,transformer", "model.depth=x"], "model.depth=x: must be an integer"),
    (["-m", "model=mlp,mpl"], "model=mpl: must be one of"),
    (["-m", "measure=[circuit],[circit]"], "measure=circit: must be one of"),
    (["optimizer=3"], "optimizer=3: must be the name of a configuration"),
    (["~model"], "~model: every run needs this group; model=<name> chooses its configuration"),
    (["optimizer.transforms=null"], "optimizer.transforms=null: must be keys with values"),
    (["optimizer.schedule=3"], "optimizer.schedule=3: must be keys with values"),
    (["task.thresholds=3"], "task.thresholds=3: must be keys with values"),
    (["measure.circuit=null"], "measure.circuit=null: must be keys with values"),
    (["model=null"], "model=null: must be the name of a configuration"),
    (["model.width=3.5"], "model.width=3.5: must be an integer"),
    (["batch_size=None"], "batch_size=None: no value is written batch_size=null"),
    (["+seed=1"], "+seed=1: the key exists; seed=1 sets it"),
    (["weight_decay=3"], "weight_decay=3: no such key (did you mean optimizer.weight_decay?); the top level has name"),
    (["+weight_decay=3"], "weight_decay=3: no such key (did you mean optimizer.weight_decay?); the top level has name"),
    (["-m", "+width=3,4"], "width=3,4: no such key (did you mean model.width?); the top level has name, seed"),
]


@pytest.mark.parametrize(("arguments", "line"), MISTAKES)
def test_a_wrong_override_is_one_line_and_leaves_nothing(command, tmp_path, arguments, line):
    code, error = command(*arguments, TASK, "logger=none")
    assert code == 2 and error.startswith(f"error: {line}") and error.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_wrong_overrides_are_reported_without_importing_torch(tmp_path):
    script = "import sys, train; from grok.command_line import run\n"
    script += f"for arguments in {[arguments for arguments, _ in MISTAKES]}:\n"
    script += f"    sys.argv = ['train.py', *arguments, '{TASK}']\n"
    script += "    assert run(train.main, config_folder=train.CONF) == 2\n"
    script += "assert not {'torch', 'pytorch_lightning', 'xarray', 'wandb', 'matplotlib'} & sys.modules.keys()"
    environment = {"PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stderr.count("\n") == len(MISTAKES) and not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["optimizer.lr=1", "model.dropout=0", "task.p=97", "batch_size=null", "evaluate={per_decade:5}"],
        ["+optimizer.param_groups.embed.lr=1e-3", "optimizer.param_groups.embed.lr=1e-2"],
        ["+plot.mine={_target_: mine.Plot, size: 3}", "plot.mine.size=4"],
        ["task._target_=mine.Task", "+task.color=red", "~task.p"],
        ["optimizer=sgd", "~optimizer.betas"],  # the task sets it for another optimizer
        ["~measure.circuit", "+measure@measure.symmetry=symmetry", "plot=[]"],
        ["optimizer.lr=interval(1e-4,1e-2)", "seed=range(3)", "model.width=${model.d_mlp}"],
        ["model={width:16},{width:32}", "optimizer=adamw,sgd", "measure=[circuit],[]"],
        ["hydra.run.dir=run", "hydra.mode=RUN", "+hydra.job.env_set.A=1", "hydra/launcher=joblib"],
        ["study=modular_addition", "scale=smoke", "study.preset.steps=5", "+study.claims.mine={low: 1}"],
    ],
)
def test_a_right_override_is_accepted(arguments):
    check_overrides(ROOT / "conf", [TASK, *arguments])


def test_the_defaults_are_those_of_the_chosen_files():
    check_overrides(ROOT / "conf", ["task=toy_addition", "model.combine=sum"])
    with pytest.raises(UserError, match=r"^model\.combine=sum: no such key; model has depth, width, activation$"):
        check_overrides(ROOT / "conf", ["task=toy_addition", "model=mlp", "model.combine=sum"])


def test_an_interpolation_of_no_key_is_one_line(command):
    code, error = command(TASK, "logger=none", "model.width=${foo}")
    assert code == 2 and error == "error: model.width: Interpolation key 'foo' not found\n"


def test_adam_warns_of_a_decay_that_is_meant_for_adamw():
    lines = [weight_decay_warning(ROOT / "conf", [TASK, each]) for each in ("optimizer=adam", "optimizer=adamw,adam")]
    assert all(
        line.startswith("optimizer=adam: the recipe's optimizer.weight_decay=1.0 is for AdamW") for line in lines
    )
    assert weight_decay_warning(ROOT / "conf", [TASK, "optimizer=adam", "optimizer.weight_decay=1"]) is None
    assert weight_decay_warning(ROOT / "conf", ["task=sparse_parity", "optimizer=adam"]) is None
    assert weight_decay_warning(ROOT / "conf", [TASK, "optimizer=sgd"]) is None


def test_a_sweep_that_is_refused_leaves_nothing(command, tmp_path):
    sweep = ("-m", "task=teacher_student", "logger=none", "steps=5", "hydra.launcher.max_replicas=0")
    line = "error: hydra.launcher.max_replicas=0: must be an integer of at least 1\n"
    assert command(*sweep, "seed=0,1") == (2, line)
    assert not [*tmp_path.iterdir()]
    (tmp_path / "mine").mkdir()
    assert command(*sweep, "seed=0,1", "hydra.sweep.dir=mine") == (2, line)
    (tmp_path / "mine" / "note.txt").write_text("precious")
    assert command(*sweep, "seed=0,1", "hydra.sweep.dir=mine") == (2, line)
    assert [*tmp_path.rglob("*")] == [tmp_path / "mine", tmp_path / "mine" / "note.txt"]


def test_a_refused_sweep_deletes_nothing_of_an_earlier_one(command, tmp_path):
    sweep = ("-m", "task=teacher_student", "logger=none", "steps=5", "hydra.sweep.dir=sweep")
    assert command(*sweep, "seed=0,1")[0] == 0
    before = {*tmp_path.rglob("*")}
    assert command(*sweep, "init_scale=1,2")[0] == 2
    assert command(*sweep, "seed=0,1", "hydra.launcher.max_replicas=0")[0] == 2
    assert {*tmp_path.rglob("*")} == before
