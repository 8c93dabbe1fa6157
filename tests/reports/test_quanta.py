"""The pictures and studies of the quanta: drawn of short runs, and judged of Datasets as theory has them, where its
claims hold."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import grok
from grok.reports.claims import study
from grok.science.emergence import CONVERGED, NATS_PER_BIT, convergence_steps
from grok.science.quanta import zipf_frequencies
from grok.science.quanta_laws import predicted_learned
from tests.conftest import assert_drawn, trained_in
from tests.reports.test_pictures import opened

PARITY = (
    "task=sparse_parity",
    "task.n_subtasks=8",
    "task.n_bits=6",
    "task.k=2",
    "task.test_points=20",
    "model.width=32",
    "batch_size=200",
    "optimizer.lr=0.03",
    "looks.per_decade=10",
    "logger=none",
)
PICTURES = {"subtask_curves.png", "convergence.png"}
STUDIES = ("emergence", "scaling_steps", "scaling_parameters", "scaling_data", "exponents", "convergence", "departure")
N_SUBTASKS = 100


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run of sparse parity that learns a few subtasks, made once."""
    return trained_in(tmp_path_factory.mktemp("made") / "run", *PARITY, "steps=200")


def test_a_run_leaves_its_pictures(made):
    for name in PICTURES:
        assert_drawn(made / name)


def test_a_run_that_has_learned_nothing_leaves_them_too(tmp_path):
    folder = trained_in(tmp_path / "run", *PARITY, "steps=1")
    assert {path.name for path in folder.glob("*.png")} == PICTURES | {"figure.png"}
    assert "not drawn" not in (folder / "report.html").read_text()


def test_on_the_page_a_subtask_can_be_picked_out_by_the_slider_and_the_pointer(made, browser):
    page, said, asked = opened(browser, made / "report.html")
    record = grok.load(made)
    losses = record["subtask_loss"].values / NATS_PER_BIT
    learned = convergence_steps(record["step"].values, losses, below=CONVERGED)
    assert np.isfinite(learned[0]) and np.isnan(learned[7])
    assert page.locator("#subtask-name").text_content() == (
        f"1 of 8: {100 * zipf_frequencies(8, alpha=0.4)[0]:.3g} % of the examples, learned by step {learned[0]:.0f}"
    )
    page.locator("#subtask-rank").evaluate("range => { range.value = 7; range.dispatchEvent(new Event('input')) }")
    assert page.locator("#subtask-name").text_content().endswith("not learned")
    last = page.locator("#subtask-curves polyline").nth(0)  # of the first subtask: where it ends
    x, y = map(float, last.get_attribute("points").split()[-1].split(","))
    page.locator("#subtask-curves").scroll_into_view_if_needed()
    box = page.locator("#subtask-curves").bounding_box()
    page.mouse.move(box["x"] + x * box["width"] / 1000, box["y"] + y * box["height"] / 520)
    assert page.locator("#subtask-name").text_content().startswith("1 of 8")
    assert said == [] and asked == []
    page.close()


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_at_smoke_scale_judges_and_draws(name, command, tmp_path):
    assert command(f"study=quanta_{name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")


def as_theory_has_it(keys: Mapping[str, Sequence], steps: np.ndarray, learned: Callable) -> xr.Dataset:
    """A sweep over the keys in which `learned(frequencies, **keys)` subtasks are known at each step, one in part."""
    names, shape = [*keys], [len(ticks) for ticks in keys.values()]
    losses = np.empty((*shape, steps.size, N_SUBTASKS))
    mean = np.empty((*shape, steps.size))
    for place in np.ndindex(*shape):
        own = {name.rpartition(".")[2]: ticks[at] for at, (name, ticks) in zip(place, keys.items(), strict=True)}
        frequencies = zipf_frequencies(N_SUBTASKS, alpha=own.get("alpha", 0.4))
        n = np.broadcast_to(learned(frequencies, **own), steps.shape)
        losses[place] = NATS_PER_BIT * (1 - np.clip(n[:, None] - np.arange(N_SUBTASKS), 0, 1))
        mean[place] = losses[place] @ frequencies
    of_looks = dict.fromkeys(("test_loss", "validation_loss", "held_out_loss"), ((*names, "step"), mean))
    of_looks |= {"train_accuracy": ((*names, "step"), 1 - mean / 2)}
    of_subtasks = dict.fromkeys(("subtask_loss", "held_out_subtask_loss"), ((*names, "step", "subtask"), losses))
    dataset = xr.Dataset(
        {**of_subtasks, **of_looks},
        {**keys, "step": steps, "subtask": range(1, N_SUBTASKS + 1)},
        {"scale": "laptop"},
    )
    dataset["finished"], dataset["last_step"] = (names, np.ones(shape, bool)), (names, np.full(shape, steps[-1]))
    width = dataset.get("model.width", xr.DataArray(100))
    return dataset.assign(n_parameters=(135.0 * width + 2).broadcast_like(dataset["finished"]))


def by_steps(frequencies, steps):
    return predicted_learned("steps", steps, frequencies, constant=79.0)


def steps_to(last: int) -> np.ndarray:
    return np.unique(np.geomspace(1, last, 90).round().astype(int))


SEEDS = {"seed": [0, 1]}
ALPHAS = {"task.alpha": [0.2, 0.8]}
WIDTHS = {"model.width": [5, 9, 16, 30, 55, 200]}
EXAMPLES = {"task.n_train": [10_000, 16_000, 25_000, 40_000, 63_000, 100_000, 160_000, 250_000]}
THEORIES = {
    "scaling_steps": lambda: as_theory_has_it(SEEDS, steps_to(15_000), lambda p, seed: by_steps(p, steps_to(15_000))),
    "scaling_parameters": lambda: as_theory_has_it(
        WIDTHS | SEEDS,
        np.array([0, 100]),
        lambda p, width, seed: predicted_learned("parameters", np.array([width]), p, constant=7.3),
    ),
    "scaling_data": lambda: as_theory_has_it(
        EXAMPLES | {"task.alpha": [0.2, 0.4, 0.8], "seed": [0]},
        np.array([0, 100]),
        lambda p, n_train, alpha, seed: predicted_learned("data", np.array([n_train]), p, constant=5000.0),
    ),
    "exponents": lambda: as_theory_has_it(
        ALPHAS | WIDTHS | SEEDS,
        steps_to(9000),
        lambda p, alpha, width, seed: np.minimum(by_steps(p, steps_to(9000)), width / 7.3),
    ),
}


@pytest.mark.parametrize("name", THEORIES)
def test_what_theory_has_is_what_its_claims_hold_of(name):
    judged = study(f"quanta_{name}", "laptop").judge(THEORIES[name]())
    of_theory = [each for each in judged if each["published"].startswith("(theory")]
    assert of_theory and all(each["holds"] for each in of_theory), [each["measured"] for each in of_theory]


def test_all_losses_are_of_one_step_and_stopping_by_other_points_does_not_peek():
    """The validation loss is least at the second look, the test loss at the third, each subtask's own at the last."""
    curves = {
        "validation_loss": [0.5, 0.2, 0.4, 0.4],
        "held_out_loss": [0.5, 0.3, 0.1, 0.4],
        "test_loss": [0.5, 0.25, 0.2, 0.4],
        "held_out_subtask_loss": [0.5, 0.31, 0.11, 0.01],
        "subtask_loss": [0.5, 0.26, 0.21, 0.02],
    }
    cells = {"task.n_train": [100, 200], "task.alpha": [0.4], "seed": [0]}
    dataset = as_theory_has_it(cells, np.array([0, 10, 20, 30]), lambda p, n_train, alpha, seed: np.zeros(4))
    dataset = dataset.assign({name: 0 * dataset[name] + xr.DataArray(of, dims="step") for name, of in curves.items()})
    declared = study("quanta_scaling_data", "laptop")
    panel = declared.figure.keywords["rows"][1][0].keywords
    least, stopped = (each.points(dataset.sel(panel["where"]))[0] for each in panel["against"])
    for points, mean, subtasks in ((least, 0.2, 0.21), (stopped, 0.3, 0.31)):
        assert points.mean.tolist() == [mean] * 2 and np.unique(points.losses).tolist() == [subtasks]
    seen = []
    for name in ("law_for_this_size", "law_without_peeking"):
        replace(declared.claims[name], measure=lambda *values: seen.append(values[3:]) or 0.0).judge(dataset, "laptop")
    for (losses, means), mean, subtasks in zip(seen, (0.2, 0.3), (0.21, 0.31), strict=True):
        assert np.unique(means).tolist() == [mean] and np.unique(losses).tolist() == [subtasks]


def test_stopped_at_any_step_the_exponent_is_that_of_as_many_as_there_is_room_and_time_for():
    steps = np.unique(np.geomspace(100, 9000, 12).round().astype(int))
    cells = {"model.width": [5, 9, 16, 30, 55], "seed": [0, 1]}
    dataset = as_theory_has_it(
        cells,
        steps,
        lambda p, width, seed: np.minimum(by_steps(p, steps), predicted_learned(*room(width), p, constant=7.3)),
    )
    scaling = study("quanta_scaling_parameters", "laptop").figure.keywords["rows"][0][0].keywords["against"]
    stops, early = scaling.stopped(dataset), scaling.of_steps()
    constants = {
        "constant": scaling.constant(scaling.points(dataset), 0.4),
        "steps_constant": early.constant(early.points(dataset.isel({"model.width": -1})), 0.4),
    }
    assert [step for step, _, _ in stops] == steps.tolist()
    for step, fit, seeds in stops:
        assert -fit.fitted(seeds)[0].exponent == pytest.approx(
            fit.predicted_by(step, seeds, 0.4, **constants), abs=0.05
        )
    last, first = (scaling.fitted(stops[at][2])[0].exponent for at in (-1, 0))
    assert last == scaling.fitted(scaling.points(dataset))[0].exponent < -0.4 < first == pytest.approx(0, abs=0.01)


def room(width: int) -> tuple[str, np.ndarray]:
    return "parameters", np.array([width])


@pytest.mark.parametrize(("alpha", "told"), [(0.4, ["published, α = 0.4, 500 subtasks: slope −0.81"]), (0.8, [])])
def test_the_published_slope_of_convergence_is_drawn_where_it_was_measured_alone(alpha, told):
    steps = steps_to(15_000)
    cells = {"batch_size": [2000], "seed": [0]}
    dataset = as_theory_has_it(cells, steps, lambda p, batch_size, seed: by_steps(p, steps))
    panel = study("quanta_convergence", "laptop").figure.keywords["rows"][0][0]
    axes = Figure().add_subplot()
    panel(axes, dataset, alpha=alpha)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [name for name in names if name.startswith("published")] == told
