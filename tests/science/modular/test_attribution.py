"""Attribution of a prediction to frequencies."""

import math

import pytest
import torch

from grok.science.modular import attribution
from tests.science.modular.test_progress_measures import pairs
from tests.science.modular.test_trigonometric import formula


def test_contributions_sum_to_the_logit_minus_the_mean():
    logits, labels = torch.randn(2, 10, 15, dtype=torch.float64), torch.randint(15, (2, 10))
    parts = attribution.contributions(logits, labels)
    centered = (logits - logits.mean(-1, keepdim=True)).gather(-1, labels[..., None])[..., 0]
    torch.testing.assert_close(parts.sum(-1), centered)
    torch.testing.assert_close(parts[1], attribution.contributions(logits[1], labels[1]))


def test_a_formula_contributes_its_coefficients_and_a_memorized_label_contributes_equally():
    parts = attribution.contributions(formula(15, {2: 3.0, 7: 1.5}), pairs(15))
    torch.testing.assert_close(parts, torch.tensor([0, 3, 0, 0, 0, 0, 1.5]).double().expand(225, -1))
    memorized = attribution.profile(attribution.contributions(15 * torch.eye(15), torch.arange(15)))
    torch.testing.assert_close(memorized, torch.full((15, 7), 1 / 7))


def test_memorized_labels_are_anomalous():
    """Planted: 9 of 225 labels are wrong, and the logits are high for the wrong label and for the sum."""
    labels, planted = pairs(15).clone(), torch.zeros(225, dtype=torch.bool)
    planted[::25] = True
    labels[planted] = (labels[planted] + 4) % 15
    logits = formula(15, {2: 3.0, 7: 1.5}) + 0.3 * torch.randn(225, 15, dtype=torch.float64)
    logits[planted, labels[planted]] += 8
    scores = attribution.anomaly(attribution.profile(attribution.contributions(logits, labels)))
    assert attribution.auroc(scores, planted) == 1
    assert scores[~planted].abs().median() < 1.5 and scores[planted].min() > 5


def test_auroc_is_the_probability_that_a_planted_example_scores_higher():
    planted = torch.tensor([True, False, True, False, False])
    assert attribution.auroc(torch.tensor([3.0, 1.0, 2.0, 0.0, 1.0]), planted) == 1
    assert attribution.auroc(-torch.tensor([3.0, 1.0, 2.0, 0.0, 1.0]), planted) == 0
    assert attribution.auroc(torch.ones(5), planted) == 0.5
    assert math.isnan(attribution.auroc(torch.ones(5), torch.zeros(5, dtype=torch.bool)))
    assert math.isnan(attribution.auroc(torch.tensor([3.0, 1.0, torch.nan, 0.0, 1.0]), planted))
    scores = torch.randint(4, (3, 40)).float()  # with ties
    planted = torch.rand(3, 40) < 0.3
    for one, is_planted, auroc in zip(scores, planted, attribution.auroc(scores, planted), strict=True):
        difference = one[is_planted][:, None] - one[~is_planted]
        higher, tied = (difference > 0).float().mean(), (difference == 0).float().mean()
        assert auroc == pytest.approx(float(higher + tied / 2))
