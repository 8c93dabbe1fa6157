"""Measures of some test examples: single losses of a regression, and the pairs (0, b) of a division."""

import pytest
import torch

from grok.checks import UserError
from grok.measures.example_losses import ExampleLosses
from grok.measures.neighborhood_losses import NeighborhoodLosses
from grok.measures.zero_operand import ZeroOperand
from grok.training.build import build
from tests.conftest import ADDITION, TINY, composed
from tests.measures.snapshots import snapshot_of


def test_example_losses_are_shares_of_the_loss_of_guessing_the_mean():
    module, (data,) = build([composed(*TINY, "task.n_outputs=1")])
    snapshot = snapshot_of(module)
    values = ExampleLosses(n_examples=7).finalize(snapshot, module.history)["example_loss"].values
    targets = data.test.targets[data.test.indices]
    guessed = (targets - targets.mean()).square().mean()
    torch.testing.assert_close(values[0], (snapshot.test.loss[0, :7] / guessed).float())


def test_neighborhood_losses_are_means_over_the_nearest_test_inputs():
    module, (data,) = build([composed(*TINY, "task.n_outputs=1")])
    snapshot = snapshot_of(module)
    n_test, loss = len(data.test.indices), snapshot.test.loss
    variance = snapshot.test.targets.var(1, unbiased=False)
    for n_neighbors, expected in ((1, loss[:, :3]), (n_test, loss.mean(1, keepdim=True).expand(1, 3))):
        measure = NeighborhoodLosses(n_neighborhoods=3, n_neighbors=n_neighbors)
        found = measure.finalize(snapshot, module.history)["neighborhood_loss"].values
        torch.testing.assert_close(found, (expected / variance).float(), rtol=1e-4, atol=0)


def test_the_zero_operand_is_measured_on_the_held_out_pairs_whose_first_operand_is_zero():
    module, (data,) = build([composed(*ADDITION, "task.operation=divide", "measure=[zero_operand]")])
    snapshot = snapshot_of(module)
    is_zero = data.test.inputs[data.test.indices][:, 0] == 0
    assert 0 < is_zero.sum() < 22
    found = ZeroOperand()(snapshot)["zero_operand_accuracy"].values
    assert found.item() == pytest.approx(snapshot.test.correct[0][is_zero].double().mean().item())


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("zero_operand", "task.operation=divide"),
        ("example_losses", "a regression"),
        ("neighborhood_losses", "a regression on vectors"),
    ],
)
def test_other_tasks_are_refused(measure, message):
    with pytest.raises(UserError, match=message):
        build([composed(*ADDITION, f"measure=[{measure}]")])
