"""The triples on which gradient symmetricity is measured; those of small moduli are the published ones, and are tested
with the published networks."""

import pytest

from grok.measures.symmetry import TRIPLES, sampled


@pytest.mark.parametrize("p", [131, 10_007])
def test_triples_of_a_large_modulus_are_distinct_and_from_its_whole_range(p):
    """At p = 10,007 there are 10¹² of them: more than can be laid out."""
    triples = sampled(p)
    assert triples.shape == (TRIPLES, 3) == triples.unique(dim=0).shape
    assert triples.min() >= 0 and triples.max() < p
    assert ((triples.double().mean(0) / p - 0.5).abs() < 0.15).all()  # five standard deviations
