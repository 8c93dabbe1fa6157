"""Per-replica optimisers are torch's optimisers, each replica with its own rates."""

import copy

import pytest
import torch

from grok.checks import UserError
from grok.optimizers.adam import Adam, AdamW
from grok.optimizers.norm_constraint import NormConstraint
from grok.optimizers.optimizer import Warmup, build, clip
from grok.optimizers.sgd import Sgd
from grok.science.norms import joint_norm

ADAM = [
    dict(
        lr=1e-2,
        betas=[0.9, 0.999],
        eps=1e-8,
        weight_decay=0.0,
        constrain_norm=False,
        clip_norm=None,
        warmup=0,
        parts={},
    ),
    dict(
        lr=3e-3, betas=[0.9, 0.98], eps=1e-8, weight_decay=1.0, constrain_norm=False, clip_norm=None, warmup=0, parts={}
    ),
    dict(
        lr=1e-3, betas=[0.5, 0.9], eps=1e-4, weight_decay=0.1, constrain_norm=False, clip_norm=None, warmup=0, parts={}
    ),
]
SGD = [
    dict(lr=1e-2, momentum=0.0, weight_decay=0.0, constrain_norm=False, clip_norm=None, warmup=0, parts={}),
    dict(lr=3e-3, momentum=0.9, weight_decay=0.1, constrain_norm=False, clip_norm=None, warmup=0, parts={}),
    dict(lr=1e-2, momentum=0.5, weight_decay=1.0, constrain_norm=False, clip_norm=None, warmup=0, parts={}),
]

NOT_TORCHS = ("constrain_norm", "clip_norm", "warmup", "parts")


def descend(optimizer, parameters, steps=200):
    """Follow the gradient of a rugged function of each replica alone."""
    for _ in range(steps):
        optimizer.zero_grad()
        sum((parameter.sin() * parameter.square()).sum() for parameter in parameters).backward()
        optimizer.step()


def named(parameters):
    return {str(number): parameter for number, parameter in enumerate(parameters)}


def start():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 4, 5), (3, 1, 5))]


@pytest.mark.parametrize(
    ("kind", "theirs", "rates"),
    [(AdamW, torch.optim.AdamW, ADAM), (Adam, torch.optim.Adam, ADAM), (Sgd, torch.optim.SGD, SGD)],
)
def test_200_steps_equal_torchs_for_every_replica(kind, theirs, rates):
    together = [parameter.requires_grad_() for parameter in start()]
    descend(build([kind(**each) for each in rates], named(together), {}), together)
    for replica, each in enumerate(rates):
        alone = [parameter[replica].clone().requires_grad_() for parameter in start()]
        arguments = {name: value for name, value in each.items() if name not in NOT_TORCHS}
        descend(theirs(alone, **arguments), alone)
        for ours, reference in zip(together, alone, strict=True):
            torch.testing.assert_close(ours[replica], reference, rtol=1e-10, atol=1e-12)


def test_a_checkpoint_holds_the_state_of_the_replicas_and_not_their_rates():
    straight, resumed = ([parameter.requires_grad_() for parameter in start()] for _ in range(2))
    optimizer = build([AdamW(**each) for each in ADAM], named(straight), {})
    descend(optimizer, straight, steps=20)
    for parameter, reached in zip(resumed, straight, strict=True):
        parameter.data.copy_(reached)
    again = build([AdamW(**each) for each in ADAM], named(resumed), {})
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert again.param_groups[0]["lr"].tolist() == [each["lr"] for each in ADAM]
    descend(optimizer, straight, steps=5)
    descend(again, resumed, steps=5)
    assert all(torch.equal(one, other) for one, other in zip(straight, resumed, strict=True))


def test_replicas_that_share_their_rates_get_torchs_fused_optimiser():
    parameters = [parameter.requires_grad_() for parameter in start()]
    optimizer = build([AdamW(**ADAM[1])] * 3, named(parameters), {})
    assert type(optimizer) is torch.optim.AdamW and optimizer.defaults["fused"]


@pytest.mark.parametrize("rates", [ADAM, [ADAM[1]] * 3], ids=["own rates", "shared rates"])
def test_a_part_has_rates_of_its_own(rates):
    together = [parameter.requires_grad_() for parameter in start()]
    settings = [AdamW(**{**each, "parts": {"last": {"lr": 1e-4, "weight_decay": 2.0}}}) for each in rates]
    descend(build(settings, named(together), {"last": "1"}), together)
    for replica, each in enumerate(rates):
        alone = [parameter[replica].clone().requires_grad_() for parameter in start()]
        arguments = {name: value for name, value in each.items() if name not in NOT_TORCHS}
        groups = [{"params": [alone[0]]}, {"params": [alone[1]], "lr": 1e-4, "weight_decay": 2.0}]
        descend(torch.optim.AdamW(groups, **arguments), alone)
        for ours, reference in zip(together, alone, strict=True):
            torch.testing.assert_close(ours[replica], reference, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rates", [ADAM, [ADAM[1]] * 3], ids=["own rates", "shared rates"])
def test_the_warm_up_is_torchs_lambda_lr(rates):
    """min(step / 10, 1), so that the first step moves nothing (the reference code of Nanda et al. 2023)."""
    together = [parameter.requires_grad_() for parameter in start()]
    optimizer = build([AdamW(**{**each, "warmup": 10}) for each in rates], named(together), {})
    warm_up = Warmup(optimizer, 10)
    for step in range(30):
        warm_up(step)
        descend(optimizer, together, steps=1)
        if step == 0:
            assert all(torch.equal(ours, first) for ours, first in zip(together, start(), strict=True))
    for replica, each in enumerate(rates):
        alone = [parameter[replica].clone().requires_grad_() for parameter in start()]
        arguments = {name: value for name, value in each.items() if name not in NOT_TORCHS}
        reference = torch.optim.AdamW(alone, **arguments)
        schedule = torch.optim.lr_scheduler.LambdaLR(reference, lambda step: min(step / 10, 1))
        for _ in range(30):
            descend(reference, alone, steps=1)
            schedule.step()
        for ours, theirs in zip(together, alone, strict=True):
            torch.testing.assert_close(ours[replica], theirs, rtol=1e-10, atol=1e-12)


def test_a_part_that_the_model_or_a_rate_that_the_optimiser_does_not_have_is_named():
    with pytest.raises(UserError, match=r"optimizer.parts.first: this model has the parts last"):
        build([AdamW(**{**ADAM[0], "parts": {"first": {"lr": 1.0}}})], named(start()), {"last": "1"})
    with pytest.raises(UserError, match=r"optimizer.parts.last.speed: no rate of this optimiser; lr, betas, eps"):
        AdamW(**{**ADAM[0], "parts": {"last": {"speed": 1.0}}})


@pytest.mark.parametrize("one", [True, False])
def test_the_state_goes_between_torchs_optimiser_and_ours(one):
    """What a replica gathered among others serves it alone, and the other way about."""
    settings = [AdamW(**{**ADAM[1], "lr": lr}) for lr in (3e-3, 3e-3, 1e-3)]
    ours, theirs = ([parameter.requires_grad_() for parameter in start()] for _ in range(2))
    kinds = (build(settings, named(ours), {}), build([settings[0]] * 3, named(theirs), {}))
    for optimizer, parameters in zip(kinds, (ours, theirs), strict=True):
        descend(optimizer, parameters, steps=20)
    giver, taker = kinds if one else kinds[::-1]
    taker.load_state_dict(copy.deepcopy(giver.state_dict()))
    for parameter, given in zip(*((theirs, ours) if one else (ours, theirs)), strict=True):
        parameter.data.copy_(given.detach())
    for optimizer, parameters in zip(kinds, (ours, theirs), strict=True):
        descend(optimizer, parameters, steps=20)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine[0], other[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("limit", [1e-3, 5.0, 1e6])
def test_a_replicas_gradients_are_clipped_as_torch_clips_those_of_one_network(limit):
    together = [parameter.requires_grad_() for parameter in start()]
    sizes = torch.tensor([1.0, 10.0, 1e4])
    sum((parameter.square().sum((1, 2)) * sizes).sum() for parameter in together).backward()
    expected = [parameter.grad.clone() for parameter in together]
    clip(together, limit)
    for replica in range(3):
        alone = [torch.zeros_like(parameter[0]).requires_grad_() for parameter in together]
        for parameter, gradient in zip(alone, expected, strict=True):
            parameter.grad = gradient[replica].clone()
        torch.nn.utils.clip_grad_norm_(alone, limit)
        for ours, reference in zip(together, alone, strict=True):
            torch.testing.assert_close(ours.grad[replica], reference.grad, rtol=1e-12, atol=0)


@pytest.mark.parametrize("given", [0, -1.0, "five", True])
def test_a_limit_of_the_gradients_that_is_none_is_named(given):
    with pytest.raises(UserError, match=rf"optimizer.clip_norm={given}: must be a number above 0"):
        AdamW(**{**ADAM[0], "clip_norm": given})


def test_the_norm_constraint_holds_to_1e_6():
    parameters = [parameter.float().requires_grad_() for parameter in start()]
    before = joint_norm(parameters).detach()
    constraint, optimizer = NormConstraint(parameters), build([AdamW(**each) for each in ADAM], named(parameters), {})
    for _ in range(50):
        descend(optimizer, parameters, steps=1)
        assert (joint_norm(parameters) / before - 1).abs().max() > 1e-4  # the step does move the norm
        constraint.restore()
        torch.testing.assert_close(joint_norm(parameters).detach(), before, rtol=1e-6, atol=0)


def test_replicas_of_different_optimisers_cannot_train_side_by_side():
    with pytest.raises(UserError, match="must share the optimiser"):
        build([AdamW(**ADAM[0]), Sgd(**SGD[0])], named(start()), {})
