"""Batched transformers: each replica is the network that it would be alone, with its own coefficient and dropout."""

import pytest
import torch

from grok.checks import UserError
from grok.models.transformer import Transformer
from tests.conftest import composed
from tests.models.test_transformer import PIZZA, pairs, perturbed, transformer
from tests.training.test_replicas import trained

TINY_ADDITION = (
    "task=modular_addition",
    "task.p=7",
    "model.width=12",
    "model.heads=3",
    "model.d_mlp=10",
    "steps=20",
    "logger=none",
    "measure=[]",
    "precision=float64",
)


@pytest.mark.parametrize("changes", [{}, dict(depth=2)], ids=["one layer", "two layers"])
def test_a_batched_replica_equals_that_replica_alone(changes):
    batched, alone = transformer(0, 1, 2, **changes), transformer(1, **changes)
    for parameter, single in zip(batched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(parameter[1], single[0])
    torch.testing.assert_close(batched(pairs().expand(3, -1, -1))[1], alone(pairs())[0], rtol=1e-12, atol=1e-12)


def test_each_replica_has_its_own_attention_coefficient():
    batched = transformer(0, 1, 2, attention_coefficient=[0, 0.3, 1.0])
    for replica, (seed, coefficient) in enumerate([(0, 0), (1, 0.3), (2, 1.0)]):
        alone = transformer(seed, attention_coefficient=coefficient)
        outputs = batched(pairs().expand(3, -1, -1))[replica]
        torch.testing.assert_close(outputs, alone(pairs())[0], rtol=1e-12, atol=1e-12)
    # A checkpoint contains the weights, not the coefficients.
    assert batched.state_dict().keys() == dict(batched.named_parameters()).keys()
    with pytest.raises(
        UserError, match=r"^model\.attention_coefficient=1\.5: must be a number at least 0 and at most 1$"
    ):
        transformer(0, 1, attention_coefficient=[0.5, 1.5])


def test_batched_networks_with_different_coefficients_train_as_if_alone():
    configs = [composed(*TINY_ADDITION, f"seed={c}", f"model.attention_coefficient={c / 2}") for c in range(3)]
    batched, alone = trained(*configs), [trained(config) for config in configs]
    for replica, single in enumerate(alone):
        for parameter, reference in zip(batched.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(parameter[replica], reference[0], rtol=1e-9, atol=1e-11)


def test_batched_networks_with_dropout_train_as_if_alone_and_are_evaluated_without_dropout():
    common = (*TINY_ADDITION, "model.depth=2", "model.dropout=0.2")
    configs = [composed(*common, f"seed={seed}") for seed in range(3)]
    batched, alone = trained(*configs), [trained(config) for config in configs]
    without = trained(composed(*common, "seed=0", "model.dropout=0"))
    for replica, single in enumerate(alone):
        for parameter, reference in zip(batched.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(parameter[replica], reference[0], rtol=1e-9, atol=1e-11)
    losses = [each.history.columns["train_loss"] for each in (alone[0], without)]
    assert torch.equal(losses[0][0], losses[1][0])
    assert not torch.allclose(losses[0][-1], losses[1][-1])


VARIANTS = pytest.mark.parametrize("changes", [{}, dict(depth=2), PIZZA], ids=["one layer", "two layers", "pizza"])


def linear_except_for_dropout(**changes) -> Transformer:
    model = perturbed(0, dropout=0.3, **changes | dict(attention_coefficient=0.0))
    for block in model.blocks:
        block.mlp.activation = lambda x: x
    model.set_generators([torch.Generator().manual_seed(5)])
    return model


@VARIANTS
def test_dropout_preserves_the_mean_of_a_linear_network(changes):
    model, n = linear_except_for_dropout(**changes), 4000
    inputs = pairs(1, 1).expand(1, n, 2)
    samples = model(inputs)
    error = samples.std(1) / n**0.5
    assert (error > 0).all()
    assert ((samples.mean(1) - model.eval()(inputs)[:, 0]).abs() < 5 * error).all()


@VARIANTS
def test_dropout_applies_to_patterns_neurons_and_the_outputs_of_attention_and_mlp(changes):
    model, n = linear_except_for_dropout(**changes), 4000
    shapes = []
    model.dropout.register_forward_hook(lambda module, given, out: shapes.append(tuple(out.shape)))
    model(pairs(1, 1).expand(1, n, 2))
    positions, depth = 2 + changes.get("equals_sign", True), changes.get("depth", 1)
    expected = []
    for query in [*[positions] * (depth - 1), 1]:  # pattern, output of the attention, neurons, output of the MLP
        expected += [(1, n, query, positions, 3), (1, n * query, 12), (1, n * query, 10), (1, n * query, 12)]
    assert shapes == expected


@VARIANTS
def test_dropout_sets_the_given_share_of_entries_to_zero(changes):
    dropped = linear_except_for_dropout(**changes).dropout(torch.ones(1, 10_000))
    assert sorted(set(dropped.flatten().tolist())) == [0, pytest.approx(1 / 0.7)]
    assert (dropped == 0).double().mean().item() == pytest.approx(0.3, abs=0.02)
