"""Windows of text: which are trained on, which are tested, and what a run records of single tokens."""

import json

import numpy as np
import pytest
import torch

import grok
from grok.checks import UserError
from grok.data import corpus
from grok.random_streams import RandomStreams
from grok.science.language.token_classes import CLASSES
from grok.tasks.language import Language
from tests.conftest import assert_drawn, trained_in

pytest.importorskip("tokenizers")

PROSE = "However, I don't think that it isn't good; one of us should be there.\n"
CODE = "def run(self):\n    if x:\n        return 1\n\nNotes\n-----\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Forty texts of random lines of prose and code."""
    folder, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)
    for number in range(40):
        lines = [PROSE, CODE, "The quick brown fox jumps over the lazy dog, and it runs.\n"]
        (folder / f"{number}.txt").write_text(f"{number}\n" + "".join(rng.choice(lines, 30)))
    return folder


def task(files, /, **changes) -> Language:
    keys = dict(
        folder=str(files.parent / "cache"),
        files=str(files),
        n_documents=None,
        tokenizer=None,
        n_tokens=300,
        length=16,
        n_test=30,
    )
    return Language(**keys | changes)


def small(files, *more: str) -> tuple[str, ...]:
    keys = dict(folder=files.parent / "cache", files=files, n_tokens=300, length=16, n_test=30)
    given = [f"task.{key}={value}" for key, value in keys.items()]
    return ("task=language", "size=s0", *given, "steps=3", "optimizer.schedule.warmup=1", "logger=none", *more)


def test_every_size_sees_the_same_windows_of_training_documents_in_the_same_order(files):
    one = task(files)
    data = one.data(RandomStreams(0))
    inputs, targets = data.sample(50, torch.Generator().manual_seed(1))
    assert torch.equal(inputs[:, 1:], targets[:, :-1]) and inputs.shape == (50, 16)
    assert torch.equal(inputs, data.sample(50, torch.Generator().manual_seed(1))[0])
    train = one.corpus.train.tokens.astype(np.uint16).tobytes()
    starts = one.corpus.train.starts
    for window in torch.cat([inputs, targets[:, -1:]], 1).numpy().astype(np.uint16):
        place = train.find(window.tobytes()) // 2
        document = np.searchsorted(starts, place, side="right") - 1
        assert place >= 0 and place + 17 <= starts[document + 1]  # a window is within a document


def test_all_windows_are_equally_likely(files):
    sample = task(files)._training_windows
    n_places, documents = int(sample.ends[-1]), task(files).corpus.train
    assert n_places == np.maximum(np.diff(documents.starts) - 16, 0).sum()
    last = sample.ends - 1  # the last window of each document ends with the document
    starts = last + sample.shifts[torch.searchsorted(sample.ends, last, right=True)]
    assert (starts + 17).tolist() == documents.starts[1:].tolist()


def test_each_held_out_token_counts_at_most_once_and_with_half_a_window_of_context(files):
    one = task(files, n_test=10**6)
    data = one.data(RandomStreams(0))
    counted = one.mask(data.test.targets)
    assert counted[:, :8].sum() == 0 and counted[:, 8:].all()
    places = (one.test_starts[:, None] + 1 + np.arange(16))[counted.numpy()]
    assert len({*places.tolist()}) == len(places) > 1000
    assert (one.corpus.held_out.tokens[places] == data.test.targets[counted].numpy()).all()
    assert len(task(files).test_starts) == 30 and {*task(files).test_starts} < {*one.test_starts}


def test_test_examples_are_the_same_for_every_seed_and_tokens_read_as_text(files):
    one = task(files)
    first, second = (one.data(RandomStreams(seed)) for seed in (0, 1))
    assert first.test is second.test and first.provenance.checksum == f"sha256:{one.corpus.sha256}"
    assert b"The quick brown fox" in b"".join(one.utf8(torch.from_numpy(one.corpus.held_out.tokens[:2000])))


def test_a_run_records_losses_of_tokens_and_of_their_classes(files, tmp_path):
    folder = trained_in(tmp_path / "run", *small(files, "measure.token_losses.n_tokens=100"))
    record = grok.load(folder)
    assert record["class"].values.tolist() == [*CLASSES] and record["class_loss"].dims == ("step", "class")
    assert record["token_loss"].dtype == np.float16 and record["token_loss"].shape == (100,)
    share, loss = record["class_share"].isel(step=0), record["class_loss"].fillna(0)
    assert float(share.sum()) == pytest.approx(1)
    np.testing.assert_allclose((loss * share.values).sum("class"), record["test_loss"], rtol=1e-5)
    for name in ("n't", "comma after However", "self in a definition"):
        assert share.sel({"class": name}) > 0, name
    text = task(files).utf8(torch.from_numpy(record["token_target"].values))
    classes = record["token_class"].values
    assert {text[place] for place in np.flatnonzero(classes == CLASSES.index("n't"))} == {b"'t"}
    assert record["n_without_embeddings"] == 3312  # of s0, by hand: 12 · 16² + 13 · 16 + 2 · 16
    assert_drawn(folder / "token_classes.png")
    assert json.loads((folder / "summary.json").read_text())["phase"] is None


def test_texts_without_a_window_are_one_line(tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    for letter in "abc":
        (texts / f"{letter}.txt").write_text(letter)
    with pytest.raises(UserError, match=r"^task\.files=.*: no training document has more than 2 tokens$"):
        task(texts).data(RandomStreams(0))


def test_a_run_refuses_to_resume_on_another_corpus(files, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    for path in files.iterdir():
        (texts / path.name).write_bytes(path.read_bytes())
    keys = [each for each in small(texts) if not each.startswith("steps")]
    trained_in(tmp_path / "run", *keys, "steps=2", "optimizer.schedule.decay_until=null")
    (texts / "0.txt").write_text("another text " * 300)
    corpus._load.cache_clear()
    from grok.training.instantiation import _instantiate_cached

    _instantiate_cached.cache_clear()
    with pytest.raises(
        UserError, match=r"last.ckpt: this run was started on other data \(40 documents of .*restore them"
    ):
        trained_in(tmp_path / "run", *keys, "steps=4", "optimizer.schedule.decay_until=null")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (dict(length=10**5), r"^task\.length=100000: must be below \d+, the tokens of the longest training document$"),
        (
            dict(n_tokens=256),
            r"^task\.n_tokens=256: must be from 257 to 65,536, because 256 tokens are the single bytes$",
        ),
        (
            dict(tokenizer="none.json"),
            r"^task\.tokenizer=none\.json: no such file; it must be the tokenizer\.json of a model$",
        ),
        (dict(tokenizer="pyproject.toml"), r"^task\.tokenizer=pyproject\.toml: cannot be read as a tokenizer\.json"),
        (dict(n_documents=1), r"^task\.n_documents=1: must be an integer of at least 2$"),
        (dict(folder=3), r"^task\.folder=3: must be the path of a folder$"),
        (
            dict(files=["a", "b"]),
            r"^task\.files=\['a', 'b'\]: must be one path, of a text file or of a folder with text files$",
        ),
    ],
)
def test_wrong_values_are_one_line(files, changes, line):
    with pytest.raises(UserError, match=line):
        task(files, **changes).data(RandomStreams(0))
