"""Frequency contributions to predictions: a prediction planted at another frequency stands out."""

import math

import torch

from grok.measures import anomaly
from grok.measures.addition import logits_of_all_pairs, pair_indices, residues
from grok.measures.anomaly import Anomaly
from grok.records.history import History
from grok.training.build import build
from tests.conftest import ADDITION, composed
from tests.measures.snapshots import snapshot_of, with_logits

ODD = 7  # the test example with a prediction at another frequency than all others


def test_the_contributions_of_a_prediction_show_its_mechanism_and_an_unusual_one_stands_out(monkeypatch):
    monkeypatch.setattr(anomaly, "MAX_PREDICTIONS", 40)
    snapshot = snapshot_of(build([composed(*ADDITION)])[0])
    answer, indices = residues(snapshot), pair_indices(snapshot, snapshot.test)[0]
    assert len(indices) > 40
    angle = 2 * math.pi / 23 * (answer[:, None] - torch.arange(23)).double()
    logits = 5 * torch.cos(3 * angle) + 0.1 * torch.randn(23**2, 23, dtype=torch.float64)
    wrong = (answer[indices[ODD]] + 4) % 23
    logits[indices[ODD]] = 5 * torch.cos(2 * math.pi / 23 * 8 * (wrong - torch.arange(23)).double())
    quantities = Anomaly().finalize(with_logits(snapshot, logits), History())
    values = {name: each.values[0] for name, each in quantities.items()}
    assert torch.equal(values["test_pair"], indices[:40]) and values["prediction"][ODD] == wrong
    assert torch.equal(values["prediction"], logits[indices[:40]].argmax(1))
    contributions = values["prediction_contribution"].double()
    assert contributions.shape == (40, 11)
    assert contributions.argmax(1).tolist() == [2] * ODD + [7] + [2] * (39 - ODD)
    planted = 5 * torch.eye(11, dtype=torch.float64)[7]
    torch.testing.assert_close(contributions[ODD], planted, rtol=0, atol=5e-3)
    score = values["prediction_anomaly_score"]
    assert score.argmax() == ODD and score[ODD] > 3 * score.topk(2).values[1]


def test_predictions_and_their_correctness_belong_to_the_recorded_pairs():
    snapshot = snapshot_of(build([composed(*ADDITION, "task.fraction=0.9")])[0])
    quantities = Anomaly().finalize(snapshot, History())
    pairs, predictions = quantities["test_pair"].values, quantities["prediction"].values
    is_correct = residues(snapshot)[pairs] == predictions
    assert torch.equal(quantities["prediction_is_correct"].values.bool(), is_correct)
    assert torch.equal(predictions, logits_of_all_pairs(snapshot).argmax(-1).gather(1, pairs))
