"""The base of all transforms: changes of gradients before an optimizer's step, and of parameters after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from grok.checks import UserError
from grok.optimizers.broadcasting import broadcast_to_parameter
from grok.random_streams import RandomStreams


class Transform:
    """Changes gradients before an optimizer's step, or parameters after it. It overrides one of the methods, or both.

    The constructor takes the keys of the transform's YAML; those in `per_replica_keys` are lists with one value per
    replica. Both methods get the step from `step` to `step + 1`, which the optimizer makes between them.

    What a transform remembers must be in `state`, which is saved with the optimizer's state, so that a run resumes as
    if it had not been interrupted. Its tensors are [replica, …], or have no axes if all replicas share the value.

    Random numbers come from `streams[replica].generator(name, step, device)`, with a name of the transform's own.
    """

    per_replica_keys: ClassVar[Collection[str]] = ()  # keys with one value per replica
    needs_float64: ClassVar[bool] = False  # whether the run must not use a device without float64
    streams: Sequence[RandomStreams] = ()  # of each replica; set before training

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}
        self._shaped: dict[tuple[Any, ...], Tensor] = {}

    @property
    def state_copies(self) -> int:
        """The size of the state in copies of the parameters, from which the memory of a batch is estimated."""
        return 0

    def before_step(self, parameters: Sequence[Tensor], step: int) -> None:
        """Change the gradients of all parameters [replica, …], in place; a parameter's `grad` may be None."""

    def after_step(self, parameters: Sequence[Tensor], step: int) -> None:
        """Change all parameters [replica, …], in place."""

    def shaped(self, values: Tensor, parameter: Tensor) -> Tensor:
        """Values [replica], which must not change, shaped and typed to multiply a parameter [replica, …]."""
        key = (id(values), parameter.dim(), parameter.dtype, parameter.device)
        if key not in self._shaped:
            self._shaped[key] = broadcast_to_parameter(values, parameter)
        return self._shaped[key]


def gradients(parameters: Sequence[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """The number and the gradient of each parameter that has one."""
    return ((number, each.grad) for number, each in enumerate(parameters) if each.grad is not None)


def attach(
    transforms: Mapping[str, Transform],
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
    current_step: Callable[[], int],
) -> None:
    """Let the optimizer apply the transforms in their order around each step, and keep their state in its state.

    Raises:
        UserError: when the state is saved, an entry of it is no tensor [replica, …].
    """
    if not transforms:
        return

    @torch.no_grad()
    def before_step(*_: Any) -> None:
        for transform in transforms.values():
            transform.before_step(parameters, current_step())

    @torch.no_grad()
    def after_step(*_: Any) -> None:
        for transform in transforms.values():
            transform.after_step(parameters, current_step())

    def save(_: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        return {**state, "state": {**state["state"], **_states(transforms, n_replicas=len(parameters[0]))}}

    def load(_: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        for name, transform in transforms.items():
            saved, device = state["state"].get(name, {}), parameters[0].device
            transform.state = {key: each.to(device if each.dim() else "cpu", copy=True) for key, each in saved.items()}
        others = {key: value for key, value in state["state"].items() if key not in transforms}
        return {**state, "state": others}

    optimizer.register_step_pre_hook(before_step)
    optimizer.register_step_post_hook(after_step)
    optimizer.register_state_dict_post_hook(save)
    optimizer.register_load_state_dict_pre_hook(load)


def _states(transforms: Mapping[str, Transform], *, n_replicas: int) -> dict[str, dict[str, Tensor]]:
    """The states of the transforms that have one.

    Raises:
        UserError: an entry is no tensor [replica, …].
    """
    for name, transform in transforms.items():
        for key, value in transform.state.items():
            if not isinstance(value, Tensor) or (value.dim() and len(value) != n_replicas):
                raise UserError(f"optimizer.transforms.{name}: state[{key!r}] must be a tensor [replica, …]")
    return {name: dict(transform.state) for name, transform in transforms.items() if transform.state}
