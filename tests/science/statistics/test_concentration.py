"""Gini coefficients and shares."""

import pytest
import torch

from grok.science.modular import fourier
from grok.science.statistics.concentration import gini, share
from tests.science.reference_networks import clock, published


def test_gini_is_0_for_equal_entries_and_1_minus_1_over_n_for_a_single_entry():
    assert gini(torch.ones(5)) == pytest.approx(0)
    assert gini(torch.eye(5)).tolist() == pytest.approx([0.8] * 5)
    assert gini(torch.tensor([[1.0, 3.0], [3.0, 1.0]])).tolist() == pytest.approx([0.25, 0.25])
    assert gini(torch.zeros(5)) == 0


def test_a_share_of_zero_is_zero():
    assert share(torch.tensor([0.0, 1.0]), whole=torch.tensor([0.0, 4.0])).tolist() == [0.0, 0.25]


def test_a_share_is_nan_if_the_part_or_the_whole_is_nan():
    values = torch.tensor([torch.nan, 1.0])
    assert share(torch.ones(2), whole=values).isnan().tolist() == [True, False]
    assert share(values, whole=torch.ones(2)).isnan().tolist() == [True, False]
    assert gini(values).isnan()


def test_gini_coefficients_of_the_reference_network_equal_the_published_ones():
    network, _ = clock()
    assert gini(fourier.norm_by_direction(network.embedding)) == published(".5386")
    assert gini(fourier.norm_by_direction(network.neuron_logit_map)) == published(".7576")
