"""Studies of induction heads run, are judged and are drawn, and runs have their plot."""

import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import grok
from grok.reports.language.step_curves import step_curves
from grok.reports.study.ledger import load_study
from tests.conftest import assert_drawn, slow, trained_in

SMALL = ("task.n_test=8", "model.width=8", "batch_size=8", "evaluate.every=null", "logger=none")
INDUCTION = ("task=induction", "task.n_tokens=12", "task.length=17", "task.piece_length=5")
CHAINS = ("task=markov_chains", "task.length=12")


@pytest.mark.parametrize(("name", "task"), [("induction", INDUCTION), ("markov_chains", CHAINS)])
@pytest.mark.parametrize("steps", [1, 12])
def test_a_run_has_the_plot_of_its_heads_and_its_scores_by_block_and_head(name, task, steps, tmp_path):
    folder = trained_in(tmp_path / "run", *task, *SMALL, f"steps={steps}")
    assert_drawn(folder / "attention_heads.png")
    assert "not drawn" not in (folder / "report.html").read_text()
    record, summary = grok.load(folder), json.loads((folder / "summary.json").read_text())
    for score in ("prefix_matching", "previous_token"):
        assert record[score].dims == ("step", "block", "head") and [*record["block"].values] == [1, 2]
        assert summary[f"best_{score}"] == pytest.approx(float(record[score].isel(step=-1).max()))
    assert ("bigram_loss" in summary) == (name == "markov_chains") and summary["phase"] is None


@pytest.mark.parametrize("name", ["induction_head", *slow("markov_chains")])
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, command, tmp_path):
    code, stderr = command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert code == 0, stderr
    assert_drawn(tmp_path / "sweep" / "figure.png")
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert [each["claim"] for each in verdicts] == [each.claim for each in load_study(name, "smoke").claims.values()]
    assert all(each["holds"] is None for each in verdicts)


def test_the_study_of_tokens_runs_on_files_is_judged_and_is_drawn(command, tmp_path):
    pytest.importorskip("tokenizers")
    rng = np.random.default_rng(0)
    (tmp_path / "texts").mkdir()
    for number in range(30):
        lines = rng.choice(
            ["However, I don't know.\n", "def run(self):\n    x = 1\n", "One of us should be there.\n"], 150
        )
        (tmp_path / "texts" / f"{number}.txt").write_text(f"{number}\n" + "".join(lines))
    keys = (f"task.files={tmp_path / 'texts'}", "task.length=16", "logger=none", "hydra.sweep.dir=sweep")
    code, stderr = command("study=language_tokens", "scale=smoke", *keys)
    assert code == 0, stderr
    assert_drawn(tmp_path / "sweep" / "figure.png")
    sweep = grok.load(tmp_path / "sweep")
    verdicts = load_study("language_tokens", "smoke").judge(sweep.assign_attrs(altered=""))
    assert {each["n"] for each in verdicts} == {2} and all(each["holds"] is None for each in verdicts)
    sizes = sweep["n_without_embeddings"].mean("seed")
    assert sizes.sel(size=["s0", "s1", "s2"]).values.tolist() == [3312, 14496, 56640]


def test_a_level_that_differs_between_runs_is_named_as_a_mean():
    axes, shape = Figure().add_subplot(), ("seed", "step")
    levels = {"uniform_loss": ("seed", [1.1, 1.1]), "unigram_loss": ("seed", [0.9, 1.0])}
    losses = {"test_loss": (shape, np.ones((2, 3))), "train_accuracy": (shape, np.ones((2, 3)))}
    step_curves(
        axes,
        xr.Dataset({**losses, **levels}, {"seed": [0, 1], "step": [0, 1, 2]}),
        quantity="test_loss",
        label="",
        runs={"all": {}},
        levels={"uniform": "uniform_loss", "unigram": "unigram_loss"},
    )
    assert {text.get_text(): text.xy[1] for text in axes.texts} == {"uniform": 1.1, "unigram\n(mean)": 0.95}
