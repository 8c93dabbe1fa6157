"""The verdicts of film reviews from few of them: the language task of Omnigrok (Liu et al. 2023, Sec. 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.checks import UserError, whole
from grok.data import imdb
from grok.science import losses
from grok.streams import Streams
from grok.tasks.task import Data, Examples, Thresholds


@dataclass(frozen=True, kw_only=True)
class Imdb:
    """Say whether a film review praises, after reading `n_train` of them.

    Inputs are Int [review, max_words]: the first words of the review that are among the `n_words` most common ones of
    the training reviews, 1 for the most common, behind as many 0 as fill the row.
    """

    folder: str
    n_reviews: int
    n_train: int
    n_words: int
    max_words: int
    thresholds: Thresholds

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str):
            raise UserError(f"task.folder={self.folder}: must be the path of a folder")
        whole("task.n_reviews", self.n_reviews, least=2, most=25_000)
        whole("task.n_train", self.n_train, least=1, most=self.n_reviews - 1)
        whole("task.n_words", self.n_words, least=1)
        whole("task.max_words", self.max_words, least=1)

    @property
    def dimensions(self) -> dict[str, int]:
        return {"n_words": self.n_words + 1, "n_outputs": 1}

    def data(self, streams: Streams) -> Data:
        """Reviews drawn by the stream `split`, and divided so that both parts have the same share of praise."""
        reviews = imdb.load(self.folder)
        shuffled = torch.randperm(len(reviews.praises), generator=streams.generator("split")).numpy()
        drawn = shuffled[: self.n_reviews]
        drawn = drawn[stratified(reviews.praises[drawn], self.n_train)]
        texts = [reviews.review(number) for number in drawn]
        ranks = self._ranks(np.concatenate(texts[: self.n_train]), len(reviews.vocabulary))
        inputs = torch.from_numpy(np.stack([self._row(ranks[text]) for text in texts]))
        targets, rows = torch.from_numpy(reviews.praises[drawn]), torch.arange(self.n_reviews)
        origin = {
            "source": reviews.source,
            "checksum": reviews.checksum,
            "split": f"{self.n_reviews:,} reviews drawn by the stream `split`, {self.n_train:,} of them to train on",
            "why": f"IMDb: {self.n_train:,} reviews to train on and {self.n_reviews - self.n_train:,} to test on",
        }
        train, test = rows[: self.n_train], rows[self.n_train :]
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), origin)

    def _ranks(self, words: Int[np.ndarray, " word"], n: int) -> Int[np.ndarray, " n"]:
        """The rank by frequency of each word of a vocabulary of n, from 1 on; 0 from rank `n_words` + 1 on. Of equally
        common words, the one that is earlier in the vocabulary has the lower rank."""
        counts = np.bincount(words, minlength=n)
        ranked = np.argsort(-counts, kind="stable")[: self.n_words]
        ranks = np.zeros(n, np.int64)
        ranks[ranked] = np.where(counts[ranked] > 0, np.arange(1, len(ranked) + 1), 0)
        return ranks

    def _row(self, ranks: Int[np.ndarray, " word"]) -> Int[np.ndarray, " max_words"]:
        """A review's known words at the right end of a row of zeros."""
        known = ranks[ranks > 0][: self.max_words]
        row = np.zeros(self.max_words, np.int64)
        row[self.max_words - len(known) :] = known
        return row

    def example_loss(
        self, outputs: Float[Tensor, "*batch 1"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return losses.binary_cross_entropy(outputs, targets)

    def is_correct(self, outputs: Float[Tensor, "*batch 1"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_sign(outputs, targets)


def stratified(labels: Int[np.ndarray, " example"], n_first: int) -> Int[np.ndarray, " example"]:
    """An order in which the first `n_first` examples have as many labels 1 as their share of all makes (rounded)."""
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    n_ones = round(n_first * len(ones) / len(labels))
    n_zeros = n_first - n_ones
    return np.concatenate([ones[:n_ones], zeros[:n_zeros], ones[n_ones:], zeros[n_zeros:]])
