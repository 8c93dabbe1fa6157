"""The next token of text: documents of a corpus in windows of tokens (Michaud et al. 2023, Sec. 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from grok.checks import UserError, check_int
from grok.data import corpus
from grok.data.corpus import Corpus, TokenDocuments
from grok.models.model import Model
from grok.models.pretrained import PretrainedLanguageModel
from grok.random_streams import RandomStreams
from grok.tasks.next_token import MIN_LENGTH, NOT_COUNTED, NextTokenTask
from grok.tasks.task import Data, Examples, Provenance


@dataclass(frozen=True, kw_only=True)
class Language(NextTokenTask):
    """Windows of `length` tokens within a document, of text in installed packages or of a user's `files`.

    A step draws windows at random places of the training documents, by the seed and the step alone: models of every
    size see the same tokens in the same order. At most `n_test` windows of the held-out documents are the test
    examples, the same for every seed. There, tokens with less than half a window of context do not count.
    """

    folder: str
    files: str | None
    n_documents: int | None
    tokenizer: str | None
    n_test: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.folder, str):
            raise UserError(f"task.folder={self.folder}: must be the path of a folder")
        if not isinstance(self.files or "", str):
            raise UserError(f"task.files={self.files}: must be one path, of a text file or of a folder with text files")
        if not corpus.N_BYTES < self.n_tokens <= corpus.MAX_TOKENS:
            raise UserError(
                f"task.n_tokens={self.n_tokens}: must be from {corpus.N_BYTES + 1} to {corpus.MAX_TOKENS:,}, because "
                f"{corpus.N_BYTES} tokens are the single bytes"
            )
        if self.n_documents is not None:
            check_int("task.n_documents", self.n_documents, minimum=2)
        check_int("task.n_test", self.n_test, minimum=1)
        if (
            self.tokenizer is not None
            and (n := corpus.read_tokenizer(str(self.tokenizer)).get_vocab_size()) != self.n_tokens
        ):
            raise UserError(
                f"task.n_tokens={self.n_tokens}: must be {n}, the vocabulary of task.tokenizer={self.tokenizer}"
            )

    def validate(self, model: Model) -> None:
        """Require the tokenizer of a pretrained model.

        Raises:
            UserError: the model comes with another one.
        """
        file = model.tokenizer_file if isinstance(model, PretrainedLanguageModel) else None
        if file is not None and (others := corpus.other_numbers(self.corpus.tokenizer, file)):
            raise UserError(
                f"task.tokenizer={self.tokenizer or 'null'}: {len(others):,} tokens, such as {others[0]}, have other "
                f"numbers in the model's own tokenizer; task.tokenizer={file} is that one"
            )

    @cached_property
    def corpus(self) -> Corpus:
        """The encoded corpus.

        Raises:
            UserError: a package is missing, there is no text, or `length` is longer than every document.
        """
        found = corpus.load(
            self.folder,
            files=self.files,
            n_documents=self.n_documents,
            n_tokens=self.n_tokens,
            tokenizer=self.tokenizer,
        )
        for part, documents in (("training", found.train), ("held-out", found.held_out)):
            if documents.longest <= MIN_LENGTH:
                raise UserError(f"task.files={self.files}: no {part} document has more than {MIN_LENGTH} tokens")
            if documents.longest <= self.length:
                raise UserError(
                    f"task.length={self.length}: must be below {documents.longest}, the tokens of the longest {part} "
                    "document"
                )
        return found

    @cached_property
    def test_starts(self) -> Int[np.ndarray, " window"]:
        """The first token of each test window among the held-out tokens."""
        return spread_windows(self.corpus.held_out, self.length, n=self.n_test)

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes of each token of the vocabulary."""
        return self.corpus.token_bytes()

    def utf8(self, tokens: Int[Tensor, " token"]) -> list[bytes]:
        return [self.token_bytes[token] for token in tokens.tolist()]

    @cached_property
    def unigram_loss(self) -> Float[np.ndarray, " token"]:
        """The loss of each token of the vocabulary by its frequency among the training tokens, in nats.

        1 is added to each count, so that the loss of tokens without a count is finite.
        """
        counts = np.bincount(self.corpus.train.tokens, minlength=self.n_tokens) + 1
        return np.asarray(-np.log(counts / counts.sum()))

    def data(self, streams: RandomStreams) -> Data:
        """Fixed windows to measure on, and new training windows in every step."""
        train, test = self._examples
        note = corpus.missing_plays(self.files)
        provenance = Provenance(
            source=self.corpus.source,
            checksum=f"sha256:{self.corpus.sha256}",
            split=f"{corpus.HELD_OUT:.0%} of the documents, by hash; {len(test.indices):,} test windows",
            message=f"language: {len(self.corpus.train.tokens):,} training tokens, "
            f"{len(self.corpus.held_out.tokens):,} held out" + (f"; {note}" if note else ""),
        )
        return Data(train, test, provenance, self._training_windows)

    @cached_property
    def _examples(self) -> tuple[Examples, Examples]:
        """Training windows, a quarter as many as test windows, and test windows. Replicas share them."""
        starts = spread_windows(self.corpus.train, self.length, n=max(1, self.n_test // 4))
        parts = ((self.corpus.train, starts), (self.corpus.held_out, self.test_starts))
        train, test = (self._part(documents, starts) for documents, starts in parts)
        return train, test

    def _part(self, documents: TokenDocuments, starts: Int[np.ndarray, " window"]) -> Examples:
        windows = torch.from_numpy(documents.tokens[starts[:, None] + np.arange(self.length + 1)]).long()
        targets = windows[:, 1:].clone()
        targets[:, : self.length // 2] = NOT_COUNTED
        return Examples(windows[:, :-1].clone(), targets, torch.arange(len(starts)))

    @cached_property
    def _training_windows(self) -> TrainingWindows:
        return TrainingWindows(self.corpus.train, self.length)


class TrainingWindows:
    """Windows of the training documents; all places are equally likely."""

    def __init__(self, documents: TokenDocuments, length: int) -> None:
        self.tokens = torch.from_numpy(documents.tokens)
        n_places = np.maximum(np.diff(documents.starts) - length, 0)
        self.ends = torch.from_numpy(np.cumsum(n_places))  # of each document's places, among those of all documents
        self.shifts = torch.from_numpy(documents.starts[1:] - length) - self.ends  # from places to first tokens
        self.within = torch.arange(length + 1)

    def __call__(
        self, n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example position"], Int[Tensor, "example position"]]:
        """n windows and their next tokens."""
        places = torch.randint(int(self.ends[-1]), (n,), generator=generator)
        starts = places + self.shifts[torch.searchsorted(self.ends, places, right=True)]
        windows = self.tokens[starts.unsqueeze(1) + self.within].long()
        return windows[:, :-1], windows[:, 1:]


def spread_windows(documents: TokenDocuments, length: int, *, n: int) -> Int[np.ndarray, " window"]:
    """The first tokens of at most n windows, spread evenly over the documents.

    Windows of a document overlap by half, so that no token is in the second half of two windows. The document's first
    half window is in no second half, and neither are the tokens after its last window.
    """
    stride = length - length // 2
    firsts, ends = documents.starts[:-1], documents.starts[1:]
    windows = np.concatenate([np.arange(first, end - length, stride) for first, end in zip(firsts, ends, strict=True)])
    return windows[np.linspace(0, len(windows) - 1, min(n, len(windows))).round().astype(np.int64)]
