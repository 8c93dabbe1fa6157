"""The pictures and studies of the effective theory: drawn of a short run, and of a Dataset as theory has it, where its
claims hold."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.image import imread

import grok
from grok.reports.claims import study
from grok.reports.effective_theory import expected
from grok.reports.embedding_paths import flow_of
from grok.reports.study import Study
from grok.reports.style import PHASES
from grok.science import effective_theory as theory
from tests.conftest import assert_drawn, trained_in
from tests.reports.planted import failing
from tests.reports.test_pictures import opened

TOY = ("task=toy_addition", "model.width=16", "optimizer.lr=0.01", "looks={per_decade:10,every:null}", "logger=none")
DIAGRAMS = ("phase_diagram", "weight_decay", "classes", "s3")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run whose embedding moves on a line, made once."""
    return trained_in(tmp_path_factory.mktemp("made") / "run", *TOY, "steps=100", "optimizer.parts.embeddings.lr=0.02")


def test_a_run_leaves_its_pictures_and_says_what_its_training_set_allows(made):
    for name in ("embeddings.png", "representation.png"):
        assert_drawn(made / name, at_least=400)
    summary = json.loads((made / "summary.json").read_text())
    assert summary["nullity"] >= 2 and summary["ideal_accuracy"] <= 1 and "rqi_step" in summary


def test_the_flow_of_the_theory_starts_at_the_embedding_and_keeps_its_mean_and_spread(made):
    record = grok.load(made)
    own, flow = record["embedding"].isel(dimension=0).transpose("step", "token").values, flow_of(record)
    np.testing.assert_allclose(flow[0], own[0], atol=1e-6)
    np.testing.assert_allclose(flow.mean(1), own.mean(1), atol=1e-6)
    np.testing.assert_allclose(flow.std(1), own.std(1), rtol=0.05)  # steps are not quite the flow
    places = np.sort(flow[-1])
    assert np.diff(places).max() < 1.5 * np.diff(places).min()  # 100 steps at this rate are 2,000 at the usual one


def test_an_embedding_of_more_dimensions_is_drawn_in_a_plane(tmp_path):
    folder = trained_in(tmp_path / "run", *TOY, "steps=10", "model.d_embedding=5", "picture=[embeddings]")
    assert_drawn(folder / "embeddings.png", at_least=400)
    assert grok.load(folder)["embedding"].sizes["dimension"] == 2


def test_the_slider_moves_the_tokens_to_their_places_at_its_look(made, browser):
    page, said, asked = opened(browser, made / "report.html")
    record, places = grok.load(made), []
    for move in ("", "range.value = 0; range.dispatchEvent(new Event('input'))"):
        page.locator("#embedding-look").evaluate(f"range => {{ {move} }}")
        now = record["embedding"].sel(step=int(page.locator("#embedding-step").text_content()))
        shown = page.locator("#embedding-places circle").evaluate_all("all => all.map(c => +c.getAttribute('cx'))")
        np.testing.assert_allclose(shown, now.values[:, 0], atol=1e-4)
        places.append(np.array(shown))
    assert np.abs(places[0] - places[1]).max() > 0.1 and said == [] and asked == []
    page.close()


def as_theory_has_it() -> xr.Dataset:
    """Runs of every size that reach a linear representation after 3 n_h steps where λ₃ is more than nothing."""
    sizes, seeds, steps = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 54], [*range(10)], np.array([0, 10_000])
    rate = np.interp([size / 55 for size in sizes], *expected(10, 2000)[::2])[:, None].repeat(len(seeds), 1)
    there = np.array([size >= 30 for size in sizes])[:, None].repeat(len(seeds), 1)
    n_h = theory.steps_of_theory(rate, length=9.0, learning_rate=1e-3)
    names, at_end = ("task.n_train", "seed"), lambda values: np.stack([0 * values, values], -1)
    fraction = np.array(sizes)[:, None] / 55 + 0 * rate
    of_steps = {
        "rqi": there.astype(float),
        "predicted_accuracy": fraction,
        "table_accuracy": fraction + 0.02,
        "train_accuracy": 0 * rate + 1,
    }
    dataset = xr.Dataset(
        {name: ((*names, "step"), at_end(values)) for name, values in of_steps.items()},
        {"task.n_train": sizes, "seed": seeds, "step": steps},
        {"scale": "laptop"},
    )
    return dataset.assign(
        slowest_rate=(names, rate),
        slowest_mean_rate=(names, rate / 47),  # by |P₀(D)|, as of 45 pairs
        ideal_rqi=(names, there.astype(float)),
        ideal_accuracy=(names, np.minimum(fraction + 0.1, 1)),
        rqi_step=(names, np.where(there, 3 * n_h, np.nan)),
        finished=(names, np.ones(rate.shape, bool)),
        last_step=(names, np.full(rate.shape, 10_000)),
    )


@pytest.mark.parametrize("name", ["representation", "grokking_rate"])
def test_what_theory_has_is_what_its_claims_hold_of(name, tmp_path):
    declared, dataset = study(f"effective_theory_{name}", "laptop"), as_theory_has_it()
    of_the_codes_scale = {"scale_of_the_paper"} if name == "grokking_rate" else set()
    assert failing(declared, dataset) == of_the_codes_scale  # as these runs are
    assert_drawn(declared.figure(dataset, tmp_path / "figure.png"))


def diagram(declared: Study, phases: np.ndarray, *, scale: str = "laptop") -> xr.Dataset:
    """Three seeds of the study's grid with these phases [x, y], which generalise at step 1 or never."""
    axes = [declared.figure.keywords[axis] for axis in "xy"]
    ticks = [declared.now["weight_decays" if "weight_decay" in axis else "rates"].split(",") for axis in axes]
    keys = {**{axis: np.array([*map(float, each)]) for axis, each in zip(axes, ticks, strict=True)}, "seed": [0, 1, 58]}
    shape = tuple(map(len, keys.values()))
    of_cells = np.broadcast_to(np.broadcast_to(phases, shape[:2])[..., None], shape).copy()
    generalised = np.where(np.isin(of_cells, ["comprehension", "grokking"]), 1.0, np.nan)
    steps = {"memorization_step": ([*keys], np.ones(shape)), "generalization_step": ([*keys], generalised)}
    variables = {"phase": ([*keys], of_cells), "finished": ([*keys], np.ones(shape, bool)), **steps}
    return xr.Dataset(variables, keys, {"scale": scale})


def as_claimed(name: str, *, first: str = "comprehension", second: str = "grokking") -> np.ndarray:
    """Phases [x, y] of a diagram of Figure 6, with two phases that generalise one behind the other: over rates of both
    parts the representation must learn at 2.15e-4 at least and faster than the decoder; over rate and decay of the
    decoder rates from 2.15e-3 on memorise, or with decays of 5 are in confusion; of permutations the slow ones."""
    column, row = np.indices((10, 10 if name == "phase_diagram" else 11))
    if name == "phase_diagram":
        inside = np.minimum(row - 3, row - column)  # how far from where the decoder alone learns
        grid = np.where(inside > 2, first, np.where(inside > 0, second, "memorization"))
        return np.where((column > 7) & (inside < 0), "confusion", grid)
    if name == "s3":
        learned = np.where(column < 4, "memorization", np.where(column < 7, second, first))
    else:
        learned = np.where(column < 4, first, np.where(column < 7, second, "memorization"))
    return np.where((learned == "memorization") & (row > (7 if name == "s3" else 5)), "confusion", learned)


@pytest.mark.parametrize("scale", ["laptop", "paper"])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_of_four_phases_is_what_its_claims_hold_of(name, scale, tmp_path):
    declared = study(f"effective_theory_{name}", scale)
    dataset = diagram(declared, as_claimed(name), scale=scale)
    assert failing(declared, dataset) == (
        {"fast_decoder_memorises"} if name == "s3" else set()
    )  # as the files have them
    assert_drawn(declared.figure(dataset, tmp_path / "figure.png"))


@pytest.mark.parametrize("claim", ["published_memorisation", "published_generalisation"])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_the_repositorys_steps_at_its_cells_are_what_the_claims_on_them_hold_of(name, claim):
    declared = study(f"effective_theory_{name}", "laptop")
    dataset, judged = diagram(declared, np.array([["grokking"]])), declared.claims[claim]
    x, y = judged.along
    for at_x, at_y, step in judged.measure.keywords["published"]:
        column, row = (np.flatnonzero(np.isclose(dataset[axis], at)) for axis, at in ((x, at_x), (y, at_y)))
        dataset[judged.quantity].transpose(x, y, "seed")[column, row] = step
    assert judged.judge(dataset, "laptop")["holds"]
    dataset[judged.quantity] *= 1.5
    assert judged.judge(dataset, "laptop")["holds"] is False


def test_representations_that_learn_without_being_fast_are_denied():
    declared = study("effective_theory_phase_diagram", "laptop")
    turned = as_claimed("phase_diagram").T
    assert failing(declared, diagram(declared, turned)) == {"faster_representation", "slow_representation"}


@pytest.mark.parametrize(
    ("name", "denied"), [("phase_diagram", set()), ("weight_decay", set()), ("classes", {"near_comprehension"})]
)
def test_grokking_on_the_far_side_of_comprehension_is_denied(name, denied):
    declared = study(f"effective_theory_{name}", "paper")
    dataset = diagram(declared, as_claimed(name, first="grokking", second="comprehension"), scale="paper")
    assert failing(declared, dataset) == {"near_memorization", *denied}


def test_memorization_and_confusion_in_each_others_corners_are_denied():
    declared, phases = study("effective_theory_weight_decay", "laptop"), as_claimed("weight_decay")
    names = {"memorization": "confusion", "confusion": "memorization"}
    swapped = np.array([[names.get(phase, phase) for phase in column] for column in phases])
    assert failing(declared, diagram(declared, swapped)) >= {"fast_decoder_memorises", "much_decay_confuses"}


def test_a_zone_that_is_everywhere_is_denied():
    declared = study("effective_theory_s3", "laptop")
    denied = {"four_phases", "generalises", "slow_decoder_memorises", "fast_decoder_memorises"}
    assert failing(declared, diagram(declared, np.array([["grokking"]]))) == denied


@pytest.mark.parametrize("reversed_columns", [False, True])
def test_permutations_as_the_files_and_as_the_figure_have_them_are_told_apart(reversed_columns):
    declared, phases = study("effective_theory_s3", "laptop"), as_claimed("s3")
    of_figure = {"slow_decoder_memorises", "fast_decoder_generalises"}
    drawn = phases[::-1] if reversed_columns else phases
    assert failing(declared, diagram(declared, drawn)) == (
        of_figure if reversed_columns else {"fast_decoder_memorises"}
    )


def test_a_transformer_that_generalises_early_with_dropout_is_what_the_claims_on_it_hold_of(tmp_path):
    """A diagram for each rate of dropout: more comprehension the less weights grow, none without weight decay; and
    with dropout a row and a column more."""
    declared = study("transformer_phase_diagram", "laptop")
    column, row = np.indices((5, 5))
    without = np.where(row == 0, "memorization", np.where(row == 1, "grokking", "comprehension"))
    without = np.where(row == 4, "confusion", without)
    with_it = np.where((row == 0) | (column > 3), "comprehension", without)
    rates = xr.DataArray([0.0, 0.3], dims="model.dropout", name="model.dropout")
    whole = [
        xr.concat([diagram(declared, phases) for phases in (without, other)], rates).assign_attrs(scale="laptop")
        for other in (with_it, without)
    ]
    assert [failing(declared, each) for each in whole] == [set(), {"dropout_generalises_early"}]
    assert_drawn(declared.figure(whole[0], tmp_path / "figure.png"))


def test_seeds_that_disagree_share_a_cell_and_a_few_get_a_square_inside(tmp_path):
    declared, phases = study("effective_theory_s3", "laptop"), np.full((10, 11), "comprehension")
    dataset = diagram(declared, phases)
    dataset["phase"][2:8, 2:9, 2] = "confusion"

    def share_in_confusion(seeds: list[int]) -> float:
        together = partial(declared.figure, panels=None)
        image = imread(together(dataset.isel(seed=seeds), tmp_path / "figure.png"))[..., :3]
        return float((np.abs(image - to_rgb(PHASES["confusion"])).max(-1) < 0.02).mean())

    whole, half, square = map(share_in_confusion, ([2], [0, 2], [0, 1, 2]))
    assert half / whole == pytest.approx(0.5, abs=0.1) and square / whole == pytest.approx(0.45**2, abs=0.08)


def test_the_smallest_weight_decay_is_on_top(tmp_path):
    declared, phases = study("effective_theory_s3", "laptop"), np.full((10, 11), "comprehension")
    phases[:, :2] = "confusion"
    image = imread(declared.figure(diagram(declared, phases), tmp_path / "figure.png"))[..., :3]
    confused = np.abs(image - to_rgb(PHASES["confusion"])).max(-1) < 0.02
    rows = np.flatnonzero(confused.sum(1) > 0.5 * confused.sum(1).max())
    assert rows.mean() < 0.5 * len(image)


def test_published_cells_have_circles_in_the_panel_of_their_seed(tmp_path):
    """Of two cells that stand out one has a circle, then the other: what changes lies in them, in the last panel."""
    declared, phases = study("effective_theory_weight_decay", "laptop"), np.full((10, 11), "confusion", "U13")
    cells = {(2, 7): (4.64159e-5, 7.0, 1.0), (9, 1): (1e-2, 1.0, 1.0)}
    for cell in cells:
        phases[cell] = "comprehension"
    dataset = diagram(declared, phases)
    images = [
        imread(partial(declared.figure, published=[cell])(dataset, tmp_path / "figure.png"))[..., :3]
        for cell in cells.values()
    ]
    yellow = [np.abs(image - to_rgb(PHASES["comprehension"])).max(-1) < 0.02 for image in images]
    changed = np.abs(images[0] - images[1]).max(-1) > 0.02
    assert changed.any() and np.logical_or(*yellow)[changed].all()
    assert changed.nonzero()[1].min() > 0.65 * changed.shape[1]


@pytest.mark.parametrize(
    "name",
    [*[f"effective_theory_{name}" for name in (*DIAGRAMS, "default", "grokking_rate")], "transformer_phase_diagram"],
)
def test_a_study_runs_at_smoke_scale_judges_and_draws(name, command, tmp_path):
    assert command(f"study={name}", "scale=smoke", "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdicts = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdicts and all(each["holds"] is None and each["n"] > 0 for each in verdicts)
    assert_drawn(tmp_path / "sweep" / "figure.png")
