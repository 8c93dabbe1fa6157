"""Transforms chosen in configurations: values, batches, streams, and the memory of their state."""

from itertools import combinations

import pytest

from grok.checks import UserError
from grok.sweeps.schedule import _bytes_per_replica
from grok.training.batching import shared_config
from grok.training.build import build
from tests.conftest import TINY, composed


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.transforms.clip_gradients.max_norm=0", "clip_gradients.max_norm=0: must be a number above 0"),
        ("optimizer.transforms.grokfast_ema.alpha=1", "grokfast_ema.alpha=1: must be a number at least 0 and below 1"),
        ("optimizer.transforms.grokfast_ma.window=0", "grokfast_ma.window=0: must be an integer of at least 1"),
        ("optimizer.transforms.norm_constraint.strength=2", "norm_constraint.strength=2: must be a number"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_its_key(override, message):
    name = override.split(".")[2]
    with pytest.raises(UserError, match=message):
        build([composed(*TINY, f"+optimizer/transform={name}", override)])


def test_null_turns_a_transform_off():
    configured = composed(*TINY, "+optimizer/transform=grokfast_ema", "optimizer.transforms.grokfast_ema=null")
    assert build([configured])[0].transforms == {}


def test_runs_with_their_own_strengths_and_schedules_train_in_one_batch():
    values = [(0.0, 0, 50), (2.0, 10, None)]
    configs = [
        composed(
            *TINY,
            "+optimizer/transform=grokfast_ema",
            f"optimizer.transforms.grokfast_ema.amplification={amplification}",
            f"optimizer.schedule={{warmup:{warmup},decay_until:{'null' if until is None else until}}}",
        )
        for amplification, warmup, until in values
    ]
    assert shared_config(configs[0]) == shared_config(configs[1])
    module, _ = build(configs)
    assert module.transforms["grokfast_ema"].amplification.tolist() == [0, 2]
    assert [(each.warmup, each.decay_until) for each in module.schedules] == [(0, 50), (10, None)]
    optimizer = module.configure_optimizers()
    for step, factors in ((0, [1, 0]), (25, [0.5, 1]), (50, [0, 1])):
        module.learning_rates.set_step(step)
        assert optimizer.param_groups[0]["lr"].tolist() == pytest.approx([3e-4 * each for each in factors])


def test_other_transforms_or_another_order_are_another_batch_and_another_run(run):
    chosen = ("[grokfast_ema]", "[grokfast_ema,clip_gradients]", "[clip_gradients,grokfast_ema]")
    configs = [composed(*TINY, f"+optimizer/transform={each}") for each in chosen]
    shared = [shared_config(each) for each in (composed(*TINY), *configs)]
    assert all(one != other for one, other in combinations(shared, 2))
    run("steps=3", f"+optimizer/transform={chosen[1]}")
    with pytest.raises(UserError, match=r"=\{clip_gradients, grokfast_ema\}: .* with \S+=\{grokfast_ema, clip_"):
        run("steps=5", f"+optimizer/transform={chosen[2]}")


def test_a_transform_has_the_streams_of_its_replicas():
    module, _ = build([composed(*TINY, f"seed={seed}", "+optimizer/transform=grokfast_ema") for seed in (3, 5)])
    assert [each.seed for each in module.transforms["grokfast_ema"].streams] == [3, 5]


def test_the_memory_of_a_batch_includes_the_state_of_its_transforms():
    plain, transformed = (
        _bytes_per_replica(build([composed(*TINY, *each)])[0]) for each in ([], ["+optimizer/transform=grokfast_ma"])
    )
    module, _ = build([composed(*TINY)])
    assert transformed - plain == 102 * 4 * sum(each.numel() for each in module.model.parameters())
