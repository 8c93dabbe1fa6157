"""The state of an optimizer with its transforms as named tensors, independent of the order of its parameters.

`<parameter>/<name>` is a tensor of a parameter, such as `embed.weight/exp_avg`, and `transforms/<transform>/<name>` one
of a transform. A value without axes, which replicas share, has `shared/` before its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

SHARED, TRANSFORMS = "shared/", "transforms/"


def parameter_order(optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor]) -> list[str]:
    """The names of the parameters in the order of the optimizer, by which its state numbers them."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    return [names[id(each)] for group in optimizer.param_groups for each in group["params"]]


def to_named(state: Mapping[Any, Mapping[str, Tensor]], order: Sequence[str]) -> dict[str, Tensor]:
    """The named tensors of an optimizer's `state_dict()["state"]`."""
    named: dict[str, Tensor] = {}
    for key, values in state.items():
        owner = order[key] if isinstance(key, int) else f"{TRANSFORMS}{key}"
        named |= {f"{'' if value.dim() else SHARED}{owner}/{name}": value for name, value in values.items()}
    return named


def from_named(named: Mapping[str, Tensor], order: Sequence[str]) -> dict[Any, dict[str, Tensor]]:
    """The optimizer's state, the inverse of `to_named`."""
    state: dict[Any, dict[str, Tensor]] = {}
    for path, value in named.items():
        owner, _, name = path.removeprefix(SHARED).rpartition("/")
        key = owner.removeprefix(TRANSFORMS) if owner.startswith(TRANSFORMS) else order.index(owner)
        state.setdefault(key, {})[name] = value
    return state
