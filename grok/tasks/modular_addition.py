"""Addition modulo p from a part of all pairs (Nanda et al. 2023), and the other operations of Power et al. 2022."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.checks import UserError, check_bool, check_choice, check_float, check_int
from grok.models.model import Model
from grok.models.spec import Classes, NextTokens, Spec, TokenPairs, TokenSequences
from grok.models.transformer import Transformer
from grok.random_streams import RandomStreams
from grok.science import losses
from grok.science.modular.binary_operations import NEED_PRIME, ON_S5, OPERATIONS, is_prime, n_elements, table
from grok.tasks.next_token import NOT_COUNTED
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds

FORMS = ("pair", "sentence")
LABELS = ("operation", "random")
RNGS = ("ours", "reference")
PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
MAX_P = 4_999  # the largest p: its 25 million pairs, their labels, order and losses take 3 GB in an evaluation


@dataclass(frozen=True, kw_only=True)
class ModularAddition(Task):
    """Classify pairs (a, b) by the result of an operation after training on a fraction of all pairs.

    Inputs are the pairs, Int [pair, 2]; pair (a, b) has the index a · p + b (division has no pairs with b = 0).

    With `train_equals_logit`, loss and accuracy have one more class, the token "=", which is never correct. Nanda et
    al. 2023 train with its logit. By default it is dropped: no gradient lowers it, and there are p classes.

    In the form of a sentence, inputs are the tokens a, ∘, b, "=", Int [pair, 4], for a decoder. Of the tokens that
    follow each, only the result c counts in the loss and in the accuracy (Power et al. 2022).
    """

    per_replica_keys: ClassVar = ("labels", "label_noise", "rng")
    p: int
    operation: str
    form: str
    fraction: float
    labels: str
    label_noise: float
    rng: str
    train_equals_logit: bool
    loss_precision: str
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        check_int("task.p", self.p, minimum=3, maximum=MAX_P)
        check_choice("task.operation", self.operation, OPERATIONS)
        if self.operation in NEED_PRIME and not is_prime(self.p):
            raise UserError(f"task.p={self.p}: must be a prime for task.operation={self.operation}")
        check_choice("task.form", self.form, FORMS)
        check_float("task.fraction", self.fraction, above=0, below=1)
        check_choice("task.labels", self.labels, LABELS)
        check_float("task.label_noise", self.label_noise, minimum=0, below=1)
        if self.label_noise and self.labels == "random":
            raise UserError(f"task.label_noise={self.label_noise}: needs task.labels=operation, not task.labels=random")
        check_choice("task.rng", self.rng, RNGS)
        check_bool("task.train_equals_logit", self.train_equals_logit)
        check_choice("task.loss_precision", self.loss_precision, PRECISIONS)

    @property
    def spec(self) -> Spec:
        n = n_elements(self.operation, self.p)
        if self.form == "sentence":
            return Spec(TokenSequences(n + 2, 4), NextTokens(n + 2))
        return Spec(TokenPairs(n, equals_class=self.train_equals_logit), Classes(n + self.train_equals_logit))

    def validate(self, model: Model) -> None:
        """Require a transformer with an equals sign for `train_equals_logit`.

        Raises:
            UserError: it is another model.
        """
        if self.train_equals_logit and not (isinstance(model, Transformer) and model.embedding.equals_sign):
            raise UserError("task.train_equals_logit=true: needs model=transformer and model.equals_sign=true")

    def full_table(self) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
        """All pairs and their true results, in the order of every replica's inputs.

        With label noise or random labels, a replica's targets differ from these results.
        """
        return _full_table(self.operation, self.p)

    def data(self, streams: RandomStreams) -> Data:
        """A fraction of all pairs as the training set, and the rest as the test set.

        The order is drawn by the stream `split`, or, as in the reference code, by `random.seed(seed)` and
        `random.shuffle`.
        """
        pairs, results = self.full_table()
        n_train = int(self.fraction * len(pairs))
        if not n_train:
            raise UserError(f"task.fraction={self.fraction}: gives no training example out of {len(pairs):,} pairs")
        if self.rng == "ours":
            order = torch.randperm(len(pairs), generator=streams.generator("split"))
        else:
            shuffled = [*range(len(pairs))]
            random.Random(streams.seed).shuffle(shuffled)
            order = torch.tensor(shuffled)
        train, test = order[:n_train], order[n_train:]
        labels = self._labels(results, train, streams)
        group = "S5" if self.operation in ON_S5 else f"the residues modulo {self.p}"
        provenance = Provenance(
            source=f"generated: {self.operation} on {group}, {len(pairs):,} pairs",
            split=f"{n_train:,} pairs drawn by "
            + ("the stream `split`" if self.rng == "ours" else f"random.seed({streams.seed})"),
            message=f"{self.operation} on {group}: training on {n_train:,} of {len(pairs):,} pairs",
        )
        inputs, targets = (pairs, labels) if self.form == "pair" else self._sentences(pairs, labels)
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), provenance)

    def _sentences(
        self, pairs: Int[Tensor, "pair 2"], labels: Int[Tensor, " pair"]
    ) -> tuple[Int[Tensor, "pair 4"], Int[Tensor, "pair 4"]]:
        """The tokens a, ∘, b, "=", and those that count after each: c after "="."""
        sign = torch.full_like(labels, n_elements(self.operation, self.p))
        inputs = torch.stack([pairs[:, 0], sign, pairs[:, 1], sign + 1], dim=1)
        return inputs, torch.nn.functional.pad(labels.unsqueeze(1), (3, 0), value=NOT_COUNTED)

    def _labels(
        self, results: Int[Tensor, " pair"], train: Int[Tensor, " example"], streams: RandomStreams
    ) -> Int[Tensor, " pair"]:
        """The labels of all pairs: the results, or random labels drawn by the stream `labels`.

        With label noise, a fraction of the training examples has wrong labels, drawn by the stream `corrupted`.
        """
        n_classes = n_elements(self.operation, self.p)
        if self.labels == "random":
            return torch.randint(n_classes, results.shape, generator=streams.generator("labels"))
        if not self.label_noise:
            return results
        generator = streams.generator("corrupted")
        corrupted = train[torch.randperm(len(train), generator=generator)[: round(self.label_noise * len(train))]]
        shift = torch.randint(1, n_classes, corrupted.shape, generator=generator)
        return results.index_copy(0, corrupted, (results[corrupted] + shift) % n_classes)

    def example_loss(
        self, outputs: Float[Tensor, "*batch p"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        if self.form == "sentence":
            targets = targets.clamp(min=0)
        return losses.cross_entropy(outputs, targets, precision=PRECISIONS[self.loss_precision])

    def is_correct(self, outputs: Float[Tensor, "*batch p"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_argmax(outputs, targets)

    def mask(self, targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"] | None:
        return targets != NOT_COUNTED if self.form == "sentence" else None


@lru_cache(maxsize=4)
def _full_table(operation: str, p: int) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
    """All pairs of the operation and their results. Cached: replicas share equal tables."""
    return table(operation, p)
