"""The base of tasks that predict the next token of a sequence."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grok.checks import check_int
from grok.models.spec import NextTokens, Spec, TokenSequences
from grok.random_streams import RandomStreams
from grok.science import losses
from grok.tasks.task import Data, Examples, Provenance, Task

NOT_COUNTED = -1  # the target of a position that does not count in the loss
MIN_LENGTH = 2  # tokens of a context


@dataclass(frozen=True, kw_only=True)
class NextTokenTask(Task):
    """Predict the next token at each position, from `n_tokens` tokens, in a context of `length` tokens.

    Inputs are Int [example, position]. Targets have the same shape; a target of `NOT_COUNTED` counts in no mean.
    """

    n_tokens: int
    length: int

    def __post_init__(self) -> None:
        check_int("task.n_tokens", self.n_tokens, minimum=2)
        check_int("task.length", self.length, minimum=MIN_LENGTH)

    @property
    def spec(self) -> Spec:
        return Spec(TokenSequences(self.n_tokens, self.length), NextTokens(self.n_tokens))

    def example_loss(
        self, outputs: Float[Tensor, "*batch token"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return losses.cross_entropy(outputs, targets.clamp(min=0))

    def is_correct(
        self, outputs: Float[Tensor, "*batch token"], targets: Int[Tensor, "*batch"]
    ) -> Bool[Tensor, "*batch"]:
        return losses.is_argmax(outputs, targets)

    def mask(self, targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return targets != NOT_COUNTED

    def utf8(self, tokens: Int[Tensor, " token"]) -> list[bytes]:
        """The bytes of each token, by default of its number; joined, they are the sequence's text in UTF-8."""
        return [f" {token}".encode() for token in tokens.tolist()]


@dataclass(frozen=True, kw_only=True)
class GeneratedSequences(NextTokenTask):
    """Sequences from a rule: new ones in every step or, with `n_train`, a fixed sample. `n_test` others test it."""

    n_train: int | None
    n_test: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_train is not None:
            check_int("task.n_train", self.n_train, minimum=1)
        check_int("task.n_test", self.n_test, minimum=1)

    @abstractmethod
    def sample(
        self, n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example position"], Int[Tensor, "example position"]]:
        """n new inputs and targets."""

    @property
    @abstractmethod
    def rule(self) -> str:
        """How sequences are made, for the record."""

    def data(self, streams: RandomStreams) -> Data:
        """Training and test sequences by the streams `train` and `test`.

        Without `n_train`, every step samples new sequences, and training accuracy is measured on as many sequences as
        test accuracy.
        """
        train = self._examples(self.n_train or self.n_test, streams.generator("train"))
        test = self._examples(self.n_test, streams.generator("test"))
        training_data = "new sequences in every step" if self.n_train is None else f"{self.n_train:,} sequences"
        provenance = Provenance(
            source=f"generated: {self.rule}",
            split=f"{training_data}; {self.n_test:,} test sequences; sampled by separate streams",
            message=f"{self.rule}; training on {training_data}",
        )
        return Data(train, test, provenance, self.sample if self.n_train is None else None)

    def _examples(self, n: int, generator: Generator) -> Examples:
        inputs, targets = self.sample(n, generator)
        return Examples(inputs, targets, torch.arange(n))
