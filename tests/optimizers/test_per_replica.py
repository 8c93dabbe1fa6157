"""Per-replica optimizers equal torch's optimizers, with the hyperparameters of each replica."""

import copy

import pytest
import torch

from grok.checks import UserError
from grok.optimizers.adam import Adam, AdamW
from grok.optimizers.fused_adam import FusedAdam
from grok.optimizers.optimizer import build_optimizer
from grok.optimizers.schedule import LearningRates, Schedule
from grok.optimizers.sgd import Sgd

OURS = dict(param_groups={})  # settings that torch does not have
CONSTANT = Schedule(warmup=0, decay_until=None, final_factor=0.0)
ADAM = [
    dict(lr=1e-2, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.0),
    dict(lr=3e-3, betas=[0.9, 0.98], eps=1e-8, weight_decay=1.0),
    dict(lr=1e-3, betas=[0.5, 0.9], eps=1e-4, weight_decay=0.1),
]
SGD = [
    dict(lr=1e-2, momentum=0.0, weight_decay=0.0),
    dict(lr=3e-3, momentum=0.9, weight_decay=0.1),
    dict(lr=1e-2, momentum=0.5, weight_decay=1.0),
]
HYPERPARAMETERS = pytest.mark.parametrize(
    "hyperparameters", [ADAM, [ADAM[1]] * 3], ids=["own hyperparameters", "shared hyperparameters"]
)


def adamw(hyperparameters, **changes):
    return AdamW(**OURS | hyperparameters | changes)


def built(settings, parameters, param_groups=None, schedules=None):
    schedules = schedules or [CONSTANT] * len(settings)
    return build_optimizer(settings, schedules, named(parameters), param_groups or {})


def descend(optimizer, parameters, steps=200):
    """Minimize a rugged function of each replica's parameters."""
    for _ in range(steps):
        optimizer.zero_grad()
        sum((parameter.sin() * parameter.square()).sum() for parameter in parameters).backward()
        optimizer.step()


def named(parameters):
    return {str(number): parameter for number, parameter in enumerate(parameters)}


def initial_parameters():
    """Two parameters of three replicas."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4, 5), (3, 1, 5))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def initial_parameters_of(replica):
    return [parameter.detach()[replica].clone().requires_grad_() for parameter in initial_parameters()]


@pytest.mark.parametrize(
    ("settings", "reference", "hyperparameters"),
    [(AdamW, torch.optim.AdamW, ADAM), (Adam, torch.optim.Adam, ADAM), (Sgd, torch.optim.SGD, SGD)],
)
def test_200_steps_equal_those_of_torch_for_every_replica(settings, reference, hyperparameters):
    batched = initial_parameters()
    descend(built([settings(**OURS | each) for each in hyperparameters], batched), batched)
    for replica, each in enumerate(hyperparameters):
        alone = initial_parameters_of(replica)
        descend(reference(alone, **each), alone)
        for parameter, single in zip(batched, alone, strict=True):
            torch.testing.assert_close(parameter[replica], single, rtol=1e-10, atol=1e-12)


def test_a_loaded_state_restores_the_moments_but_not_the_hyperparameters():
    uninterrupted, resumed = initial_parameters(), initial_parameters()
    optimizer = built([adamw(each) for each in ADAM], uninterrupted)
    descend(optimizer, uninterrupted, steps=20)
    for parameter, reached in zip(resumed, uninterrupted, strict=True):
        parameter.data.copy_(reached)
    new_optimizer = built([adamw(each) for each in ADAM], resumed)
    new_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert new_optimizer.param_groups[0]["lr"].tolist() == [each["lr"] for each in ADAM]
    descend(optimizer, uninterrupted, steps=5)
    descend(new_optimizer, resumed, steps=5)
    assert all(torch.equal(one, other) for one, other in zip(uninterrupted, resumed, strict=True))


def test_replicas_with_equal_hyperparameters_use_torchs_fused_optimizer():
    optimizer = built([adamw(ADAM[1])] * 3, initial_parameters())
    assert type(optimizer) is FusedAdam and optimizer.defaults["fused"]


@HYPERPARAMETERS
def test_a_parameter_group_has_its_own_hyperparameters(hyperparameters):
    batched = initial_parameters()
    group = {"lr": 1e-4, "weight_decay": 2.0}
    settings = [adamw(each, param_groups={"last": group}) for each in hyperparameters]
    descend(built(settings, batched, {"last": "1"}), batched)
    for replica, each in enumerate(hyperparameters):
        alone = initial_parameters_of(replica)
        descend(torch.optim.AdamW([{"params": [alone[0]]}, {"params": [alone[1]], **group}], **each), alone)
        for parameter, single in zip(batched, alone, strict=True):
            torch.testing.assert_close(parameter[replica], single, rtol=1e-10, atol=1e-12)


@HYPERPARAMETERS
def test_the_warm_up_equals_torchs_lambda_lr(hyperparameters):
    """min(step / 10, 1), so that the first step changes nothing (the reference code of Nanda et al. 2023)."""
    batched, schedules = initial_parameters(), [Schedule(warmup=10, decay_until=None, final_factor=0.0)] * 3
    train_with(schedules, hyperparameters, batched, steps=1)
    assert all(torch.equal(parameter, first) for parameter, first in zip(batched, initial_parameters(), strict=True))
    train_with(schedules, hyperparameters, batched := initial_parameters(), steps=30)
    for replica, each in enumerate(hyperparameters):
        alone = initial_parameters_of(replica)
        reference = torch.optim.AdamW(alone, **each)
        schedule = torch.optim.lr_scheduler.LambdaLR(reference, lambda step: min(step / 10, 1))
        follow(reference, schedule, alone)
        for parameter, single in zip(batched, alone, strict=True):
            torch.testing.assert_close(parameter[replica], single, rtol=1e-10, atol=1e-12)


@HYPERPARAMETERS
def test_the_cosine_decay_equals_torchs_and_each_replica_has_its_own(hyperparameters):
    lengths, final = (20, 25, 30), 0.1
    schedules = [Schedule(warmup=0, decay_until=length, final_factor=final) for length in lengths]
    train_with(schedules, hyperparameters, batched := initial_parameters(), steps=30)
    for replica, (each, length) in enumerate(zip(hyperparameters, lengths, strict=True)):
        alone = initial_parameters_of(replica)
        reference = torch.optim.AdamW(alone, **each)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(reference, length, eta_min=final * each["lr"])
        follow(reference, cosine, alone, steps=length)
        reference.param_groups[0]["lr"] = final * each["lr"]
        descend(reference, alone, steps=30 - length)
        for parameter, single in zip(batched, alone, strict=True):
            torch.testing.assert_close(parameter[replica], single, rtol=1e-9, atol=1e-11)


def train_with(schedules, hyperparameters, parameters, *, steps):
    optimizer = built([adamw(each) for each in hyperparameters], parameters, schedules=schedules)
    rates = LearningRates(optimizer, schedules)
    for step in range(steps):
        rates.set_step(step)
        descend(optimizer, parameters, steps=1)


def follow(optimizer, schedule, parameters, steps=30):
    for _ in range(steps):
        descend(optimizer, parameters, steps=1)
        schedule.step()


def test_a_decay_follows_the_warm_up():
    schedule = Schedule(warmup=10, decay_until=30, final_factor=0.2)
    assert [schedule.factor(step) for step in (0, 5, 10, 20, 30, 99)] == pytest.approx([0, 0.5, 1, 0.6, 0.2, 0.2])
    with pytest.raises(UserError, match="decay_until=10: must be above"):
        Schedule(warmup=10, decay_until=10, final_factor=0.0)


def test_an_unknown_group_or_hyperparameter_is_an_error_that_names_the_allowed_ones():
    settings = [adamw(ADAM[0], param_groups={"first": {"lr": 1.0}})]
    with pytest.raises(UserError, match=r"optimizer.param_groups.first: this model has the groups last"):
        built(settings, initial_parameters(), {"last": "1"})
    with pytest.raises(UserError, match=r"optimizer.param_groups.last.speed: must be one of lr, betas, eps"):
        adamw(ADAM[0], param_groups={"last": {"speed": 1.0}})


@pytest.mark.parametrize("from_torch", [True, False])
def test_the_states_of_torchs_optimizer_and_of_ours_are_interchangeable(from_torch):
    """A state from batched replicas continues a replica alone, and the other way round."""
    settings = [adamw(ADAM[1], lr=lr) for lr in (3e-3, 3e-3, 1e-3)]
    per_replica, shared = initial_parameters(), initial_parameters()
    optimizers = (
        built(settings, per_replica),
        built([settings[0]] * 3, shared),
    )
    for optimizer, parameters in zip(optimizers, (per_replica, shared), strict=True):
        descend(optimizer, parameters, steps=20)
    (target, source), (target_parameters, source_parameters) = optimizers, (per_replica, shared)
    if not from_torch:
        target, source, target_parameters, source_parameters = source, target, source_parameters, target_parameters
    target.load_state_dict(copy.deepcopy(source.state_dict()))
    for parameter, value in zip(target_parameters, source_parameters, strict=True):
        parameter.data.copy_(value.detach())
    for optimizer, parameters in zip(optimizers, (per_replica, shared), strict=True):
        descend(optimizer, parameters, steps=20)
    for one, other in zip(per_replica, shared, strict=True):
        torch.testing.assert_close(one[0], other[0], rtol=1e-10, atol=1e-12)


def test_replicas_with_different_optimizers_cannot_be_batched():
    with pytest.raises(UserError, match="must share the optimizer"):
        built([adamw(ADAM[0]), Sgd(**OURS | SGD[0])], initial_parameters())


@pytest.mark.parametrize("rule", [Adam, AdamW])
def test_torchs_own_steps_are_equal_and_a_loaded_state_is_used(rule):
    own = {key: value for key, value in ADAM[1].items() if key != "param_groups"}
    ours, theirs = initial_parameters(), initial_parameters()
    optimizer = built([rule(**OURS | ADAM[1])] * 3, ours)
    reference = getattr(torch.optim, rule.__name__)(theirs, **own, fused=True)
    for _ in range(2):
        descend(optimizer, ours, steps=20)
        descend(reference, theirs, steps=20)
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # new tensors


@pytest.mark.parametrize("rule", [Adam, AdamW])
def test_compiled_steps_equal_eager_ones(rule):
    eager, compiled = initial_parameters(), initial_parameters()
    descend(built([rule(**OURS | each) for each in ADAM], eager), eager)
    optimizer = built([rule(**OURS | each) for each in ADAM], compiled)
    optimizer.compile()
    descend(optimizer, compiled)
    for one, other in zip(eager, compiled, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
