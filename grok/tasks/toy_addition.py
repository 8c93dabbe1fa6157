"""The toy addition of Liu et al. 2022 (arXiv:2205.10343, Sec. 2): sums of small numbers, or products on S₃, each with a
fixed random vector as its target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from grok.checks import UserError, choice, whole
from grok.models.embedding_decoder import EmbeddingDecoder
from grok.science import losses
from grok.science.parallelograms import parallelograms
from grok.science.toy_operations import ON_S3, OPERATIONS, n_elements, n_pairs, n_results, toy_table
from grok.streams import Streams
from grok.tasks.task import Data, Examples, Thresholds

LOSSES = ("squared_error", "cross_entropy")
RANDOM_NUMBERS = ("ours", "reference")
LARGEST = 200  # the largest p: the templates that every pair is held against take 240 p³ bytes a replica, 2 GB there


@dataclass(frozen=True, kw_only=True)
class ToyAddition:
    """Learn the results of an operation from `n_train` of its pairs.

    With squared error each result has a template, a vector from N(0, 1), and an example is correct where its own is
    the nearest of all; with cross-entropy results are classes. Inputs are pairs, Int [pair, 2]. Targets are the class;
    or all templates, Float [pair, result, template_dimension], each pair's own first.
    """

    replica_wise: ClassVar = ("random_numbers",)
    p: int
    operation: str
    n_train: int
    loss: str
    template_dimension: int
    random_numbers: str
    thresholds: Thresholds

    def __post_init__(self) -> None:
        whole("task.p", self.p, least=3, most=LARGEST)
        choice("task.operation", self.operation, OPERATIONS)
        whole("task.n_train", self.n_train, least=1, most=n_pairs(self.operation, self.p) - 1)
        choice("task.loss", self.loss, LOSSES)
        whole("task.template_dimension", self.template_dimension, least=1)
        choice("task.random_numbers", self.random_numbers, RANDOM_NUMBERS)
        if self.random_numbers == "reference" and self.operation in ON_S3:
            raise UserError(f"task.random_numbers=reference: is of sums, not of task.operation={self.operation}")

    @property
    def dimensions(self) -> dict[str, int]:
        n_classes = n_results(self.operation, self.p)
        n_outputs = self.template_dimension if self.loss == "squared_error" else n_classes
        return {"n_tokens": n_elements(self.operation, self.p), "n_outputs": n_outputs}

    def truth(self) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
        """All pairs and the numbers of their results, in the order of every replica's table."""
        return _truth(self.operation, self.p)

    def parallelograms(self) -> Int[Tensor, "parallelogram 2"]:
        """P₀ of the table."""
        return _parallelograms(self.operation, self.p)

    def data(self, streams: Streams) -> Data:
        """Pairs drawn by the stream `split`, templates by the stream `templates`; or both as the reference code draws
        them after `np.random.seed(seed)`, the templates first."""
        pairs, results = self.truth()
        templates, order = self._as_reference(streams) if self._is_reference else self._drawn(streams)
        targets = results
        if self.loss == "squared_error":
            n = len(templates)
            targets = templates[(results.unsqueeze(1) + torch.arange(n)) % n]
        train, test = order[: self.n_train], order[self.n_train :]
        drawn = f"np.random.seed({streams.seed})" if self._is_reference else "the stream `split`"
        origin = {
            "source": f"generated: {self.operation} on {self.dimensions['n_tokens']} elements, {len(pairs):,} pairs",
            "checksum": "none",
            "split": f"{self.n_train:,} pairs drawn by {drawn}; tested on the other {len(test):,}",
            "why": f"{self.operation} on {self.dimensions['n_tokens']} elements: {self.n_train:,} of {len(pairs):,} "
            "pairs to train on",
        }
        return Data(Examples(pairs, targets, train), Examples(pairs, targets, test), origin)

    def start(self, model: nn.Module, streams: Streams) -> dict[str, Tensor]:
        """The weights from which a replica starts that are other than the model's own: with the reference's random
        numbers, those that its code draws after `torch.manual_seed(seed)`, the embeddings first.

        Raises:
            UserError: these are asked for of a model that the reference has not, or the model does not combine
                embeddings as the operation does.
        """
        if isinstance(model, EmbeddingDecoder) and (model.combine == "sum") == (self.operation in ON_S3):
            allowed = "matrix_product (with model.d_embedding=9)" if self.operation in ON_S3 else "sum"
            raise UserError(f"model.combine={model.combine}: must be {allowed} for task.operation={self.operation}")
        if not self._is_reference:
            return {}
        if not isinstance(model, EmbeddingDecoder) or model.combine != "sum" or model.embedding_bound != 0.5:
            raise UserError("task.random_numbers=reference: needs model=embedding_decoder with its sum and bound")
        n_tokens, d_embedding = model.token_embedding.shape[1:]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams.seed)
            found = {"embeddings.weight": torch.rand(n_tokens, d_embedding) - 0.5}
            for name, weight in model.named_parameters():
                if name.startswith("decoder.") and name.endswith(".weight"):
                    drawn = nn.Linear(*weight.shape[1:])
                    found[name] = drawn.weight.detach().T
                    found[name.replace("weight", "bias")] = drawn.bias.detach().unsqueeze(0)
        return found

    def example_loss(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch result out"] | Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        if self.loss == "squared_error":
            return losses.squared_error(outputs, targets[..., 0, :])
        return losses.cross_entropy(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch result out"] | Int[Tensor, "*batch"]
    ) -> Bool[Tensor, "*batch"]:
        if self.loss == "squared_error":
            return losses.is_nearest(outputs, targets)
        return losses.is_argmax(outputs, targets)

    @property
    def _is_reference(self) -> bool:
        return self.random_numbers == "reference"

    def _drawn(self, streams: Streams) -> tuple[Float[Tensor, "result out"], Int[Tensor, " pair"]]:
        shape = (n_results(self.operation, self.p), self.template_dimension)
        templates = torch.randn(shape, generator=streams.generator("templates"), dtype=torch.float64)
        order = torch.randperm(n_pairs(self.operation, self.p), generator=streams.generator("split"))
        return templates, order

    def _as_reference(self, streams: Streams) -> tuple[Float[Tensor, "result out"], Int[Tensor, " pair"]]:
        """Its training pairs in their order, then the others."""
        drawn = np.random.RandomState(streams.seed)
        templates = drawn.normal(0, 1, size=(n_results(self.operation, self.p), self.dimensions["n_outputs"]))
        n = n_pairs(self.operation, self.p)
        train = drawn.choice(n, self.n_train, replace=False)
        order = np.concatenate([train, np.setdiff1d(np.arange(n), train)])
        return torch.from_numpy(templates), torch.from_numpy(order)


@lru_cache(maxsize=4)
def _truth(operation: str, p: int) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
    """The operation's table. Cached: replicas that ask for the same one share it."""
    return toy_table(operation, p)


@lru_cache(maxsize=4)
def _parallelograms(operation: str, p: int) -> Int[Tensor, "_ 2"]:
    return parallelograms(_truth(operation, p)[1])
