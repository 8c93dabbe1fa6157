"""Quantities over all steps that are computed at the end, with the final key frequencies."""

import math

import pytest
import torch

from grok.measures.addition import logits_of_all_pairs, residues
from grok.measures.circuit import Circuit
from grok.measures.circuit_over_steps import N_EXAMPLES
from grok.science.modular import fourier
from grok.science.modular.progress_measures import excluded_loss, mean_by_residue, restricted_loss
from grok.science.modular.trigonometric import coefficients
from grok.science.modular.trigonometric import loss as formula_loss
from grok.training.build import build
from tests.conftest import ADDITION, composed
from tests.measures.snapshots import snapshot_of
from tests.training.test_replicas import trained


def test_an_earlier_snapshot_is_measured_with_the_final_key_frequencies():
    """Losses agree to half precision, distances to a relative error of 1e-6."""
    config = (*ADDITION, "task.fraction=0.25", "optimizer.lr=0.01", "precision=float64")
    early, late = snapshot_of(trained(composed(*config, "steps=18"))), trained(composed(*config))
    keys = torch.arange(1, 12) % 3 == 0
    late.history.columns["key_frequency"][-1] = keys.unsqueeze(0)
    row = late.history.steps.index(18)
    quantities = Circuit().finalize(snapshot_of(late), late.history)
    values = {name: each.values[0, row].item() for name, each in quantities.items() if each.dims == ("step",)}
    table, indices = mean_by_residue(logits_of_all_pairs(early)[0], residues(early)), early.train.indices[0]
    all_residues = torch.arange(23)
    restricted = restricted_loss(table, keys, all_residues, all_residues).mean().item()
    assert values["restricted_loss"] == pytest.approx(restricted, rel=1e-3)
    all_examples = (early.train.outputs, residues(early)[indices].unsqueeze(0), early.train.targets)
    examples = [each[0, :N_EXAMPLES] for each in all_examples]
    assert len(examples[0]) == N_EXAMPLES < len(indices)
    excluded = excluded_loss(*examples, table=table, keys=keys).mean().item()
    assert values["excluded_loss"] == pytest.approx(excluded, rel=1e-3)
    assert values["trigonometric_loss"] == pytest.approx(formula_loss(coefficients(table), keys).item(), rel=1e-3)
    matrices = {"embedding": early.model.token_embedding, "unembedding": early.model.unembedding.weight[..., :23].mT}
    for name, matrix in matrices.items():
        distance = (matrix - fourier.project_onto_frequencies(matrix, keys, keep_mean=True)).norm().item()
        assert values[f"{name}_distance"] == pytest.approx(distance, rel=1e-6) and 0 < distance < matrix.norm()


def test_losses_at_a_large_initialization_are_finite_and_equal_the_current_ones_if_the_key_frequencies_agree():
    """The logits are about 10⁵, above the range of half precision. All frequencies are key frequencies at the start;
    the test plants the same at the end."""
    module = trained(composed(*ADDITION, "task.fraction=0.2", "init_scale=8", "steps=2"))
    first = {name: rows[0] for name, rows in module.history.columns.items()}
    assert first["key_frequency"].bool().all() and first["excluded_loss_by_frequency"].isfinite().all()
    module.history.columns["key_frequency"][-1][:] = 1
    quantities = Circuit().finalize(snapshot_of(module), module.history)
    for name in ("restricted_loss", "excluded_loss", "trigonometric_loss"):
        loss = quantities[name].values[0]
        assert loss.isfinite().all()
        assert loss[0] > 1e5 or name == "trigonometric_loss"  # the formula has no noise
        assert loss[0].item() == pytest.approx(first[f"{name}_current_frequencies"].item(), rel=2e-3)


def test_logits_retained_for_the_end_are_not_recorded():
    history = trained(composed(*ADDITION, "steps=2")).history
    record = history.dataset(0, {})
    assert {"residue_logits", "example_logits", "embedding_norm"} <= history.columns.keys() - record.keys()
    assert record["restricted_loss"].dims == ("step",) and record["restricted_loss"].shape == record["step"].shape


def test_sketches_give_the_distance_between_two_snapshots():
    config = composed(*ADDITION, "measure=[weight_sketch]", "optimizer.lr=0.01")
    (before, _), after = build([config]), trained(config)
    parameters = zip(before.model.parameters(), after.model.parameters(), strict=True)
    distance = math.sqrt(sum((one - other).double().square().sum().item() for one, other in parameters))
    first, *_, last = after.history.columns["weight_sketch"]
    assert (last - first).norm().item() == pytest.approx(distance, rel=0.1) and distance > 1
    to_end = after.history.final["distance_to_end"][0]
    assert to_end.shape == (len(after.history.steps),) and to_end[-1] == 0
    assert to_end[0].item() == pytest.approx((last - first).norm().item())
    to_start = after.history.final["distance_to_start"][0]
    assert to_start[0] == 0 and to_start[-1] == to_end[0]
