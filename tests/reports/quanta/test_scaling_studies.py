"""Studies of quanta run, are judged and are drawn; claims of the theory hold on sweeps that follow it."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from grok.reports.study.ledger import load_study
from grok.science.quanta.laws import predicted_learned
from tests.conftest import assert_drawn, slow
from tests.reports.quanta.theory import log_steps, n_learned_by_step, n_learned_by_width, theory_dataset

QUANTA = ("emergence", "scaling_steps", "scaling_parameters", "scaling_data", "exponents", "convergence", "departure")
LONGER = ("domino", *(f"quanta_{name}" for name in (*QUANTA, "optimizers")))

SEEDS = {"seed": [0, 1]}
ALPHAS = {"task.alpha": [0.2, 0.8]}
WIDTHS = {"model.width": [5, 9, 16, 30, 55, 200]}
EXAMPLES = {"task.n_train": [10_000, 16_000, 25_000, 40_000, 63_000, 100_000, 160_000, 250_000]}
THEORIES = {
    "scaling_steps": lambda: theory_dataset(
        SEEDS, log_steps(15_000), lambda p, seed: n_learned_by_step(p, log_steps(15_000))
    ),
    "scaling_parameters": lambda: theory_dataset(
        WIDTHS | SEEDS, np.array([0, 100]), lambda p, width, seed: n_learned_by_width(p, width)
    ),
    "scaling_data": lambda: theory_dataset(
        EXAMPLES | {"task.alpha": [0.2, 0.4, 0.8], "seed": [0]},
        np.array([0, 100]),
        lambda p, n_train, alpha, seed: predicted_learned("data", np.array([n_train]), p, constant=5000.0),
    ),
    "exponents": lambda: theory_dataset(
        ALPHAS | WIDTHS | SEEDS,
        log_steps(9000),
        lambda p, alpha, width, seed: np.minimum(n_learned_by_step(p, log_steps(9000)), width / 7.3),
    ),
}


@pytest.mark.parametrize("name", ["compositional_parity", *slow(*LONGER)])
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, command, tmp_path):
    code, stderr = command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")
    assert code == 0, stderr
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")


@pytest.mark.parametrize("name", THEORIES)
def test_claims_of_the_theory_hold_on_a_sweep_that_follows_it(name):
    verdicts = load_study(f"quanta_{name}", "laptop").judge(THEORIES[name]())
    of_theory = [each for each in verdicts if each["published"].startswith("(theory")]
    assert of_theory and all(each["holds"] for each in of_theory), [each["measured"] for each in of_theory]


@pytest.mark.parametrize(("alpha", "published"), [(0.4, ["published, α = 0.4, 500 subtasks: slope −0.81"]), (0.8, [])])
def test_the_published_slope_of_convergence_is_drawn_only_at_its_alpha(alpha, published):
    steps = log_steps(15_000)
    keys = {"batch_size": [2000], "seed": [0]}
    dataset = theory_dataset(keys, steps, lambda p, batch_size, seed: n_learned_by_step(p, steps))
    panel = load_study("quanta_convergence", "laptop").figure.keywords["rows"][0][0]
    axes = Figure().add_subplot()
    panel(axes, dataset, alpha=alpha)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [name for name in names if name.startswith("published")] == published


def test_the_figure_of_convergence_at_the_published_size_has_the_published_points(tmp_path):
    steps = log_steps(100_000)
    keys = {"batch_size": [20_000], "seed": [0]}
    dataset = theory_dataset(keys, steps, lambda p, batch_size, seed: n_learned_by_step(p, steps), n_subtasks=500)
    study = load_study("quanta_convergence", "paper")
    assert_drawn(study.figure(dataset, tmp_path / "figure.png"))
    axes = Figure().add_subplot()
    study.figure.keywords["rows"][0][0](axes, dataset)
    (points,) = [line for line in axes.lines if line.get_label() == "published steps"]
    assert points.get_ydata()[[0, -1]].tolist() == [700, 83_700]
