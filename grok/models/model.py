"""The base of all models: R networks in one batch, and what the harness may ask of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import ClassVar

from jaxtyping import Float
from torch import Generator, Tensor, nn

from grok import models
from grok.models.spec import Inputs


class Model(nn.Module, ABC):
    """R networks in one batch: the first axis of every parameter is the replica.

    The constructor takes the keys of the model's YAML, the sizes of the inputs that it reads, `n_outputs`, and
    `generators`, one per replica, from which the initial weights are drawn. A model overrides those of the defaults
    below that it needs.
    """

    reads: ClassVar[tuple[type[Inputs], ...]] = ()  # the kinds of inputs; with none, no task is refused
    per_replica_keys: ClassVar[Collection[str]] = ()  # keys with one value per replica
    batchable: ClassVar[bool] = True  # whether R can be larger than 1

    @abstractmethod
    def forward(self, inputs: Tensor) -> Float[Tensor, "replica example out"]:
        """The outputs for inputs [replica, example, …]."""

    @property
    def param_groups(self) -> Mapping[str, str]:
        """Parts that can have their own hyperparameters, with the prefix of their parameters' names."""
        return {}

    @property
    def needs_rng(self) -> bool:
        """Whether a training step needs random numbers, from the generators of `set_generators`."""
        return False

    def set_generators(self, generators: Sequence[Generator]) -> None:
        """Set each replica's generator for the next step, on the device of the network."""

    @property
    def token_embedding(self) -> Float[Tensor, "replica token width"] | None:
        """The embedding of each token; None if the model embeds no tokens."""
        return None


def models_that_read(kind: type[Inputs]) -> list[str]:
    """The models in this folder that read this kind of inputs, by the names of their files."""
    for module in iter_modules(models.__path__, f"{models.__name__}."):
        import_module(module.name)
    fitting = [each.__module__ for each in Model.__subclasses__() if kind in each.reads]
    return sorted(each.rpartition(".")[2] for each in fitting if each.startswith(models.__name__))
