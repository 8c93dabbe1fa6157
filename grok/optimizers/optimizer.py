"""The base of all optimizers: the settings of each replica, from which one optimizer for all replicas is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from grok.checks import UserError
from grok.optimizers.schedule import Schedule

ParamGroups = Mapping[str, str]  # names of parts of a model → prefixes of their parameters' names


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with the same hyperparameters, and the settings of each replica."""

    parameters: list[Tensor]
    settings: list[Any]


class ReplicaOptimizer(torch.optim.Optimizer, ABC):
    """An optimizer with hyperparameters of each replica."""

    @abstractmethod
    def compile(self) -> None:
        """Compile its step, if that makes it faster."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings(ABC):
    """The rule of an optimizer, and the hyperparameters of one replica.

    `param_groups` sets hyperparameters of named parts of the model: {part: {hyperparameter: value}}.
    """

    per_replica_keys: ClassVar[Collection[str]] = ("param_groups.*.*",)  # with the hyperparameters of the rule
    param_groups: Mapping[str, Mapping[str, Any]]

    @abstractmethod
    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        """torch's own optimizer, for replicas with the same hyperparameters in each group."""

    @abstractmethod
    def per_replica(self, groups: Sequence[ParameterGroup]) -> ReplicaOptimizer:
        """An optimizer with the same rule and hyperparameters of each replica. Its state has torch's names."""

    def validate_param_groups(self) -> None:
        """Validate the names and values of the groups' hyperparameters.

        Raises:
            UserError: a name is not a hyperparameter, or a value is not allowed.
        """
        groups = self.param_groups
        if not isinstance(groups, Mapping) or not all(isinstance(each, Mapping) for each in groups.values()):
            raise UserError(
                f"optimizer.param_groups={groups}: must map groups to hyperparameters, {{group: {{lr: …}}}}"
            )
        allowed = [name for name in self.per_replica_keys if "." not in name]
        for group, values in groups.items():
            for name in values:
                if name not in allowed:
                    raise UserError(f"optimizer.param_groups.{group}.{name}: must be one of {', '.join(allowed)}")
            self.for_group(group)

    def for_group(self, group: str | None) -> Any:
        """The settings in a group; None: outside all groups."""
        values = self.param_groups[group] if group else {}
        return replace(self, **{**values, "param_groups": {}})


def build_optimizer(
    settings: Sequence[OptimizerSettings],
    schedules: Sequence[Schedule],
    parameters: Mapping[str, Tensor],
    param_groups: ParamGroups,
) -> torch.optim.Optimizer:
    """One optimizer for all replicas, which have settings and schedules of their own.

    Loading a state restores the optimizer's moments, never its hyperparameters, which come from the settings.

    Raises:
        UserError: the replicas differ in more than their hyperparameters, or name a part that the model lacks.
    """
    first = settings[0]
    if len({(type(each), tuple(each.param_groups)) for each in settings}) > 1:
        raise UserError("optimizer: batched replicas must share the optimizer and the names of its param_groups")
    unknown = set(first.param_groups) - set(param_groups)
    if unknown:
        available = ", ".join(param_groups) or "(none)"
        raise UserError(f"optimizer.param_groups.{min(unknown)}: this model has the groups {available}")
    groups = [
        ParameterGroup([parameters[name] for name in names], [each.for_group(group) for each in settings])
        for group, names in names_by_group([*parameters], first.param_groups, param_groups).items()
        if names or group
    ]
    are_equal = all(each == schedules[0] for each in schedules) and all(
        each == group.settings[0] for group in groups for each in group.settings
    )
    optimizer = first.shared(groups) if are_equal else first.per_replica(groups)
    optimizer.register_load_state_dict_pre_hook(_keep_hyperparameters)
    return optimizer


def names_by_group(
    names: Sequence[str], groups: Iterable[str], param_groups: ParamGroups
) -> dict[str | None, list[str]]:
    """The names of the parameters in the order of the optimizer: those outside all groups (None), then each group's."""
    group_of = {name: group for group in groups for name in names if name.startswith(param_groups[group])}
    return {group: [name for name in names if group_of.get(name) == group] for group in (None, *groups)}


def _keep_hyperparameters(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "param_groups": optimizer.state_dict()["param_groups"]}


def torch_param_groups(groups: Sequence[ParameterGroup], *names: str) -> list[dict[str, Any]]:
    """The groups as torch's optimizers take them, with the named hyperparameters, which all replicas share."""
    return [{"params": each.parameters, **{name: getattr(each.settings[0], name) for name in names}} for each in groups]
