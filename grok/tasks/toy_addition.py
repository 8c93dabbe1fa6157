"""The toy addition of Liu et al. 2022 (arXiv:2205.10343, Sec. 2): sums of small numbers, or products on S₃. The target
of each result is a fixed random vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from grok.checks import UserError, check_choice, check_int
from grok.models.embedding_decoder import EmbeddingDecoder
from grok.models.model import Model
from grok.models.spec import Classes, Spec, TokenPairs, Values
from grok.random_streams import RandomStreams
from grok.science import losses
from grok.science.effective_theory.parallelograms import parallelograms
from grok.science.effective_theory.toy_operations import ON_S3, OPERATIONS, n_elements, n_pairs, n_results, toy_table
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds

LOSSES = ("squared_error", "cross_entropy")
RNGS = ("ours", "reference")
SAMPLINGS = ("epochs", "fresh")
MAX_P = 200  # the largest p: the templates of all pairs take 240 p³ bytes per replica, here 2 GB


@dataclass(frozen=True, kw_only=True)
class ToyAddition(Task):
    """Learn the results of an operation from `n_train` of its pairs.

    With squared error, each result has a template, a vector from N(0, 1). An example is correct if the template of its
    result is the nearest one to the outputs. With cross-entropy, the results are classes.

    Inputs are pairs, Int [pair, 2]. Targets are classes, or all templates, Float [pair, result, template_dimension],
    where the template of the pair's result is the first one.
    """

    per_replica_keys: ClassVar = ("rng",)
    p: int
    operation: str
    n_train: int
    loss: str
    template_dimension: int
    rng: str
    sampling: str
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        check_int("task.p", self.p, minimum=3, maximum=MAX_P)
        check_choice("task.operation", self.operation, OPERATIONS)
        check_int("task.n_train", self.n_train, minimum=1, maximum=n_pairs(self.operation, self.p) - 1)
        check_choice("task.loss", self.loss, LOSSES)
        check_int("task.template_dimension", self.template_dimension, minimum=1)
        check_choice("task.rng", self.rng, RNGS)
        check_choice("task.sampling", self.sampling, SAMPLINGS)

    @property
    def spec(self) -> Spec:
        is_regression, n_classes = self.loss == "squared_error", n_results(self.operation, self.p)
        outputs = Values(self.template_dimension) if is_regression else Classes(n_classes)
        return Spec(TokenPairs(n_elements(self.operation, self.p)), outputs)

    def full_table(self) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
        """All pairs and the indices of their results, in the order of every replica's inputs."""
        return _full_table(self.operation, self.p)

    def parallelograms(self) -> Int[Tensor, "parallelogram 2"]:
        """P₀: all parallelograms of the operation, as indices of pairs."""
        return _parallelograms(self.operation, self.p)

    def data(self, streams: RandomStreams) -> Data:
        """Pairs drawn by the stream `split`, and templates drawn by the stream `templates`.

        With `rng=reference`, both follow from `np.random.seed(seed)`, the templates first, as in the reference code.
        """
        pairs, results = self.full_table()
        templates, order = self._reference_draw(streams) if self._is_reference else self._draw(streams)
        targets = results
        if self.loss == "squared_error":
            n = len(templates)
            targets = templates[(results.unsqueeze(1) + torch.arange(n)) % n]
        train, test = order[: self.n_train], order[self.n_train :]
        name = f"{self.operation} on {n_elements(self.operation, self.p)} elements"
        generator = f"np.random.seed({streams.seed})" if self._is_reference else "the stream `split`"
        provenance = Provenance(
            source=f"generated: {name}, {len(pairs):,} pairs",
            split=f"{self.n_train:,} pairs drawn by {generator}; tested on the other {len(test):,}",
            message=f"{name}: training on {self.n_train:,} of {len(pairs):,} pairs",
        )
        reference_batches = partial(self._reference_batches, streams) if self._is_reference else None
        return Data(
            Examples(pairs, targets, train),
            Examples(pairs, targets, test),
            provenance,
            reference_batches=reference_batches,
        )

    def validate(self, model: Model) -> None:
        """Require the task's way to combine embeddings and, with `rng=reference`, the model of the reference.

        Raises:
            UserError: it is another model.
        """
        if isinstance(model, EmbeddingDecoder) and (model.combine == "sum") == (self.operation in ON_S3):
            allowed = "matrix_product (with model.d_embedding=9)" if self.operation in ON_S3 else "sum"
            raise UserError(f"model.combine={model.combine}: must be {allowed} for task.operation={self.operation}")
        bound = 0.05 if self.operation in ON_S3 else 0.5
        is_reference = isinstance(model, EmbeddingDecoder) and model.embedding_bound == bound
        if self._is_reference and not is_reference:
            raise UserError(f"task.rng=reference: needs model=embedding_decoder and model.embedding_bound={bound}")

    def initial_weights(self, model: Model, streams: RandomStreams) -> dict[str, Tensor]:
        """The initial weights of the reference code with `rng=reference`, else an empty dict: the model's own.

        The reference draws them after `torch.manual_seed(seed)`: the embeddings, then the decoder. For permutations it
        draws an encoder that it does not use, the decoder, then the embeddings.
        """
        if not self._is_reference:
            return {}
        assert isinstance(model, EmbeddingDecoder), "validated before training"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams.seed)
            if self.operation not in ON_S3:
                return {**_reference_embeddings(model), **_reference_decoder(model)}
            weights = [
                each for name, each in model.named_parameters() if name.endswith(".weight") and "decoder" in name
            ]
            hidden = [each.shape[2] for each in weights[:-1]]
            for n_in, n_out in pairwise([1, *hidden, model.token_embedding.shape[2]]):
                nn.Linear(n_in, n_out)  # the encoder
            decoder = _reference_decoder(model)
            return {**decoder, **_reference_embeddings(model)}

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
            return losses.first_is_nearest(outputs, targets)
        return losses.is_argmax(outputs, targets)

    @property
    def follows_reference(self) -> bool:
        return self._is_reference

    @property
    def _is_reference(self) -> bool:
        return self.rng == "reference"

    def _draw(self, streams: RandomStreams) -> tuple[Float[Tensor, "result out"], Int[Tensor, " pair"]]:
        """Templates, and an order of all pairs."""
        shape = (n_results(self.operation, self.p), self.template_dimension)
        templates = torch.randn(shape, generator=streams.generator("templates"), dtype=torch.float64)
        order = torch.randperm(n_pairs(self.operation, self.p), generator=streams.generator("split"))
        return templates, order

    def _reference_draw(
        self, streams: RandomStreams, rng: np.random.RandomState | None = None
    ) -> tuple[Float[Tensor, "result out"], Int[Tensor, " pair"]]:
        """Templates, and an order of all pairs: the reference's training pairs in its order, then the others."""
        rng = rng or np.random.RandomState(streams.seed)
        templates = rng.normal(0, 1, size=(n_results(self.operation, self.p), self.spec.outputs.n))
        n = n_pairs(self.operation, self.p)
        train = rng.choice(n, self.n_train, replace=False)
        order = np.concatenate([train, np.setdiff1d(np.arange(n), train)])
        return torch.from_numpy(templates), torch.from_numpy(order)

    def _reference_batches(self, streams: RandomStreams, batch_size: int) -> Iterator[Int[Tensor, " example"]]:
        """The positions among the training pairs of each step's batch: the draws after those of the data."""
        rng = np.random.RandomState(streams.seed)
        self._reference_draw(streams, rng)
        while True:
            yield torch.from_numpy(rng.choice(self.n_train, batch_size, replace=False))


def _reference_embeddings(model: EmbeddingDecoder) -> dict[str, Tensor]:
    """Embeddings as the reference draws them from torch's generator."""
    shape = model.token_embedding.shape[1:]
    return {"embeddings.weight": (torch.rand(*shape) - 0.5) * (2 * model.embedding_bound)}


def _reference_decoder(model: EmbeddingDecoder) -> dict[str, Tensor]:
    """A decoder of torch's layers, as the reference draws it."""
    weights = {}
    for name, weight in model.named_parameters():
        if name.startswith("decoder.") and name.endswith(".weight"):
            layer = nn.Linear(*weight.shape[1:])
            weights[name] = layer.weight.detach().T
            weights[name.replace("weight", "bias")] = layer.bias.detach().unsqueeze(0)
    return weights


@lru_cache(maxsize=4)
def _full_table(operation: str, p: int) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, " pair"]]:
    """All pairs of the operation and their results. Cached: replicas share equal tables."""
    return toy_table(operation, p)


@lru_cache(maxsize=4)
def _parallelograms(operation: str, p: int) -> Int[Tensor, "_ 2"]:
    return parallelograms(_full_table(operation, p)[1])
