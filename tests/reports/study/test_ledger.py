"""Studies run, are judged and are imported into the results; mistakes are refused."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from grok.checks import UserError
from grok.records.load import load
from grok.reports.study.ledger import import_sweep, load_study, main
from tests.conftest import ROOT
from tests.process import TrainProcess

STUDIES = sorted(path.stem for path in (ROOT / "conf" / "study").glob("*.yaml"))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> tuple[Path, str]:
    """The folder of a study at scale `smoke`, run once, and its output on the terminal."""
    folder = tmp_path_factory.mktemp("smoke") / "sweep"
    arguments = ("study=teacher_student_landscape", "scale=smoke", "logger=none", f"hydra.sweep.dir={folder}")
    code, output = TrainProcess(*arguments).wait()
    assert code == 0, output
    return folder, output


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_gives_the_published_value_source_bounds_and_rationale_of_each_claim(name):
    for scale in ("smoke", "laptop", "paper"):
        study = load_study(name, scale)
        assert study.preset == study.scales[scale]
    assert study.claims and set(study.scales) == {"smoke", "laptop", "paper"}
    for each in study.claims.values():
        assert each.claim and each.source and each.published and each.rationale
        assert (each.bound_min, each.bound_max) != (None, None)
        assert set(each.scales) <= set(study.scales)
        assert each.not_judged_because or set(each.scales) == set(study.scales)


def test_a_study_runs_writes_verdicts_and_a_figure_and_is_imported(smoke, tmp_path):
    sweep, output = smoke
    verdict = json.loads((sweep / "verdict.json").read_text())
    assert len(verdict) == 7 and all(each["holds"] is None for each in verdict)
    assert "Teacher–student at constant weight norm" in output and (sweep / "figure.pdf").exists()
    assert "study" not in (sweep / "0" / "config.yaml").read_text()
    folder = import_sweep(sweep, tmp_path / "results")
    assert folder == tmp_path / "results" / "teacher_student_landscape" / "smoke"
    full, kept = load(sweep), load(folder)
    assert {*kept.data_vars} < {*full.data_vars} and kept.attrs == full.attrs
    study = load_study("teacher_student_landscape", "smoke")
    for one, other in zip(study.judge(full), study.judge(kept), strict=True):
        assert one["holds"] == other["holds"] and one["measured"] == pytest.approx(other["measured"], rel=1e-3)


def test_a_study_with_altered_keys_runs_and_is_neither_judged_nor_imported(command, tmp_path):
    study = ("study=teacher_student_landscape", "scale=laptop", "steps=3", "logger=none", "hydra.sweep.dir=sweep")
    assert command(*study, "seed=0", "task.n_train=100", "init_scale=0.5,2", "optimizer.lr=1e-3,1e-4")[0] == 0
    verdict = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert all(each["holds"] is None and "altered by steps=3" in each["not_judged_because"] for each in verdict)
    with pytest.raises(UserError, match="altered by steps=3"):
        import_sweep(tmp_path / "sweep", tmp_path / "results")


def test_the_command_in_a_runs_record_repeats_the_run_outside_its_study(smoke, command, tmp_path):
    record = load(smoke[0] / "3")
    assert command(*shlex.split(record.attrs["command"])[2:], "hydra.run.dir=alone")[0] in (0, None)
    alone = load(tmp_path / "alone")
    assert alone.attrs["config"] == record.attrs["config"]
    np.testing.assert_allclose(alone["train_loss"], record["train_loss"], rtol=1e-3)


def test_a_mistake_in_a_study_is_reported_before_training(command, tmp_path):
    reduce = "study.claims.lowest_at_one.measure.reduce"
    code, message = command(
        "study=teacher_student_landscape", "scale=smoke", f"+{reduce}=fnal", "hydra.sweep.dir=sweep"
    )
    assert code == 2 and message == f"error: {reduce}: no function fnal (did you mean final?)\n"
    assert not [*tmp_path.glob("sweep/0")]


def test_a_folder_without_results_gets_no_pages(tmp_path):
    with pytest.raises(UserError, match="holds no results"):
        main([str(tmp_path / "nowhere")])
    assert not (tmp_path / "nowhere").exists()


def test_the_ledger_imports_a_study_and_writes_the_pages_of_results(smoke, tmp_path):
    results = tmp_path / "results"
    main([str(results), str(smoke[0])])
    page = (results / "teacher_student_landscape" / "README.md").read_text()
    assert "python train.py study=teacher_student_landscape scale=smoke" in page
    assert (results / "README.md").read_text().count("](teacher_student_landscape/README.md), smoke |") == 7
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_run_outside_a_study_is_not_imported(run, tmp_path):
    with pytest.raises(UserError, match="holds no finished study"):
        import_sweep(run("steps=3"), tmp_path / "results")


def test_an_unknown_scale_or_study_is_a_one_line_error(command):
    code, message = command("study=teacher_student_landscape", "scale=huge")
    assert code == 2 and message == "error: scale=huge: must be one of smoke, laptop, paper\n"
    code, message = command("study=landscape")
    assert code == 2 and message.startswith(f"error: study=landscape: must be one of {', '.join(STUDIES)}")
