"""Gini coefficients and shares."""

import pytest
import torch

from grok.science import fourier
from grok.science.concentration import gini, share
from tests.science.reference_networks import clock, published


def test_gini_is_from_0_for_equals_to_all_but_one_share_for_one():
    assert gini(torch.ones(5)) == pytest.approx(0)
    assert gini(torch.eye(5)).tolist() == pytest.approx([0.8] * 5)
    assert gini(torch.tensor([[1.0, 3.0], [3.0, 1.0]])).tolist() == pytest.approx([0.25, 0.25])
    assert gini(torch.zeros(5)) == 0


def test_nothing_of_nothing_is_nothing():
    assert share(torch.tensor([0.0, 1.0]), of=torch.tensor([0.0, 4.0])).tolist() == [0.0, 0.25]


def test_a_share_of_what_is_no_number_is_none():
    nothing = torch.tensor([torch.nan, 1.0])
    assert share(torch.ones(2), of=nothing).isnan().tolist() == [True, False]
    assert share(nothing, of=torch.ones(2)).isnan().tolist() == [True, False]
    assert gini(nothing).isnan()


def test_the_references_as_published():
    network, _ = clock()
    assert gini(fourier.norm_by_direction(network.embedding)) == published(".5386")
    assert gini(fourier.norm_by_direction(network.neuron_logit_map)) == published(".7576")
