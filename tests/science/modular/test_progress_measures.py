"""The loss with only the mechanism, and the loss without it."""

import math

import pytest
import torch

from grok.science.losses import cross_entropy
from grok.science.modular import key_frequencies, progress_measures
from tests.science.reference_networks import clock, published

P = 15  # odd and composite


def pairs(p: int, sign: int = 1) -> torch.Tensor:
    """The residue a + sign · b of all pairs."""
    t = torch.arange(p)
    return ((t[:, None] + sign * t) % p).flatten()


def directions(residue: torch.Tensor, p: int, k: int) -> torch.Tensor:
    """cos and sin of w_k s over all pairs as unit vectors: the definition, without the matrix M."""
    angle = 2 * math.pi * k * residue.double() / p
    waves = torch.stack([angle.cos(), angle.sin()])
    return waves / waves.norm(dim=1, keepdim=True)


def mask(p: int, *frequencies: int) -> torch.Tensor:
    return torch.zeros(p // 2, dtype=torch.bool).index_fill(0, torch.tensor(frequencies) - 1, True)


@pytest.mark.parametrize("sign", [1, -1])
def test_losses_from_mean_logits_equal_those_from_projections_over_all_pairs(sign):
    residue, logits = pairs(P, sign), 3 * torch.randn(P * P, P, dtype=torch.float64)
    labels = torch.randint(P, (P * P,))
    table = progress_measures.mean_by_residue(logits, residue)
    d = torch.cat([directions(residue, P, k) for k in (2, 7)])
    projected = d.T @ (d @ logits)

    restricted = progress_measures.restricted_loss(table, mask(P, 2, 7), residue, labels)
    torch.testing.assert_close(restricted, cross_entropy(projected + logits.mean(0), labels))
    some = torch.randperm(P * P)[:40]
    examples = logits[some], residue[some], labels[some]
    excluded = progress_measures.excluded_loss(*examples, table=table, keys=mask(P, 2, 7))
    torch.testing.assert_close(excluded, cross_entropy(logits - projected, labels)[some])


def test_memorized_examples_lower_the_restricted_loss_only_if_nearly_all_frequencies_are_keys():
    """Memorized examples raise the diagonal of M, which has a component at every frequency."""
    p = 113
    residue, is_memorized = pairs(p), torch.rand(p * p) < 0.3
    logits = 20.0 * torch.nn.functional.one_hot(residue, p) * is_memorized[:, None]
    table, t = progress_measures.mean_by_residue(logits, residue), torch.arange(p)
    few_keys = progress_measures.restricted_loss(table, mask(p, 3, 14, 15, 42, 56), t, t).mean()
    all_keys = progress_measures.restricted_loss(table, torch.ones(p // 2, dtype=torch.bool), t, t).mean()
    assert math.log(p) - few_keys < 0.6 and all_keys < 0.5


def test_the_losses_of_all_frequencies_equal_those_of_single_frequencies():
    residue, logits = pairs(P), 20 * torch.randn(P * P, P, dtype=torch.float64)
    table, some = progress_measures.mean_by_residue(logits, residue), torch.tensor([0, 3, 100, 7, 31, 16, 15])
    examples = logits[some], residue[some], torch.randint(P, some.shape)
    losses = progress_measures.excluded_loss_by_frequency(*examples, table=table)
    for k in range(1, P // 2 + 1):
        single = progress_measures.excluded_loss(*examples, table=table, keys=mask(P, k))
        torch.testing.assert_close(losses[k - 1], single)


@pytest.mark.parametrize("size", [300.0, 3e3, 2e5])
def test_the_losses_by_frequency_are_exact_for_logits_of_any_size(size):
    """2e5 is the size of the logits at init_scale=8: sums of exponentials are 0, and losses are as large as logits."""
    residue, logits = pairs(P), size * torch.randn(2, P * P, P, dtype=torch.float64)
    logits[1] /= size  # the other replica has small logits
    table, labels = progress_measures.mean_by_residue(logits, residue), torch.randint(P, (2, P * P))
    examples = logits, residue.expand(2, -1), labels
    losses = progress_measures.excluded_loss_by_frequency(*examples, table=table)
    assert losses.isfinite().all() and losses[0].max() > size
    for k in range(1, P // 2 + 1):
        exact = progress_measures.excluded_loss(*examples, table=table, keys=mask(P, k))
        torch.testing.assert_close(losses[:, k - 1], exact, rtol=1e-9, atol=1e-12 * size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batched_replicas_have_the_losses_of_single_replicas(dtype):
    residue, logits = pairs(P), torch.randn(3, P * P, P, dtype=dtype)
    keys = torch.stack([mask(P, 1), mask(P, 2, 3), mask(P, 7)])
    some = torch.stack([torch.randperm(P * P)[:50] for _ in range(3)])  # each replica has its own split
    examples = logits.gather(1, some[..., None].expand(-1, -1, P)), residue[some], torch.randint(P, (3, 50))
    table = progress_measures.mean_by_residue(logits, residue)
    batched = (
        progress_measures.restricted_loss(table, keys, *examples[1:]),
        progress_measures.excluded_loss(*examples, table=table, keys=keys),
        progress_measures.excluded_loss_by_frequency(*examples, table=table),
    )
    for r in range(3):
        replica_examples = [x[r] for x in examples]
        replica_table = progress_measures.mean_by_residue(logits[r], residue)
        single = (
            progress_measures.restricted_loss(replica_table, keys[r], *replica_examples[1:]),
            progress_measures.excluded_loss(*replica_examples, table=replica_table, keys=keys[r]),
            progress_measures.excluded_loss_by_frequency(*replica_examples, table=replica_table),
        )
        for batched_losses, losses in zip(batched, single, strict=True):
            torch.testing.assert_close(batched_losses[r], losses)


def test_a_network_of_one_frequency_is_at_chance_level_without_it():
    residue = pairs(P)
    logits = 20 * torch.cos(2 * math.pi * 2 * (residue[:, None] - torch.arange(P)).double() / P)
    table = progress_measures.mean_by_residue(logits, residue)
    excluded = progress_measures.excluded_loss(logits, residue, residue, table=table, keys=mask(P, 2))
    torch.testing.assert_close(excluded, torch.full_like(excluded, math.log(P)))
    by_frequency = progress_measures.excluded_loss_by_frequency(logits, residue, residue, table=table)
    torch.testing.assert_close(by_frequency[2], cross_entropy(logits, residue))


def test_the_reference_has_the_published_losses():
    network, outputs = clock()
    keys = key_frequencies.of_neuron_logit_map(network.neuron_logit_map)
    residue, train = outputs.residue, outputs.train
    assert cross_entropy(outputs.logits, residue)[train].mean() == published("9.2024e-9")
    assert cross_entropy(outputs.logits, residue)[outputs.test].mean() == published("4.98838e-7")

    table = progress_measures.mean_by_residue(outputs.logits, residue)
    assert progress_measures.restricted_loss(table, keys, residue, residue).mean() == published("2.201e-9")
    examples = outputs.logits[train], residue[train], residue[train]
    assert progress_measures.excluded_loss(*examples, table=table, keys=keys).mean() == published("8.385")
    by_frequency = progress_measures.excluded_loss_by_frequency(*examples, table=table).mean(-1)
    expected = {6: ".0293", 23: "1.176", 37: "4.4e-4", 39: "6.5e-5", 41: "2.6e-4"}
    for k, loss in expected.items():
        assert by_frequency[k - 1] == published(loss)
    assert by_frequency.argmax() + 1 == 23  # the variant that needs no keys: the largest of all 56
