"""The triples on which gradient symmetricity is measured, and the gradients; the triples of small moduli are the
published ones, and are tested with the published networks."""

import pytest
import torch

from grok.measures.symmetry import TRIPLES, gradients, sampled
from tests.models.test_transformer import disturbed, transformer


@pytest.mark.parametrize("p", [131, 10_007])
def test_triples_of_a_large_modulus_are_distinct_and_from_its_whole_range(p):
    """At p = 10,007 there are 10¹² of them: more than can be laid out."""
    triples = sampled(p)
    assert triples.shape == (TRIPLES, 3) == triples.unique(dim=0).shape
    assert triples.min() >= 0 and triples.max() < p
    assert ((triples.double().mean(0) / p - 0.5).abs() < 0.15).all()  # five standard deviations


def test_gradients_are_those_of_a_network_in_which_every_operand_has_a_row_of_its_own():
    """By autograd, of one triple at a time: tokens 0 … 6 for a and 7 … 13, with the same weights, for b. Two layers, an
    equals sign, a coefficient for each replica, a = b and b = a + 1 included."""
    own = dict(depth=2, attention=[0.4, 1.0])
    model, wide = disturbed(0, 1, **own), transformer(0, 1, n_tokens=14, **own)
    weights = model.state_dict()
    operands, equals = weights["embedding.tokens"].split([7, 1], dim=1)
    wide.load_state_dict(weights | {"embedding.tokens": torch.cat([operands, operands, equals], 1)})
    triples = torch.tensor([[2, 5, 0], [3, 3, 6], [6, 0, 1], [4, 5, 5], [0, 0, 0]])
    for replica in range(2):
        found = gradients(model, replica, triples)
        for (a, b, c), by_a, by_b in zip(triples.tolist(), *found, strict=True):
            logit = wide(torch.tensor([[[a, b + 7]]]).expand(2, 1, 2))[replica, 0, c]
            (by_row,) = torch.autograd.grad(logit, wide.embedding.tokens)
            torch.testing.assert_close(by_a, by_row[replica, a], rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(by_b, by_row[replica, b + 7], rtol=1e-10, atol=1e-12)
