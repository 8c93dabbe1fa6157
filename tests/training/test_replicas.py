"""A replica trained among others is the same as that replica trained alone."""

import pytest
import torch
from pytorch_lightning import Trainer

from grok.training.build import build
from grok.training.module import Training
from tests.conftest import TINY, composed


def trained(*configs: dict) -> Training:
    training, _ = build(configs)
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    Trainer(max_epochs=-1, accelerator="cpu", **off).fit(training)
    return training


SHARED_RATES = [("seed=0",), ("seed=1", "init_scale=0.5"), ("seed=2", "init_scale=4")]
OWN_RATES = [
    ("seed=0", "optimizer.lr=0.01"),
    ("seed=1", "optimizer.weight_decay=1"),
    ("seed=2", "optimizer.betas=[0.5,0.9]", "init_scale=4"),
]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("constrain", [False, True])
@pytest.mark.parametrize("variants", [SHARED_RATES, OWN_RATES], ids=["shared rates", "own rates"])
def test_together_equals_alone(variants, constrain, precision):
    common = (*TINY, "steps=100", f"precision={precision}", f"optimizer.constrain_norm={constrain}".lower())
    configs = [composed(*common, *variant) for variant in variants]
    together, alone = trained(*configs), [trained(config) for config in configs]
    tolerance = {"float64": dict(rtol=1e-9, atol=1e-11), "float32": dict(rtol=1e-3, atol=1e-4)}[precision]
    for replica, single in enumerate(alone):
        assert together.history.steps == single.history.steps
        for ours, reference in zip(together.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(ours[replica], reference[0], **tolerance)
        for name, rows in single.history.columns.items():
            for row, reference in zip(together.history.columns[name], rows, strict=True):
                if "accuracy" not in name:
                    torch.testing.assert_close(row[replica], reference[0], **tolerance)


def test_replicas_start_from_their_own_weights_and_data_exactly():
    configs = [composed(*TINY, f"seed={seed}") for seed in range(3)]
    (together, data), singles = build(configs), [build([config]) for config in configs]
    for replica, (single, (own,)) in enumerate(singles):
        assert torch.equal(data[replica].train.inputs, own.train.inputs)
        for ours, reference in zip(together.model.parameters(), single.model.parameters(), strict=True):
            assert torch.equal(ours[replica], reference[0])
        assert torch.equal(together.feed.batch(17)[0][replica], single.feed.batch(17)[0][0])


def test_the_norm_constraint_is_kept_while_training():
    training = trained(composed(*TINY, "steps=200", "optimizer.constrain_norm=true", "optimizer.weight_decay=1"))
    norms = torch.stack(training.history.columns["weight_norm"])
    torch.testing.assert_close(norms, norms[0].expand_as(norms), rtol=1e-6, atol=0)
    assert training.history.columns["train_loss"][-1] < training.history.columns["train_loss"][0]


@pytest.mark.parametrize("change", ["task.tolerance=5", "batch_size=20", "steps=77", "precision=float64"])
def test_replicas_that_differ_in_more_than_their_own_keys_are_refused(change):
    with pytest.raises(ValueError, match=change.split("=")[0]):
        build([composed(*TINY), composed(*TINY, change)])


def test_training_ends_when_the_first_replica_has_grokked():
    easy = [f"task.thresholds.{part}=0.5" for part in ("memorization", "generalization")]
    common = (*TINY, "steps=3000", "stop_when_grokked=true", "task.tolerance=0.1", *easy)
    learning, still = composed(*common, "optimizer.lr=0.001"), composed(*common, "optimizer.lr=0")
    alone, together = trained(learning), trained(learning, still)
    assert 0 < alone.step == together.step < 3000
    assert together.finished().tolist() == [True, False] and not together.diverged().any()


def test_training_ends_when_a_replica_has_no_finite_loss_and_the_other_is_unharmed():
    common = (*TINY, "steps=300", "optimizer=sgd")
    wild, calm = composed(*common, "optimizer.lr=1e30"), composed(*common, "optimizer.lr=0.01")
    together, alone = trained(wild, calm), trained(calm)
    assert together.step < 300 and together.diverged().tolist() == [True, False] == together.finished().tolist()
    at = alone.history.steps.index(together.step)
    torch.testing.assert_close(together.history.latest("train_loss")[1], alone.history.columns["train_loss"][at][0])
