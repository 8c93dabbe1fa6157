"""The base of all models: R networks in one batch, and what the harness may ask of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok import models
from grok.models.spec import BinaryClass, Classes, Inputs, Outputs, Spec, Values

MAX_DEPTH = 1000  # far above any network of the field; without a limit, making the layers never ends


class Model(nn.Module, ABC):
    """R networks in one batch: the first axis of every parameter is the replica.

    The constructor takes the keys of the model's YAML, and three arguments that the harness derives: `inputs`, the kind
    and sizes of the task's inputs (`grok.models.spec`); `n_outputs`; and `generators`, one per replica, from which the
    initial weights are drawn. A model overrides those of the defaults below that it needs.
    """

    reads: ClassVar[tuple[type[Inputs], ...]] = ()  # the kinds of inputs; with none, no task is refused
    gives: ClassVar[tuple[type[Outputs], ...]] = (Values, Classes, BinaryClass)  # the kinds of outputs
    per_replica_keys: ClassVar[Collection[str]] = ()  # keys with one value per replica
    batchable: ClassVar[bool] = True  # whether R can be larger than 1
    compilable: ClassVar[bool] = True  # whether torch can compile a step
    gains_by_compiling: ClassVar[bool] = True  # whether a compiled step is faster; without it, compile=auto is false

    @abstractmethod
    def forward(self, inputs: Tensor) -> Float[Tensor, "replica example out"]:
        """The outputs for inputs [replica, example, …]; a model that gives `NextTokens` has an axis for positions."""

    def at_every_position(self, inputs: Tensor) -> Float[Tensor, "replica example *position out"]:
        """The outputs at every position, of a model whose `forward` gives those of the last position alone."""
        outputs: Tensor = self(inputs)
        return outputs

    def at_positions(
        self, inputs: Tensor, positions: Int[Tensor, "replica example"]
    ) -> Float[Tensor, "replica example out"]:
        """The outputs at one position of each example, of a model that gives `NextTokens`."""
        return position_of_each(self(inputs), positions)

    @property
    def param_groups(self) -> Mapping[str, str]:
        """Parts that can have their own hyperparameters, with the prefix of their parameters' names."""
        return {}

    @property
    def embedding_parameters(self) -> frozenset[str]:
        """The names of the parameters of embeddings and of the unembedding."""
        outer = tuple(prefix for group, prefix in self.param_groups.items() if group in ("embedding", "last_layer"))
        return frozenset(name for name, _ in self.named_parameters() if name.startswith(outer))

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

    @property
    def linear_maps(self) -> Mapping[str, nn.Module]:
        """The linear maps of attention and MLPs, by the prefix of their parameters' names; empty if there are none.

        Each gives [..., out] from [..., in], where the other axes hold the examples and their positions, and is called
        once in a forward pass. A bias is its `bias`.
        """
        return {}


def position_of_each(
    values: Float[Tensor, "replica example position size"], positions: Int[Tensor, "replica example"]
) -> Float[Tensor, "replica example size"]:
    """The values at one position of each example."""
    return values.take_along_dim(positions[..., None, None], 2).squeeze(2)


def models_that_fit(spec: Spec) -> list[str]:
    """The models in this folder that read the inputs and give the outputs of a task, by the names of their files."""
    for module in iter_modules(models.__path__, f"{models.__name__}."):
        import_module(module.name)
    fitting = [each for each in Model.__subclasses__() if type(spec.inputs) in each.reads]
    names = [each.__module__ for each in fitting if type(spec.outputs) in each.gives]
    return sorted(name.rpartition(".")[2] for name in names if name.startswith(models.__name__))
