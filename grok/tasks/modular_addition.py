"""Addition modulo p from a part of its table (Nanda et al. 2023), and the other operations of Power et al. 2022."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.checks import UserError, choice, number, whole
from grok.science import losses
from grok.science.binary_operations import DIVIDING, ON_S5, OPERATIONS, is_prime, n_elements, table
from grok.streams import Streams
from grok.tasks.task import Data, Examples, Thresholds

LABELS = ("operation", "random")
SPLIT_SEED_RULES = ("stream", "reference")
PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
LARGEST = 4_999  # the largest p: its 25 million pairs, their labels, order and losses at a look take 3 GB


@dataclass(frozen=True, kw_only=True)
class ModularAddition:
    """Classify pairs (a, b) by the result of an operation, after seeing a fraction of all pairs.

    Inputs are the pairs themselves, Int [pair, 2], row a · p + b (division has no pairs with b = 0).
    """

    replica_wise: ClassVar = ("labels", "corrupted", "split_seed_rule")
    p: int
    operation: str
    fraction: float
    labels: str
    corrupted: float
    split_seed_rule: str
    loss_precision: str
    thresholds: Thresholds

    def __post_init__(self) -> None:
        whole("task.p", self.p, least=3, most=LARGEST)
        choice("task.operation", self.operation, OPERATIONS)
        if self.operation in DIVIDING and not is_prime(self.p):
            raise UserError(f"task.p={self.p}: must be a prime for task.operation={self.operation}")
        number("task.fraction", self.fraction, above=0, below=1)
        choice("task.labels", self.labels, LABELS)
        number("task.corrupted", self.corrupted, least=0, below=1)
        if self.corrupted and self.labels == "random":
            raise UserError(
                f"task.corrupted={self.corrupted}: random labels cannot be corrupted; task.labels=operation"
            )
        choice("task.split_seed_rule", self.split_seed_rule, SPLIT_SEED_RULES)
        choice("task.loss_precision", self.loss_precision, PRECISIONS)

    @property
    def dimensions(self) -> dict[str, int]:
        n = n_elements(self.operation, self.p)
        return {"n_tokens": n, "n_outputs": n}

    def truth(self) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
        """All pairs and their true results, in the order of every replica's table; a replica whose labels are corrupted
        or random has others in it."""
        return _truth(self.operation, self.p)

    def data(self, streams: Streams) -> Data:
        """A fraction of all pairs to train on and the rest to be tested on: in an order drawn by the stream `split`,
        or in the order in which the reference code's `random.seed(seed)` and `random.shuffle` put them."""
        pairs, results = self.truth()
        n_train = int(self.fraction * len(pairs))
        if not n_train:
            raise UserError(f"task.fraction={self.fraction}: leaves no training example of {len(pairs):,} pairs")
        if self.split_seed_rule == "stream":
            order = torch.randperm(len(pairs), generator=streams.generator("split"))
        else:
            shuffled = [*range(len(pairs))]
            random.Random(streams.seed).shuffle(shuffled)
            order = torch.tensor(shuffled)
        train, test = order[:n_train], order[n_train:]
        labels = self._labels(results, train, streams)
        group = "S5" if self.operation in ON_S5 else f"the residues modulo {self.p}"
        origin = {
            "source": f"generated: {self.operation} on {group}, {len(pairs):,} pairs",
            "checksum": "none",
            "split": f"{n_train:,} pairs drawn by "
            + ("the stream `split`" if self.split_seed_rule == "stream" else f"random.seed({streams.seed})"),
            "why": f"{self.operation} on {group}: {n_train:,} of {len(pairs):,} pairs to train on",
        }
        return Data(Examples(pairs, labels, train), Examples(pairs, labels, test), origin)

    def _labels(
        self, results: Int[Tensor, " pair"], train: Int[Tensor, " example"], streams: Streams
    ) -> Int[Tensor, " pair"]:
        """The results themselves; or in their place labels drawn by the stream `labels`; or the results but for a
        fraction of the training examples, whose labels are wrong ones drawn by the stream `corrupted`."""
        n_classes = self.dimensions["n_outputs"]
        if self.labels == "random":
            return torch.randint(n_classes, results.shape, generator=streams.generator("labels"))
        if not self.corrupted:
            return results
        generator = streams.generator("corrupted")
        planted = train[torch.randperm(len(train), generator=generator)[: round(self.corrupted * len(train))]]
        shift = torch.randint(1, n_classes, planted.shape, generator=generator)
        return results.index_copy(0, planted, (results[planted] + shift) % n_classes)

    def example_loss(
        self, outputs: Float[Tensor, "*batch p"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return losses.cross_entropy(outputs, targets, precision=PRECISIONS[self.loss_precision])

    def is_correct(self, outputs: Float[Tensor, "*batch p"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_argmax(outputs, targets)


@lru_cache(maxsize=4)
def _truth(operation: str, p: int) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
    """The operation's table. Cached: replicas that ask for the same one share it."""
    return table(operation, p)
