"""From the optimizer settings of each replica to one optimizer over parameters that lead with the replica axis."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from grok.checks import UserError, check_float
from grok.science.landscape.norms import joint_norm

ParamGroups = Mapping[str, str]  # names of parts of a model → prefixes of their parameters' names


class OptimizerSettings(Protocol):
    """One replica's optimizer settings: a frozen dataclass.

    `param_groups` sets hyperparameters of named parts of the model: {part: {hyperparameter: value}}.
    """

    per_replica_keys: ClassVar[Collection[str]]
    constrain_norm: bool
    clip_norm: float | None
    warmup: int
    param_groups: Mapping[str, Mapping[str, Any]]

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        """torch's own optimizer, for replicas with the same hyperparameters in each group."""

    def per_replica(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        """An optimizer with the same rule and hyperparameters of each replica. Its state has torch's names."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with the same hyperparameters, and the settings of each replica."""

    parameters: list[Tensor]
    settings: list[Any]


def build_optimizer(
    settings: Sequence[Any], parameters: Mapping[str, Tensor], param_groups: ParamGroups
) -> torch.optim.Optimizer:
    """One optimizer for all replicas; `settings[r]` are those of replica r.

    Loading a state restores the optimizer's moments, never its hyperparameters, which come from the settings.

    Raises:
        UserError: the replicas differ in more than their hyperparameters, or name a part that the model lacks.
    """
    first = settings[0]
    shared = {(type(s), s.constrain_norm, s.clip_norm, s.warmup, tuple(s.param_groups)) for s in settings}
    if len(shared) > 1:
        raise UserError(
            "optimizer: batched replicas must share the optimizer, constrain_norm, clip_norm, warmup and param_groups"
        )
    unknown = set(first.param_groups) - set(param_groups)
    if unknown:
        available = ", ".join(param_groups) or "(none)"
        raise UserError(f"optimizer.param_groups.{min(unknown)}: this model has the groups {available}")
    group_of = {
        name: group for group in first.param_groups for name in parameters if name.startswith(param_groups[group])
    }
    rest = [parameter for name, parameter in parameters.items() if name not in group_of]
    groups = [ParameterGroup(rest, [each.for_group(None) for each in settings])] if rest else []
    for group in first.param_groups:
        members = [parameter for name, parameter in parameters.items() if group_of.get(name) == group]
        groups.append(ParameterGroup(members, [each.for_group(group) for each in settings]))
    are_equal = all(each == group.settings[0] for group in groups for each in group.settings)
    optimizer: torch.optim.Optimizer = first.shared(groups) if are_equal else first.per_replica(groups)
    optimizer.register_load_state_dict_pre_hook(_keep_hyperparameters)
    return optimizer


class Warmup:
    """Linear warm-up: the step from `step` to `step + 1` uses min(step / warmup, 1) of the learning rates.

    The first step therefore changes nothing, as with LambdaLR in the reference codes (Power et al. 2022, Nanda et al.
    2023).
    """

    def __init__(self, optimizer: torch.optim.Optimizer, steps: int) -> None:
        self.optimizer, self.steps = optimizer, steps
        self.lrs = [group["lr"] for group in optimizer.param_groups]  # a number, or a tensor [replica]

    def __call__(self, step: int) -> None:
        """Set the learning rates of the step that starts at `step`."""
        if self.steps and step <= self.steps:
            for group, lr in zip(self.optimizer.param_groups, self.lrs, strict=True):
                group["lr"] = lr * min(step / self.steps, 1)


class GroupedHyperparameters:
    """Settings whose hyperparameters can differ in parts of the model. A mixin of frozen dataclasses."""

    per_replica_keys: ClassVar[Collection[str]]
    param_groups: Mapping[str, Mapping[str, Any]]

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
        return replace(self, **{**values, "param_groups": {}})  # type: ignore[type-var]


def _keep_hyperparameters(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "param_groups": optimizer.state_dict()["param_groups"]}


def validate_clip_norm(clip_norm: float | None) -> None:
    """Validate `clip_norm`."""
    if clip_norm is not None:
        check_float("optimizer.clip_norm", clip_norm, above=0)


@torch.no_grad()
def clip_gradients(parameters: Sequence[Tensor], max_norm: float) -> None:
    """Scale each replica's gradients jointly to a norm of at most `max_norm` (Pascanu et al. 2013), as torch's
    `clip_grad_norm_` does for one network."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    factor = (max_norm / (joint_norm(gradients) + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(broadcast_to_parameter(factor, gradient))


def torch_param_groups(groups: Sequence[ParameterGroup], *names: str) -> list[dict[str, Any]]:
    """The groups as torch's optimizers take them, with the named hyperparameters, which all replicas share."""
    return [{"params": each.parameters, **{name: getattr(each.settings[0], name) for name in names}} for each in groups]


def replica_values(settings: Sequence[Any], *names: str) -> list[Tensor]:
    """The named hyperparameters of every replica, each as a float64 tensor [replica, …] on the CPU."""
    return [torch.tensor([getattr(each, name) for each in settings], dtype=torch.float64) for name in names]


def broadcast_coefficients(parameter: Tensor, coefficients: Sequence[Tensor]) -> dict[int, list[Tensor]]:
    """Coefficients [replica] on the parameter's device and in its type, moved in one transfer.

    For every number of axes from 1 to 5: the coefficients shaped to multiply a parameter with that many axes.
    """
    moved = torch.stack(list(coefficients)).to(parameter.dtype).to(parameter.device, non_blocking=True)
    return {axes: [each.view(-1, *[1] * (axes - 1)) for each in moved] for axes in range(1, 6)}


def broadcast_to_parameter(values: Tensor, parameter: Tensor) -> Tensor:
    """Values [replica] shaped and typed to multiply a parameter [replica, …]."""
    return values.to(parameter.dtype).view(-1, *[1] * (parameter.dim() - 1))
