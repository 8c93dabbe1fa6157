"""Every old name is refused in one line with the new one."""

from importlib import import_module

import pytest

from grok.old_names import MODULES, NAMES, new_target


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["looks.every=5"], "looks.every=5: renamed to evaluate.every"),
        (["+looks.every=5"], "looks.every=5: renamed to evaluate.every"),
        (["picture=[]"], "picture=[]: renamed to plot"),
        (["~picture"], "~picture: renamed to plot"),
        (["optimizer.warmup=5"], "optimizer.warmup=5: renamed to optimizer.schedule.warmup"),
        (
            ["+optimizer.constrain_norm=true"],
            "optimizer.constrain_norm=true: renamed to +optimizer/transform=norm_constraint (false: leave it out)",
        ),
        (["optimizer.parts={}"], "optimizer.parts={}: renamed to optimizer.param_groups"),
        (["task=modular_addition", "model.attention=0"], "model.attention=0: renamed to model.attention_coefficient"),
        (["task=modular_addition", "task.corrupted=0.1"], "task.corrupted=0.1: renamed to task.label_noise"),
        (["task=modular_addition", "+task.corrupted=0.1"], "task.corrupted=0.1: renamed to task.label_noise"),
        (["task=sparse_parity", "task.k=2"], "task.k=2: renamed to task.subset_size"),
        (["-m", "seed=0,1", "hydra.launcher.unit=cell"], "hydra.launcher.unit=cell: renamed to hydra.launcher.job"),
        (["-m", "seed=0,1", "+hydra.launcher.unit=cell"], "hydra.launcher.unit=cell: renamed to hydra.launcher.job"),
        (["-m", "seed=0,1", "+looks.every=5"], "looks.every=5: renamed to evaluate.every"),
        (["study=quanta_emergence", "study.now.seeds=1"], "study.now.seeds=1: renamed to study.preset.seeds"),
    ],
)
def test_an_old_name_is_refused_in_one_line_with_the_new_one(command, tmp_path, arguments, line):
    if not any(argument.startswith(("task=", "study=")) for argument in arguments):
        arguments = [*arguments, "task=teacher_student"]
    code, error = command(*arguments, "logger=none")
    assert code == 2 and error == f"error: {line}\n"
    assert not list(tmp_path.rglob("*.ckpt"))


def test_an_old_target_is_refused_with_the_new_one(command):
    task = ("task=sparse_parity", "logger=none", "steps=1")
    code, error = command(*task, "+plot.convergence={_target_: grok.reports.convergence.Convergence}")
    assert code == 2 and "; grok.reports.convergence.Convergence is now grok.reports.quanta.convergence." in error


def test_the_new_name_of_every_old_target_exists():
    renamed = [f"{module}.{name}" for module, names in NAMES.items() for name in names]
    for target in map(new_target, renamed):
        module, _, name = target.rpartition(".")
        assert hasattr(import_module(module), name)
    assert all(import_module(module) for module in MODULES.values())


def test_a_run_folder_with_old_names_is_refused_in_one_line(command, tmp_path):
    assert command("task=teacher_student", "logger=none", "steps=3", "hydra.run.dir=run")[0] in (0, None)
    config = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(config.replace("evaluate:", "looks:"))
    code, error = command("task=teacher_student", "logger=none", "steps=5", "hydra.run.dir=run")
    assert (
        code == 2
        and error == "error: run/config.yaml: looks: renamed to evaluate; train it again, in another hydra.run.dir\n"
    )
