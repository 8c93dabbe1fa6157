"""A batched replica equals the replica trained alone."""

import pytest
import torch
from pytorch_lightning import Trainer

from grok.training.build import build
from grok.training.module import ReplicaModule
from tests.conftest import TINY, composed


def trained(*configs: dict) -> ReplicaModule:
    module, _ = build(configs)
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    Trainer(max_epochs=-1, accelerator="cpu", **off).fit(module)
    return module


TRANSFORMS = "+optimizer/transform=[clip_gradients,grokfast_ema,grokfast_ma,norm_constraint]"
SHARED_VALUES = [("seed=0",), ("seed=1", "init_scale=0.5"), ("seed=2", "init_scale=4")]
REPLICA_VALUES = [
    ("seed=0", "optimizer.lr=0.01", "optimizer.schedule.warmup=20"),
    ("seed=1", "optimizer.weight_decay=1", "optimizer.schedule.decay_until=80"),
    ("seed=2", "optimizer.betas=[0.5,0.9]", "init_scale=4"),
]
STRENGTHS = [
    ("clip_gradients.max_norm=0.1", "grokfast_ema.alpha=0.5", "norm_constraint.strength=0"),
    ("grokfast_ema.amplification=0", "grokfast_ma.amplification=1", "norm_constraint.strength=0.5"),
    ("clip_gradients.max_norm=3",),
]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("transforms", [[], [TRANSFORMS]], ids=["plain", "with transforms"])
@pytest.mark.parametrize("variants", [SHARED_VALUES, REPLICA_VALUES], ids=["shared", "per replica"])
def test_batched_equals_alone(variants, transforms, precision):
    common = (*TINY, "steps=100", f"precision={precision}", *transforms)
    strengths = STRENGTHS if transforms and variants is REPLICA_VALUES else [()] * 3
    own = [[f"optimizer.transforms.{key}" for key in keys] for keys in strengths]
    groups = "+optimizer.param_groups.last_layer.lr=1e-3"
    configs = [composed(*common, groups, *variant, *keys) for variant, keys in zip(variants, own, strict=True)]
    batched, alone = trained(*configs), [trained(config) for config in configs]
    tolerance = {"float64": dict(rtol=1e-9, atol=1e-11), "float32": dict(rtol=1e-3, atol=1e-4)}[precision]
    for replica, single in enumerate(alone):
        assert batched.history.steps == single.history.steps
        for ours, reference in zip(batched.model.parameters(), single.model.parameters(), strict=True):
            torch.testing.assert_close(ours[replica], reference[0], **tolerance)
        for name, rows in single.history.columns.items():
            for row, reference in zip(batched.history.columns[name], rows, strict=True):
                if "accuracy" not in name:
                    torch.testing.assert_close(row[replica], reference[0], **tolerance)


def test_replicas_start_from_their_own_weights_and_data_exactly():
    configs = [composed(*TINY, f"seed={seed}") for seed in range(3)]
    (batched, data), singles = build(configs), [build([config]) for config in configs]
    for replica, (single, (own,)) in enumerate(singles):
        assert torch.equal(data[replica].train.inputs, own.train.inputs)
        for ours, reference in zip(batched.model.parameters(), single.model.parameters(), strict=True):
            assert torch.equal(ours[replica], reference[0])
        assert torch.equal(batched.batches.batch(17)[0][replica], single.batches.batch(17)[0][0])


def test_the_norm_constraint_holds_during_training():
    module = trained(composed(*TINY, "steps=200", "+optimizer/transform=norm_constraint", "optimizer.weight_decay=1"))
    norms = torch.stack(module.history.columns["weight_norm"])
    torch.testing.assert_close(norms, norms[0].expand_as(norms), rtol=1e-6, atol=0)
    assert module.history.columns["train_loss"][-1] < module.history.columns["train_loss"][0]


@pytest.mark.parametrize("change", ["task.tolerance=5", "batch_size=20", "steps=77", "precision=float64"])
def test_replicas_that_differ_in_shared_keys_are_refused(change):
    with pytest.raises(ValueError, match=change.split("=")[0]):
        build([composed(*TINY), composed(*TINY, change)])


def test_training_ends_when_the_first_replica_has_grokked():
    easy = [f"task.thresholds.{part}=0.5" for part in ("memorization", "generalization")]
    common = (*TINY, "steps=3000", "stop_when_grokked=true", "task.tolerance=0.1", *easy)
    learning, still = composed(*common, "optimizer.lr=0.001"), composed(*common, "optimizer.lr=0")
    alone, batched = trained(learning), trained(learning, still)
    assert 0 < alone.step == batched.step < 3000
    assert batched.finished().tolist() == [True, False] and not batched.diverged().any()


def test_training_ends_when_the_test_loss_has_risen_in_a_row_on_the_linear_grid():
    noisy = ("task=sparse_parity", "task.n_subtasks=4", "task.n_bits=12", "task.n_train=40", "batch_size=null")
    common = (*noisy, "model.width=64", "optimizer.lr=1e-2", "steps=2000", "evaluate.every=20", "evaluate.per_decade=1")
    module = trained(composed(*common, "stop_when_overfit=5"))
    on_grid = zip(module.history.steps, module.history.columns["test_loss"], strict=True)
    losses = torch.cat([loss for step, loss in on_grid if step % 20 == 0])
    rises = losses.diff() > 0
    assert module.step < 2000 and rises[-5:].all()
    assert not any(rises[end - 5 : end].all() for end in range(5, len(rises)))  # it had not before


def test_training_ends_when_a_replica_diverges_and_the_other_is_unaffected():
    common = (*TINY, "steps=300", "optimizer=sgd")
    wild, calm = composed(*common, "optimizer.lr=1e30"), composed(*common, "optimizer.lr=0.01")
    batched, alone = trained(wild, calm), trained(calm)
    assert batched.step < 300 and batched.diverged().tolist() == [True, False] == batched.finished().tolist()
    at = alone.history.steps.index(batched.step)
    torch.testing.assert_close(batched.history.latest("train_loss")[1], alone.history.columns["train_loss"][at][0])
