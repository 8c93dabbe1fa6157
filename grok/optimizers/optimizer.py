"""From each replica's optimiser settings to one optimiser over parameters that lead with the replica axis."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from grok.checks import UserError, number
from grok.science.norms import joint_norm

Parts = Mapping[str, str]  # what a model calls by a name of its own, such as its last layer: how its parameters begin


class OptimizerSettings(Protocol):
    """One replica's optimiser settings: a frozen dataclass, equal where the settings are equal.

    `parts` has rates of their own for parts of the network that the model names, {part: {rate: value}}.
    """

    replica_wise: ClassVar[Collection[str]]
    constrain_norm: bool
    clip_norm: float | None
    warmup: int
    parts: Mapping[str, Mapping[str, Any]]

    def shared(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        """torch's own optimiser, for replicas that all have the same rates in each group."""

    def per_replica(self, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        """An optimiser of the same rule with rates of its own for each replica. Its state has torch's names."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that have the same rates, and each replica's settings of these."""

    parameters: list[Tensor]
    settings: list[Any]


def build(settings: Sequence[Any], parameters: Mapping[str, Tensor], parts: Parts) -> torch.optim.Optimizer:
    """One optimiser for all replicas; `settings[r]` is that of row r of every parameter.

    A loaded state brings what the optimiser has gathered, never its rates: those are the settings'.

    Raises:
        UserError: the replicas differ in more than their rates, or name a part that the model does not have.
    """
    first = settings[0]
    shared = {(type(each), each.constrain_norm, each.clip_norm, each.warmup, tuple(each.parts)) for each in settings}
    if len(shared) > 1:
        raise UserError(
            "optimizer: replicas side by side must share the optimiser, constrain_norm, clip_norm, warmup and parts"
        )
    unknown = set(first.parts) - set(parts)
    if unknown:
        raise UserError(f"optimizer.parts.{min(unknown)}: this model has the parts {', '.join(parts) or '(none)'}")
    of_parts = {name: part for part in first.parts for name in parameters if name.startswith(parts[part])}
    rest = [parameter for name, parameter in parameters.items() if name not in of_parts]
    groups = [ParameterGroup(rest, [each.of(None) for each in settings])] if rest else []
    for part in first.parts:
        members = [parameter for name, parameter in parameters.items() if of_parts.get(name) == part]
        groups.append(ParameterGroup(members, [each.of(part) for each in settings]))
    alike = all(each == group.settings[0] for group in groups for each in group.settings)
    optimizer: torch.optim.Optimizer = first.shared(groups) if alike else first.per_replica(groups)
    optimizer.register_load_state_dict_pre_hook(_keep_rates)
    return optimizer


class Warmup:
    """Linear warm-up: the step from `step` to `step + 1` is taken at min(step / warmup, 1) of the learning rates.

    So the very first step moves nothing, as with the reference codes' LambdaLR (Power et al. 2022, Nanda et al. 2023).
    """

    def __init__(self, optimizer: torch.optim.Optimizer, steps: int) -> None:
        self.optimizer, self.steps = optimizer, steps
        self.rates = [group["lr"] for group in optimizer.param_groups]  # a number, or a tensor [replica]

    def __call__(self, step: int) -> None:
        """Set the learning rates of the next step, which is this one."""
        if self.steps and step <= self.steps:
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * min(step / self.steps, 1)


class WithParts:
    """Settings whose rates may be others in a part of the network. Mixed into frozen dataclasses."""

    replica_wise: ClassVar[Collection[str]]
    parts: Mapping[str, Mapping[str, Any]]

    def check_parts(self) -> None:
        """Refuse a part whose rates are not rates, or whose values are not allowed."""
        if not isinstance(self.parts, Mapping) or not all(isinstance(each, Mapping) for each in self.parts.values()):
            raise UserError(f"optimizer.parts={self.parts}: must be rates by the names of parts, {{part: {{lr: …}}}}")
        rates = [name for name in self.replica_wise if "." not in name]
        for part, own in self.parts.items():
            for name in own:
                if name not in rates:
                    raise UserError(f"optimizer.parts.{part}.{name}: no rate of this optimiser; {', '.join(rates)} are")
            self.of(part)

    def of(self, part: str | None) -> Any:
        """The settings in a part of the network; None: in what is in no part."""
        own = self.parts[part] if part else {}
        return replace(self, **{**own, "parts": {}})  # type: ignore[type-var]


def _keep_rates(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "param_groups": optimizer.state_dict()["param_groups"]}


def check_clip(limit: float | None) -> None:
    """Refuse a limit of the gradients' norm that is none."""
    if limit is not None:
        number("optimizer.clip_norm", limit, above=0)


@torch.no_grad()
def clip(parameters: Sequence[Tensor], limit: float) -> None:
    """Scale each replica's gradients jointly to a norm of at most the limit (Pascanu et al. 2013), as torch's
    `clip_grad_norm_` does those of one network."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    factor = (limit / (joint_norm(gradients) + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(along_replicas(factor, gradient))


def arguments_of(groups: Sequence[ParameterGroup], *names: str) -> list[dict[str, Any]]:
    """The groups as torch's optimisers take them, with the named rates, which all replicas share."""
    return [{"params": each.parameters, **{name: getattr(each.settings[0], name) for name in names}} for each in groups]


def rates_of(settings: Sequence[Any], *names: str) -> list[Tensor]:
    """The named rates of every replica, each as a float64 tensor [replica, …] on the CPU."""
    return [torch.tensor([getattr(each, name) for each in settings], dtype=torch.float64) for name in names]


def beside(parameter: Tensor, coefficients: Sequence[Tensor]) -> dict[int, list[Tensor]]:
    """Coefficients [replica], in one transfer to the parameters' device and type, shaped to multiply a parameter with
    so many axes: a list of them for every number of axes from 1 to 5."""
    moved = torch.stack(list(coefficients)).to(parameter.dtype).to(parameter.device, non_blocking=True)
    return {axes: [each.view(-1, *[1] * (axes - 1)) for each in moved] for axes in range(1, 6)}


def along_replicas(rate: Tensor, parameter: Tensor) -> Tensor:
    """A rate [replica] shaped and typed to multiply a parameter [replica, …]."""
    return rate.to(parameter.dtype).view(-1, *[1] * (parameter.dim() - 1))
