"""What is made at the end, over all looks: by the key frequencies of the end, from what was kept of each."""

import math

import pytest
import torch

from grok.measures.addition import on_all_pairs, residues
from grok.measures.circuit import Circuit
from grok.measures.circuit_over_steps import EXAMPLES
from grok.science import fourier
from grok.science.progress_measures import excluded_loss, mean_by_residue, restricted_loss
from grok.science.trigonometric import coefficients
from grok.science.trigonometric import loss as formula_loss
from grok.training.build import build
from tests.conftest import ADDITION, composed
from tests.measures.test_circuit import looked_at
from tests.training.test_replicas import trained


def test_an_earlier_look_is_measured_by_the_key_frequencies_of_the_end():
    """Its logits are worth this much with the last one's keys, to half precision, and its weights so far from them."""
    config = (*ADDITION, "task.fraction=0.25", "optimizer.lr=0.01", "precision=float64")
    then, late = looked_at(trained(composed(*config, "steps=18"))), trained(composed(*config))
    keys = torch.arange(1, 12) % 3 == 0
    late.history.columns["key_frequency"][-1] = keys.unsqueeze(0)
    look = late.history.steps.index(18)
    made = Circuit().last(looked_at(late), late.history)
    found = {name: each.values[0, look].item() for name, each in made.items() if each.dims == ("step",)}
    table, residue, rows = mean_by_residue(on_all_pairs(then)[0], residues(then)), torch.arange(23), then.train.rows[0]
    assert found["restricted_loss"] == pytest.approx(
        restricted_loss(table, keys, residue, residue).mean().item(), rel=1e-3
    )
    some = [each[0, :EXAMPLES] for each in (then.train.outputs, residues(then)[rows].unsqueeze(0), then.train.targets)]
    assert len(some[0]) == EXAMPLES < len(rows)
    assert found["excluded_loss"] == pytest.approx(excluded_loss(*some, table=table, keys=keys).mean().item(), rel=1e-3)
    assert found["trigonometric_loss"] == pytest.approx(formula_loss(coefficients(table), keys).item(), rel=1e-3)
    tables = {"embedding": then.model.token_embedding, "unembedding": then.model.unembedding.weight[..., :23].mT}
    for name, own in tables.items():
        far = (own - fourier.onto_frequencies(own, keys, keep_mean=True)).norm().item()
        assert found[f"{name}_off_keys"] == pytest.approx(far, rel=1e-6) and 0 < far < own.norm()


def test_losses_at_a_large_initialisation_are_finite_and_those_of_the_moment_where_the_keys_are_the_same():
    """Logits of 10⁵, more than half precision holds; at the start all frequencies are key, and at the end by decree."""
    training = trained(composed(*ADDITION, "task.fraction=0.2", "init_scale=8", "steps=2"))
    first = {name: rows[0] for name, rows in training.history.columns.items()}
    assert first["key_frequency"].bool().all() and first["excluded_loss_by_frequency"].isfinite().all()
    training.history.columns["key_frequency"][-1][:] = 1
    made = Circuit().last(looked_at(training), training.history)
    for name in ("restricted_loss", "excluded_loss", "trigonometric_loss"):
        loss = made[name].values[0]
        assert loss.isfinite().all() and (loss[0] > 1e5 or name == "trigonometric_loss")  # which has no noise in it
        assert loss[0].item() == pytest.approx(first[f"{name}_by_own_keys"].item(), rel=2e-3)


def test_logits_that_are_kept_for_the_end_are_not_recorded():
    history = trained(composed(*ADDITION, "steps=2")).history
    record = history.dataset(0, {})
    assert {"residue_logits", "example_logits", "embedding_norm"} <= history.columns.keys() - record.keys()
    assert record["restricted_loss"].dims == ("step",) and record["restricted_loss"].shape == record["step"].shape


def test_a_sketch_tells_the_distance_between_two_looks():
    config = composed(*ADDITION, "measure=[performance,weight_sketch]", "optimizer.lr=0.01")
    (before, _), after = build([config]), trained(config)
    own = zip(before.model.parameters(), after.model.parameters(), strict=True)
    far = math.sqrt(sum((one - other).double().square().sum().item() for one, other in own))
    first, *_, last = after.history.columns["weight_sketch"]
    assert (last - first).norm().item() == pytest.approx(far, rel=0.1) and far > 1
    to_end = after.history.last["distance_to_end"][0]
    assert to_end.shape == (len(after.history.steps),) and to_end[-1] == 0
    assert to_end[0].item() == pytest.approx((last - first).norm().item())
