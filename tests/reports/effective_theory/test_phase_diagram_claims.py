"""Claims on phase diagrams hold on the published phases and fail on others."""

import numpy as np
import pytest
import xarray as xr

from grok.reports.study.ledger import load_study
from tests.conftest import assert_drawn
from tests.reports.effective_theory.diagrams import DIAGRAMS, claimed_phases, phase_dataset
from tests.reports.planted import failing


@pytest.mark.parametrize("scale", ["laptop", "paper"])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_claims_hold_on_a_diagram_with_the_published_phases(name, scale, tmp_path):
    """For permutations, the paper's files and its figure disagree on the fast decoder; these phases are the files'."""
    study = load_study(f"effective_theory_{name}", scale)
    dataset = phase_dataset(study, claimed_phases(name), scale=scale)
    assert failing(study, dataset) == ({"fast_decoder_memorizes"} if name == "s3" else set())
    assert_drawn(study.figure(dataset, tmp_path / "figure.png"))


@pytest.mark.parametrize("claim", ["published_memorization", "published_generalization"])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_claims_on_published_runs_hold_with_the_repositorys_steps(name, claim):
    study = load_study(f"effective_theory_{name}", "laptop")
    dataset, judged = phase_dataset(study, np.array([["grokking"]])), study.claims[claim]
    x, y = judged.dims
    for tick_x, tick_y, step in judged.measure.keywords["published"]:
        column, row = (np.flatnonzero(np.isclose(dataset[axis], tick)) for axis, tick in ((x, tick_x), (y, tick_y)))
        dataset[judged.quantity].transpose(x, y, "seed")[column, row] = step
    assert judged.judge(dataset, "laptop")["holds"]
    dataset[judged.quantity] *= 1.5
    assert judged.judge(dataset, "laptop")["holds"] is False


def test_claims_fail_if_slow_representations_generalize():
    study = load_study("effective_theory_phase_diagram", "laptop")
    transposed = claimed_phases("phase_diagram").T
    assert failing(study, phase_dataset(study, transposed)) == {"faster_representation", "slow_representation"}


@pytest.mark.parametrize(
    ("name", "failed"), [("phase_diagram", set()), ("weight_decay", set()), ("classes", {"near_comprehension"})]
)
def test_claims_fail_if_grokking_lies_beyond_comprehension(name, failed):
    study = load_study(f"effective_theory_{name}", "paper")
    phases = claimed_phases(name, first="grokking", second="comprehension")
    assert failing(study, phase_dataset(study, phases, scale="paper")) == {"near_memorization", *failed}


def test_claims_fail_if_memorization_and_confusion_are_swapped():
    study, phases = load_study("effective_theory_weight_decay", "laptop"), claimed_phases("weight_decay")
    names = {"memorization": "confusion", "confusion": "memorization"}
    swapped = np.array([[names.get(phase, phase) for phase in column] for column in phases])
    assert failing(study, phase_dataset(study, swapped)) >= {"fast_decoder_memorizes", "much_decay_confuses"}


def test_claims_fail_if_grokking_is_everywhere():
    study = load_study("effective_theory_s3", "laptop")
    failed = {"four_phases", "generalizes", "slow_decoder_memorizes", "fast_decoder_memorizes"}
    assert failing(study, phase_dataset(study, np.array([["grokking"]]))) == failed


@pytest.mark.parametrize("reversed_columns", [False, True])
def test_claims_distinguish_the_files_from_the_figure_for_permutations(reversed_columns):
    study, phases = load_study("effective_theory_s3", "laptop"), claimed_phases("s3")
    figure_fails = {"slow_decoder_memorizes", "fast_decoder_generalizes"}
    dataset = phase_dataset(study, phases[::-1] if reversed_columns else phases)
    assert failing(study, dataset) == (figure_fails if reversed_columns else {"fast_decoder_memorizes"})


def test_claims_on_the_transformer_hold_if_dropout_adds_comprehension(tmp_path):
    """Without dropout, runs need weight decay to generalize; with dropout, one more row and column generalize early."""
    study = load_study("transformer_phase_diagram", "laptop")
    column, row = np.indices((5, 5))
    no_dropout = np.where(row == 0, "memorization", np.where(row == 1, "grokking", "comprehension"))
    no_dropout = np.where(row == 4, "confusion", no_dropout)
    dropout = np.where((row == 0) | (column > 3), "comprehension", no_dropout)
    probabilities = xr.DataArray([0.0, 0.3], dims="model.dropout", name="model.dropout")
    improved, unchanged = (
        xr.concat([phase_dataset(study, phases) for phases in (no_dropout, other)], probabilities).assign_attrs(
            scale="laptop"
        )
        for other in (dropout, no_dropout)
    )
    assert failing(study, improved) == set()
    assert failing(study, unchanged) == {"dropout_generalizes_early"}
    assert_drawn(study.figure(improved, tmp_path / "figure.png"))
