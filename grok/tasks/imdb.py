"""Sentiment of movie reviews from few training reviews: the language task of Omnigrok (Liu et al. 2023, Sec. 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.checks import UserError, check_int
from grok.data import imdb
from grok.models.spec import BinaryClass, Spec, TokenSequences
from grok.random_streams import RandomStreams
from grok.science import losses
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds


@dataclass(frozen=True, kw_only=True)
class Imdb(Task):
    """Classify movie reviews as positive or negative after training on `n_train` of them.

    The vocabulary is the `n_words` most common words of the training reviews. Inputs are Int [review, max_words]: the
    first words of the review that are in the vocabulary, by their rank, where 1 is the most common word. Shorter
    reviews are padded on the left with 0.
    """

    folder: str
    n_reviews: int
    n_train: int
    n_words: int
    max_words: int
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str):
            raise UserError(f"task.folder={self.folder}: must be the path of a folder")
        check_int("task.n_reviews", self.n_reviews, minimum=2, maximum=25_000)
        check_int("task.n_train", self.n_train, minimum=1, maximum=self.n_reviews - 1)
        check_int("task.n_words", self.n_words, minimum=1)
        check_int("task.max_words", self.max_words, minimum=1)

    @property
    def spec(self) -> Spec:
        return Spec(TokenSequences(self.n_words + 1, self.max_words), BinaryClass())

    def data(self, streams: RandomStreams) -> Data:
        """Reviews drawn by the stream `split`. Training and test set have the same share of positive reviews."""
        reviews = imdb.load(self.folder)
        shuffled = torch.randperm(len(reviews.praises), generator=streams.generator("split")).numpy()
        chosen = shuffled[: self.n_reviews]
        chosen = chosen[stratified_order(reviews.praises[chosen], self.n_train)]
        texts = [reviews.review(number) for number in chosen]
        ranks = self._ranks(np.concatenate(texts[: self.n_train]), len(reviews.vocabulary))
        inputs = torch.from_numpy(np.stack([self._padded(ranks[text]) for text in texts]))
        targets, indices = torch.from_numpy(reviews.praises[chosen]), torch.arange(self.n_reviews)
        provenance = Provenance(
            source=reviews.source,
            checksum=reviews.checksum,
            split=f"{self.n_reviews:,} reviews drawn by the stream `split`, {self.n_train:,} of them to train on",
            message=f"IMDb: {self.n_train:,} training reviews and {self.n_reviews - self.n_train:,} test reviews",
        )
        train, test = indices[: self.n_train], indices[self.n_train :]
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), provenance)

    def _ranks(self, words: Int[np.ndarray, " word"], n: int) -> Int[np.ndarray, " n"]:
        """The frequency rank of each of n words, starting at 1; 0 for words that are rarer than rank `n_words`.

        Equally common words are ranked by their index.
        """
        counts = np.bincount(words, minlength=n)
        ranked = np.argsort(-counts, kind="stable")[: self.n_words]
        ranks = np.zeros(n, np.int64)
        ranks[ranked] = np.where(counts[ranked] > 0, np.arange(1, len(ranked) + 1), 0)
        return ranks

    def _padded(self, ranks: Int[np.ndarray, " word"]) -> Int[np.ndarray, " max_words"]:
        """The words of a review with a rank, padded on the left with 0."""
        known = ranks[ranks > 0][: self.max_words]
        padded = np.zeros(self.max_words, np.int64)
        padded[self.max_words - len(known) :] = known
        return padded

    def example_loss(
        self, outputs: Float[Tensor, "*batch 1"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return losses.binary_cross_entropy(outputs, targets)

    def is_correct(self, outputs: Float[Tensor, "*batch 1"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_correct_sign(outputs, targets)


def stratified_order(labels: Int[np.ndarray, " example"], n_first: int) -> Int[np.ndarray, " example"]:
    """An order of all examples in which the first `n_first` have the same share of labels 1 as all, up to rounding."""
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    n_ones = round(n_first * len(ones) / len(labels))
    n_zeros = n_first - n_ones
    return np.concatenate([ones[:n_ones], zeros[:n_zeros], ones[n_ones:], zeros[n_zeros:]])
