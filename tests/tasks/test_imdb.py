"""The inputs of a replica: padded word ranks, and a split with equal shares of positive reviews."""

import json

import numpy as np
import pytest
import torch

import grok
from grok.checks import UserError
from grok.data import imdb
from grok.random_streams import RandomStreams
from grok.tasks.imdb import Imdb, stratified_order
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
    """Replaces the package's reviews by forty short reviews; the second half is positive."""
    words = ["good", "bad", "film", "long", "short", "loud", "slow", "new", "old"]
    samples = np.random.default_rng(0).integers(len(words), size=(40, 9))
    texts = [" ".join(words[index] for index in row[: 1 + number % 9]) for number, row in enumerate(samples)]

    def make():
        word_indices, starts, vocabulary = imdb.tokenize(texts)
        letters = np.frombuffer("\n".join(vocabulary).encode(), np.uint8)
        return {"words": word_indices, "starts": starts, "praises": np.arange(40) // 20, "vocabulary": letters}

    monkeypatch.setattr(imdb, "_from_package", make)
    monkeypatch.chdir(tmp_path)
    imdb.load.cache_clear()
    yield texts
    imdb.load.cache_clear()


def task(**changes) -> Imdb:
    thresholds = Thresholds(
        memorization=0.99,
        generalization=0.6,
        grokking_delay=1000,
        stay=False,
        memorization_loss=None,
        generalization_loss=None,
    )
    keys = dict(folder="data", n_reviews=24, n_train=16, n_words=6, max_words=7, thresholds=thresholds)
    return Imdb(**keys | changes)


def test_inputs_are_the_frequency_ranks_of_words_padded_on_the_left(few_reviews):
    data = task(n_words=9, max_words=20).data(RandomStreams(0))
    reviews = imdb.load("data")
    ranks = [[rank for rank in review if rank] for review in data.train.inputs.tolist()]
    assert all(review[-1] for review in data.train.inputs.tolist())
    counts = np.bincount([rank for review in ranks[:16] for rank in review], minlength=10)[1:]
    assert (np.diff(counts) <= 0).all() and counts[0] > counts[-1]  # a more common word has a lower rank
    lengths = sorted(len(review) for review in ranks)
    assert set(lengths) <= {len(text.split()) for text in few_reviews} and len(reviews.vocabulary) == 9


def test_long_reviews_are_truncated_and_rare_words_are_dropped(few_reviews):
    full, truncated = task(n_words=9, max_words=20).data(RandomStreams(0)), task(max_words=3).data(RandomStreams(0))
    for long, short in zip(full.train.inputs.tolist(), truncated.train.inputs.tolist(), strict=True):
        known = [rank for rank in long if 0 < rank <= 6][:3]
        assert short == [0] * (3 - len(known)) + known


def test_the_seed_selects_the_reviews_and_the_training_set_has_the_share_of_positive_reviews_of_all(few_reviews):
    first, again, other = (task().data(RandomStreams(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert not torch.equal(first.train.inputs, other.train.inputs)
    for data in (first, other):
        share = data.train.targets[data.train.indices].double().mean()
        assert abs(share - data.train.targets.double().mean()) <= 0.5 / 16


@pytest.mark.parametrize("n_first", [1, 7, 9])
def test_a_stratified_order_is_a_permutation_whose_first_part_has_the_share_of_all(n_first):
    labels = np.array([1, 0, 0, 1, 1, 0, 1, 1, 1, 0])
    order = stratified_order(labels, n_first)
    assert sorted(order) == [*range(10)]
    assert labels[order[:n_first]].sum() == round(0.6 * n_first)


def test_an_lstm_learns_reviews_that_one_word_decides(few_reviews, monkeypatch, tmp_path):
    texts = ["good film"] * 20 + ["bad film"] * 20
    monkeypatch.setattr(imdb, "tokenize", lambda _, tokenize=imdb.tokenize: tokenize(texts))
    keys = ("optimizer.lr=0.03", "optimizer.weight_decay=0", "init_scale=1")
    record = grok.load(trained_in(tmp_path / "run", *TINY[:-2], "steps=100", TINY[-1], *keys))
    assert record["test_accuracy"][-1] == 1 and record["train_loss"][-1] < 0.1


@pytest.mark.slow
def test_the_landscape_study_of_reviews_runs_at_smoke_scale_and_writes_its_verdict_and_figure(
    command, tmp_path, few_reviews
):
    small = ("task.n_reviews=24", "task.n_train=16", "batch_size=8")
    assert command("study=imdb_landscape", "scale=smoke", *small, "logger=none", "hydra.sweep.dir=sweep")[0] == 0
    verdict = json.loads((tmp_path / "sweep" / "verdict.json").read_text())
    assert verdict and all(each["holds"] is None for each in verdict)
    assert (tmp_path / "sweep" / "figure.png").stat().st_size > 10_000


def test_the_lstms_of_a_sweep_are_not_batched_and_train_as_if_alone(command, tmp_path, few_reviews):
    assert command("-m", *TINY, "seed=0,1", "init_scale=1,3", "hydra.sweep.dir=sweep")[0] == 0
    assert "4 runs (batches of 1 + 1 + 1 + 1)" in command.output
    alone = grok.load(trained_in(tmp_path / "alone", *TINY, "seed=1", "init_scale=3"))
    in_sweep = grok.load(tmp_path / "sweep").sel(seed=1, init_scale=3)
    for name in ("train_loss", "test_loss", "weight_norm"):
        assert in_sweep[name].values.tolist() == alone[name].values.tolist()
    with pytest.raises(ValueError, match="one network, not 2"):
        build([composed(*TINY), composed(*TINY, "seed=1")])


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("n_reviews=25001", "task.n_reviews=25001: must be an integer from 2 to 25,000"),
        ("n_train=1000", "task.n_train=1000: must be an integer from 1 to 999"),
        ("max_words=0", "task.max_words=0: must be an integer of at least 1"),
        ("folder=3", "task.folder=3: must be text"),
    ],
)
def test_a_mistake_is_a_one_line_error(command, override, line):
    code, stderr = command("task=imdb_grok", f"task.{override}", "logger=none")
    assert code == 2 and stderr.startswith(f"error: {line}") and stderr.count("\n") == 1


def test_a_missing_package_is_a_one_line_error_before_training(command, monkeypatch):
    monkeypatch.setattr(imdb, "PACKAGE", "no-such-reviews")
    imdb.load.cache_clear()
    code, stderr = command("task=imdb_grok", "logger=none")
    assert code == 2 and stderr.count("\n") == 1
    assert stderr.startswith(
        "error: task: needs the data of the package no-such-reviews, which is not installed; pip install"
    )


def test_words_that_the_training_reviews_lack_have_no_rank():
    ranks = task()._ranks(np.array([2, 2, 0, 1, 1, 1]), 5)
    assert ranks.tolist() == [3, 1, 2, 0, 0]
    with pytest.raises(UserError, match=r"task.n_words=0"):
        task(n_words=0)
    assert composed("task=imdb_grok")["optimizer"]["transforms"]["clip_gradients"]["max_norm"] == 5
