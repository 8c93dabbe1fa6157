"""Which mechanism a prediction used: planted predictions of another frequency are told apart."""

import math

import torch

from grok.measures import anomaly
from grok.measures.addition import on_all_pairs, pair_numbers, residues
from grok.measures.anomaly import Anomaly
from grok.records.history import History
from grok.training.build import build
from tests.conftest import ADDITION, composed
from tests.measures.test_circuit import looked_at, with_outputs

ODD = 7  # the test example whose prediction is of another frequency than all others


def test_the_profile_of_a_prediction_tells_its_mechanism_and_the_odd_one_stands_out(monkeypatch):
    monkeypatch.setattr(anomaly, "PREDICTIONS", 40)
    look = looked_at(build([composed(*ADDITION)])[0])
    answer, numbers = residues(look), pair_numbers(look, look.test)[0]
    assert len(numbers) > 40
    angle = 2 * math.pi / 23 * (answer[:, None] - torch.arange(23)).double()
    logits = 5 * torch.cos(3 * angle) + 0.1 * torch.randn(23**2, 23, dtype=torch.float64)
    wrong = (answer[numbers[ODD]] + 4) % 23
    logits[numbers[ODD]] = 5 * torch.cos(2 * math.pi / 23 * 8 * (wrong - torch.arange(23)).double())
    made = Anomaly().last(with_outputs(look, logits), History())
    found = {name: each.values[0] for name, each in made.items()}
    assert torch.equal(found["test_pair"], numbers[:40]) and found["prediction"][ODD] == wrong
    assert torch.equal(found["prediction"], logits[numbers[:40]].argmax(1))
    parts = found["prediction_contribution"].double()
    assert parts.shape == (40, 11) and parts.argmax(1).tolist() == [2] * ODD + [7] + [2] * (39 - ODD)
    torch.testing.assert_close(parts[ODD], 5 * torch.eye(11, dtype=torch.float64)[7], rtol=0, atol=5e-3)
    score = found["prediction_anomaly_score"]
    assert score.argmax() == ODD and score[ODD] > 3 * score.topk(2).values[1]


def test_whether_a_prediction_is_correct_is_that_of_its_own_example():
    look = looked_at(build([composed(*ADDITION, "task.fraction=0.9")])[0])
    made = Anomaly().last(look, History())
    right = residues(look)[made["test_pair"].values] == made["prediction"].values
    assert torch.equal(made["prediction_is_correct"].values.bool(), right)
    assert torch.equal(made["prediction"].values, on_all_pairs(look).argmax(-1).gather(1, made["test_pair"].values))
