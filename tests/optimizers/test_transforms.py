"""Transforms equal the published updates, replica by replica, and keep their state with the optimizer's."""

import copy
from collections import deque

import pytest
import torch

from grok.checks import UserError
from grok.optimizers.adam import AdamW
from grok.optimizers.optimizer import build_optimizer
from grok.optimizers.schedule import Schedule
from grok.optimizers.transforms.clip_gradients import ClipGradients
from grok.optimizers.transforms.grokfast_ema import GrokfastEma
from grok.optimizers.transforms.grokfast_ma import GrokfastMa
from grok.optimizers.transforms.norm_constraint import NormConstraint
from grok.optimizers.transforms.transform import Transform, attach
from grok.science.landscape.norms import joint_norm
from grok.training.checkpoint import slice_replica, stack_replicas

ALPHA, AMPLIFICATION = [0.98, 0.5, 0.9], [2.0, 0.0, 5.0]
ADAMW = dict(lr=1e-2, betas=[0.9, 0.98], eps=1e-8, weight_decay=1.0)


def ema():
    return {"grokfast_ema": GrokfastEma(alpha=ALPHA, amplification=AMPLIFICATION)}


def ma():
    return {"grokfast_ma": GrokfastMa(window=7, amplification=AMPLIFICATION)}


def constraint(strength=(1.0, 1.0, 1.0)):
    return {"norm_constraint": NormConstraint(strength=strength)}


def initial_parameters(dtype=torch.float64):
    """Two parameters of three replicas."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4, 5), (3, 1, 5))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def optimizer_with(transforms, parameters, *, first_step=0):
    settings = [AdamW(**ADAMW, param_groups={})] * len(parameters[0])
    schedules = [Schedule(warmup=0, decay_until=None, final_factor=0.0)] * len(settings)
    optimizer = build_optimizer(settings, schedules, {str(n): each for n, each in enumerate(parameters)}, {})
    optimizer.next_step = first_step
    attach(transforms, optimizer, parameters, lambda: optimizer.next_step)
    return optimizer


def gradients(parameters):
    """Backpropagate a rugged function of each replica's parameters."""
    for parameter in parameters:
        parameter.grad = None
    sum((parameter.sin() * parameter.square()).sum() for parameter in parameters).backward()


def descend(optimizer, parameters, steps):
    for _ in range(steps):
        gradients(parameters)
        optimizer.step()
        optimizer.next_step += 1


def published_ema(gradient, memory, replica):
    """gradfilter_ema of the reference code."""
    alpha, lamb = ALPHA[replica], AMPLIFICATION[replica]
    memory["h"] = memory.get("h", gradient) * alpha + gradient * (1 - alpha)
    return gradient + memory["h"] * lamb


def published_ma(gradient, memory, replica):
    """gradfilter_ma of the reference code, with its default warmup=True."""
    last = memory.setdefault("last", deque(maxlen=7))
    last.append(gradient)
    return gradient + sum(last) / len(last) * AMPLIFICATION[replica] if len(last) == 7 else gradient


@pytest.mark.parametrize(("transforms", "published"), [(ema, published_ema), (ma, published_ma)])
def test_grokfast_equals_the_published_update_for_every_replica(transforms, published):
    batched = initial_parameters()
    descend(optimizer_with(transforms(), batched), batched, steps=50)
    for replica in range(3):
        alone = [each.detach()[replica].clone().requires_grad_() for each in initial_parameters()]
        reference, memories = torch.optim.AdamW(alone, **ADAMW), [{}, {}]
        for _ in range(50):
            gradients(alone)
            for parameter, memory in zip(alone, memories, strict=True):
                parameter.grad = published(parameter.grad.clone(), memory, replica)
            reference.step()
        for parameter, single in zip(batched, alone, strict=True):
            torch.testing.assert_close(parameter[replica], single, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("transforms", [ema, ma, constraint, lambda: {**ema(), **constraint(), **ma()}])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_training_goes_on_bit_equal_from_a_saved_state(transforms, precision):
    uninterrupted, resumed = initial_parameters(precision), initial_parameters(precision)
    optimizer = optimizer_with(transforms(), uninterrupted)
    descend(optimizer, uninterrupted, steps=20)
    for parameter, reached in zip(resumed, uninterrupted, strict=True):
        parameter.data.copy_(reached)
    new_optimizer = optimizer_with(transforms(), resumed, first_step=20)
    new_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, parameters in ((optimizer, uninterrupted), (new_optimizer, resumed)):
        descend(each, parameters, steps=20)
    assert all(torch.equal(one, other) for one, other in zip(uninterrupted, resumed, strict=True))


@pytest.mark.parametrize("transforms", [ema, ma, constraint])
def test_a_state_is_sliced_and_stacked_with_the_replicas(transforms):
    parameters = initial_parameters()
    optimizer = optimizer_with(transforms(), parameters)
    descend(optimizer, parameters, steps=9)
    history = {"columns": {}, "final": {}}
    saved = {"state_dict": {}, "optimizer_states": [optimizer.state_dict()], "grok": {"history": history}}
    parts = [slice_replica(saved, replica) for replica in (2, 0, 1)]
    (stacked,) = stack_replicas([parts[1], parts[2], parts[0]])["optimizer_states"]
    (name,) = transforms()
    own, restored = saved["optimizer_states"][0]["state"][name], stacked["state"][name]
    assert own and own.keys() == restored.keys()
    assert all(torch.equal(own[key], restored[key]) for key in own)
    assert all(len(each) == 1 for each in parts[0]["optimizer_states"][0]["state"][name].values() if each.dim())


def test_grokfast_comes_to_other_weights_unless_its_amplification_is_0():
    plain, transformed = initial_parameters(), initial_parameters()
    descend(optimizer_with({}, plain), plain, steps=20)
    descend(optimizer_with(ema(), transformed), transformed, steps=20)
    for one, other in zip(plain, transformed, strict=True):
        assert torch.equal(one[1], other[1]) and not torch.allclose(one[0], other[0], rtol=1e-3)


@pytest.mark.parametrize("max_norm", [1e-3, 5.0, 1e6])
def test_the_gradients_of_each_replica_are_clipped_as_torch_clips_those_of_one_network(max_norm):
    batched = initial_parameters()
    scales = torch.tensor([1.0, 10.0, 1e4])
    sum((parameter.square().sum((1, 2)) * scales).sum() for parameter in batched).backward()
    unclipped = [parameter.grad.clone() for parameter in batched]
    limits = [max_norm, 2 * max_norm, max_norm]
    ClipGradients(max_norm=limits).before_step(batched, 0)
    for replica, limit in enumerate(limits):
        alone = [torch.zeros_like(parameter[0]).requires_grad_() for parameter in batched]
        for parameter, gradient in zip(alone, unclipped, strict=True):
            parameter.grad = gradient[replica].clone()
        torch.nn.utils.clip_grad_norm_(alone, limit)
        for parameter, single in zip(batched, alone, strict=True):
            torch.testing.assert_close(parameter.grad[replica], single.grad, rtol=1e-12, atol=0)


def test_the_norm_constraint_keeps_the_norm_to_1e_6_and_a_strength_of_0_leaves_it_free():
    parameters, free = initial_parameters(torch.float32), initial_parameters(torch.float32)
    initial_norm = joint_norm(parameters).detach()
    optimizer = optimizer_with(constraint((1.0, 0.0, 1.0)), parameters)
    descend(optimizer_with({}, free), free, steps=50)
    for _ in range(50):
        descend(optimizer, parameters, steps=1)
        torch.testing.assert_close(joint_norm(parameters).detach()[::2], initial_norm[::2], rtol=1e-6, atol=0)
    assert all(torch.equal(one[1], other[1]) for one, other in zip(parameters, free, strict=True))
    assert (joint_norm(free) / initial_norm - 1).abs().min() > 1e-2


def test_transforms_apply_in_their_order():
    """Clipping after Grokfast limits the norm of what the optimizer sees; before it, it does not."""
    clip = {"clip_gradients": ClipGradients(max_norm=[1e-3] * 3)}
    norms = []
    for transforms in ({**ema(), **clip}, {**clip, **ema()}):
        parameters = initial_parameters()
        descend(optimizer_with(transforms, parameters), parameters, steps=1)
        norms.append(joint_norm([parameter.grad for parameter in parameters])[0])
    assert norms == pytest.approx([1e-3, 3e-3], rel=1e-3)


def test_a_parameter_without_a_gradient_is_left_alone():
    parameters = initial_parameters()
    transforms = {**ema(), **ma(), "clip_gradients": ClipGradients(max_norm=[1.0] * 3), **constraint()}
    optimizer = optimizer_with(transforms, parameters)
    parameters[0].square().sum().backward()
    optimizer.step()
    assert parameters[1].grad is None and not torch.equal(parameters[0], initial_parameters()[0])


def test_a_state_that_cannot_be_sliced_is_one_line_when_it_is_saved():
    for value in (3, torch.zeros(2, 4)):
        parameters, careless = initial_parameters(), Transform()
        optimizer = optimizer_with({"careless": careless}, parameters)
        careless.state["mean"] = value
        with pytest.raises(UserError, match=r"optimizer.transforms.careless: state\['mean'\] must be a tensor"):
            optimizer.state_dict()
