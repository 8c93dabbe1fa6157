"""The sampled triples of gradient symmetricity, and the gradients.

The triples of small moduli are the published ones; the tests with the published networks cover them.
"""

import pytest
import torch

from grok.measures.symmetry import N_TRIPLES, embedding_gradients, sample_triples
from grok.models.spec import TokenPairs
from tests.models.test_transformer import perturbed, transformer


@pytest.mark.parametrize("p", [131, 10_007])
def test_triples_of_a_large_modulus_are_distinct_and_cover_its_full_range(p):
    """For p = 10,007 there are 10¹² triples, too many for a list."""
    triples = sample_triples(p)
    assert triples.shape == (N_TRIPLES, 3) == triples.unique(dim=0).shape
    assert triples.min() >= 0 and triples.max() < p
    assert ((triples.double().mean(0) / p - 0.5).abs() < 0.15).all()  # five std


def test_gradients_equal_those_of_a_network_with_separate_tokens_for_both_operands():
    """The reference is autograd for one triple at a time: tokens 0 … 6 for a, and 7 … 13 with the same weights for b.

    The networks have two layers, an equals sign and one attention coefficient per replica. The triples include a = b
    and b = a + 1.
    """
    options = dict(depth=2, attention_coefficient=[0.4, 1.0])
    model, wide = perturbed(0, 1, **options), transformer(0, 1, inputs=TokenPairs(14), **options)
    weights = model.state_dict()
    operands, equals = weights["embedding.tokens"].split([7, 1], dim=1)
    wide.load_state_dict(weights | {"embedding.tokens": torch.cat([operands, operands, equals], 1)})
    triples = torch.tensor([[2, 5, 0], [3, 3, 6], [6, 0, 1], [4, 5, 5], [0, 0, 0]])
    for replica in range(2):
        gradients = embedding_gradients(model, replica, triples)
        for (a, b, c), by_a, by_b in zip(triples.tolist(), *gradients, strict=True):
            logit = wide(torch.tensor([[[a, b + 7]]]).expand(2, 1, 2))[replica, 0, c]
            (by_row,) = torch.autograd.grad(logit, wide.embedding.tokens)
            torch.testing.assert_close(by_a, by_row[replica, a], rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(by_b, by_row[replica, b + 7], rtol=1e-10, atol=1e-12)
