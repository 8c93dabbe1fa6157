"""A task and a model of a user's own: the next token at every position, with padding that does not count."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.models.spec import NextTokens, Spec, TokenSequences
from grok.records.quantity import Quantity
from grok.science.losses import cross_entropy, is_argmax
from grok.tasks.task import Data, Examples, Provenance, Task

PADDING = 0


@dataclass(frozen=True, kw_only=True)
class Counting(Task):
    """Sequences that count up modulo `n_tokens` − 1, from 1; each has a length of its own, the rest is padding."""

    n_tokens: int
    length: int
    fault: str

    @property
    def spec(self) -> Spec:
        return Spec(TokenSequences(self.n_tokens, self.length), NextTokens(self.n_tokens))

    def data(self, streams) -> Data:
        generator = streams.generator("data")
        start = torch.randint(self.n_tokens - 1, (40, 1), generator=generator)
        lengths = torch.randint(2, self.length + 2, (40, 1), generator=generator)
        positions = torch.arange(self.length + 1)
        tokens = ((start + positions) % (self.n_tokens - 1) + 1).where(positions < lengths, PADDING)
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        provenance = Provenance(source="generated: counting", split="the first 20", message="counting")
        train, test = torch.arange(20), torch.arange(20, 20 if self.fault == "empty" else 40)
        if self.fault == "spec":
            inputs = inputs[:, :-1]
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), provenance)

    def example_loss(
        self, outputs: Float[Tensor, "*batch token"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "..."]:
        loss = cross_entropy(outputs, targets)
        return loss.mean(1) if self.fault == "loss" else loss

    def is_correct(self, outputs: Float[Tensor, "*batch token"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "..."]:
        if self.fault == "dtype":
            return outputs.argmax(-1)
        correct = is_argmax(outputs, targets)
        return correct.all(-1) if self.fault == "correct" else correct

    def mask(self, targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return targets != PADDING


class Bigram(Model):
    """A table of the next token's logits, by the token before it."""

    reads: ClassVar = (TokenSequences,)
    gives: ClassVar = (NextTokens,)

    def __init__(self, *, inputs, n_outputs, generators) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(len(generators), inputs.n_tokens, n_outputs))

    def forward(self, inputs: Int[Tensor, "replica example position"]) -> Tensor:
        replicas = torch.arange(len(inputs)).view(-1, 1, 1)
        return self.table[replicas, inputs]


class Overwrites(Measure):
    """A measure with a name that is taken."""

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {"test_loss": Quantity(torch.zeros(len(snapshot.train.indices)), "zero")}


class OneNumber(Measure):
    """A measure that forgets the replica axis."""

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {"mean": Quantity(snapshot.train.loss.mean(), "mean loss")}


class Gradients(Measure):
    """The norms of the gradients of both mean losses, and of the first moments of Adam."""

    needs_gradients: ClassVar = True

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        norms = {}
        for part, evaluation in (("train", snapshot.train), ("test", snapshot.test)):
            total = sum(each.square().flatten(1).sum(1) for each in evaluation.gradients.values())
            norms[f"{part}_gradient_norm"] = Quantity(total.sqrt(), f"norm of the {part} gradient")
        moments = [each["exp_avg"].flatten(1).norm(dim=1) for each in snapshot.optimizer_state().values()]
        moment = sum(moments) if moments else torch.zeros(len(total))
        return {**norms, "moment": Quantity(moment, "norm of the first moments")}
