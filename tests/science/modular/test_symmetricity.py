"""Clock or Pizza."""

import random

import pytest
import torch

from grok.science.modular.symmetricity import (
    by_sum_and_difference,
    distance_irrelevance,
    gradient_symmetricity,
    runner_up,
)
from tests.science.reference_networks import Network, Outputs, clock, pizza, published


def test_correct_logits_are_arranged_by_sum_and_difference():
    p = 15
    correct = torch.randn(2, p * p)
    arranged = by_sum_and_difference(correct)
    for a, b in ((0, 0), (3, 9), (14, 14), (9, 3)):
        assert torch.equal(arranged[:, (a + b) % p, (a - b) % p], correct[:, a * p + b])


def test_distance_irrelevance_is_one_if_only_the_sum_matters_and_zero_if_only_the_distance_matters():
    by_distance = torch.arange(15.0).expand(15, 15)
    assert distance_irrelevance(torch.stack([by_distance.T, by_distance])).tolist() == pytest.approx([1, 0])


def test_the_runner_up_is_the_largest_logit_of_the_wrong_classes_above_or_below_the_answer():
    logits = torch.tensor([[[5.0, 2, 1], [4, 0, 7], [3, 3, -8]], [[-1, -2, -3], [0, 0, 9], [1, 2, 3]]])
    assert runner_up(logits, torch.tensor([0, 1, 0])).tolist() == [[2, 7, 3], [-2, 9, 3]]


def test_gradients_are_symmetric_if_they_are_parallel():
    g, other = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert gradient_symmetricity(g, g) == pytest.approx(1) and gradient_symmetricity(g, other) == pytest.approx(0.5)


def irrelevance(network: Network, outputs: Outputs) -> torch.Tensor:
    correct = outputs.logits.gather(-1, outputs.residue[:, None])[:, 0]
    return distance_irrelevance(by_sum_and_difference(correct))


def test_the_published_networks_have_the_published_distance_irrelevance():
    assert irrelevance(*clock()) == published(".7436")
    assert irrelevance(*pizza()) == published(".17173646")


def test_the_published_pizza_has_the_published_gradient_symmetricity():
    """The authors' 100 triples: the first of all triples in order, shuffled with seed 42."""
    network, _ = pizza()
    order = list(range(59**3))
    random.Random(42).shuffle(order)
    triple = torch.tensor(order[:100])
    a, b = (network.embedding[i].clone().requires_grad_() for i in (triple // 59**2, triple // 59 % 59))
    logits, _ = network.from_embeddings(a, b)
    by_a, by_b = torch.autograd.grad(logits.gather(-1, triple[:, None] % 59).sum(), (a, b))
    assert gradient_symmetricity(by_a, by_b) == published(".99366517")
