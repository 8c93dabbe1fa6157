"""The loss with only the mechanism, and the loss without it."""

import math

import pytest
import torch

from grok.science import key_frequencies, progress_measures
from grok.science.losses import cross_entropy
from tests.science.reference_networks import clock, published

P = 15  # odd and composite


def pairs(p: int, sign: int = 1) -> torch.Tensor:
    t = torch.arange(p)
    return ((t[:, None] + sign * t) % p).flatten()


def directions(residue: torch.Tensor, p: int, k: int) -> torch.Tensor:
    """cos and sin of w_k s over all pairs as unit vectors: the definition, without tables."""
    angle = 2 * math.pi * k * residue.double() / p
    waves = torch.stack([angle.cos(), angle.sin()])
    return waves / waves.norm(dim=1, keepdim=True)


def mask(p: int, *frequencies: int) -> torch.Tensor:
    return torch.zeros(p // 2, dtype=torch.bool).index_fill(0, torch.tensor(frequencies) - 1, True)


@pytest.mark.parametrize("sign", [1, -1])
def test_by_a_table_as_by_projections_over_all_pairs(sign):
    residue, logits = pairs(P, sign), 3 * torch.randn(P * P, P, dtype=torch.float64)
    labels = torch.randint(P, (P * P,))
    table = progress_measures.mean_by_residue(logits, residue)
    d = torch.cat([directions(residue, P, k) for k in (2, 7)])
    projected = d.T @ (d @ logits)

    restricted = progress_measures.restricted_loss(table, mask(P, 2, 7), residue, labels)
    torch.testing.assert_close(restricted, cross_entropy(projected + logits.mean(0), labels))
    some = torch.randperm(P * P)[:40]
    excluded = progress_measures.excluded_loss(
        logits[some], residue[some], labels[some], table=table, keys=mask(P, 2, 7)
    )
    torch.testing.assert_close(excluded, cross_entropy(logits - projected, labels)[some])


def test_what_is_learned_by_heart_counts_only_where_nearly_all_frequencies_are_key():
    """Examples that were learned by heart raise the diagonal of M, a part of which every frequency has."""
    p = 113
    residue, by_heart = pairs(p), torch.rand(p * p) < 0.3
    logits = 20.0 * torch.nn.functional.one_hot(residue, p) * by_heart[:, None]
    table, t = progress_measures.mean_by_residue(logits, residue), torch.arange(p)
    few = progress_measures.restricted_loss(table, mask(p, 3, 14, 15, 42, 56), t, t).mean()
    every = progress_measures.restricted_loss(table, torch.ones(p // 2, dtype=torch.bool), t, t).mean()
    assert math.log(p) - few < 0.6 and every < 0.5


def test_all_frequencies_at_once_as_one_by_one():
    residue, logits = pairs(P), 20 * torch.randn(P * P, P, dtype=torch.float64)
    table, some = progress_measures.mean_by_residue(logits, residue), torch.tensor([0, 3, 100, 7, 31, 16, 15])
    given = logits[some], residue[some], torch.randint(P, some.shape)
    together = progress_measures.excluded_loss_by_frequency(*given, table=table)
    for k in range(1, P // 2 + 1):
        torch.testing.assert_close(
            together[k - 1], progress_measures.excluded_loss(*given, table=table, keys=mask(P, k))
        )


@pytest.mark.parametrize("size", [300.0, 3e3, 2e5])
def test_frequency_by_frequency_logits_of_any_size_have_their_losses(size):
    """2e5 is that of the logits at init_scale=8: sums of exponentials are then 0, and the losses as large as these."""
    residue, logits = pairs(P), size * torch.randn(2, P * P, P, dtype=torch.float64)
    logits[1] /= size  # its neighbour's are small
    table, labels = progress_measures.mean_by_residue(logits, residue), torch.randint(P, (2, P * P))
    given = logits, residue.expand(2, -1), labels
    together = progress_measures.excluded_loss_by_frequency(*given, table=table)
    assert together.isfinite().all() and together[0].max() > size
    for k in range(1, P // 2 + 1):
        exact = progress_measures.excluded_loss(*given, table=table, keys=mask(P, k))
        torch.testing.assert_close(together[:, k - 1], exact, rtol=1e-9, atol=1e-12 * size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_replicas_together_are_replicas_alone(dtype):
    residue, logits = pairs(P), torch.randn(3, P * P, P, dtype=dtype)
    keys = torch.stack([mask(P, 1), mask(P, 2, 3), mask(P, 7)])
    some = torch.stack([torch.randperm(P * P)[:50] for _ in range(3)])  # each replica has its own split
    given = logits.gather(1, some[..., None].expand(-1, -1, P)), residue[some], torch.randint(P, (3, 50))
    table = progress_measures.mean_by_residue(logits, residue)
    together = (
        progress_measures.restricted_loss(table, keys, *given[1:]),
        progress_measures.excluded_loss(*given, table=table, keys=keys),
        progress_measures.excluded_loss_by_frequency(*given, table=table),
    )
    for r in range(3):
        one = [x[r] for x in given]
        alone_table = progress_measures.mean_by_residue(logits[r], residue)
        alone = (
            progress_measures.restricted_loss(alone_table, keys[r], *one[1:]),
            progress_measures.excluded_loss(*one, table=alone_table, keys=keys[r]),
            progress_measures.excluded_loss_by_frequency(*one, table=alone_table),
        )
        for ours, theirs in zip(together, alone, strict=True):
            torch.testing.assert_close(ours[r], theirs)


def test_a_network_of_one_frequency_is_nothing_without_it():
    residue = pairs(P)
    logits = 20 * torch.cos(2 * math.pi * 2 * (residue[:, None] - torch.arange(P)).double() / P)
    table = progress_measures.mean_by_residue(logits, residue)
    without = progress_measures.excluded_loss(logits, residue, residue, table=table, keys=mask(P, 2))
    torch.testing.assert_close(without, torch.full_like(without, math.log(P)))
    others = progress_measures.excluded_loss_by_frequency(logits, residue, residue, table=table)
    torch.testing.assert_close(others[2], cross_entropy(logits, residue))


def test_the_reference_as_published():
    network, outputs = clock()
    keys = key_frequencies.of_neuron_logit_map(network.neuron_logit_map)
    residue, train = outputs.residue, outputs.train
    assert cross_entropy(outputs.logits, residue)[train].mean() == published("9.2024e-9")
    assert cross_entropy(outputs.logits, residue)[outputs.test].mean() == published("4.98838e-7")

    table = progress_measures.mean_by_residue(outputs.logits, residue)
    assert progress_measures.restricted_loss(table, keys, residue, residue).mean() == published("2.201e-9")
    of_train = outputs.logits[train], residue[train], residue[train]
    assert progress_measures.excluded_loss(*of_train, table=table, keys=keys).mean() == published("8.385")
    by_frequency = progress_measures.excluded_loss_by_frequency(*of_train, table=table).mean(-1)
    expected = {6: ".0293", 23: "1.176", 37: "4.4e-4", 39: "6.5e-5", 41: "2.6e-4"}
    for k, loss in expected.items():
        assert by_frequency[k - 1] == published(loss)
    assert by_frequency.argmax() + 1 == 23  # the variant that needs no keys: the largest of all 56
