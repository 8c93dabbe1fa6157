"""Sparse parity: targets are the parities they should be, frequencies are Zipf's, means weigh by them."""

import pytest
import torch
from scipy.stats import chisquare

from grok.science.quanta import zipf_frequencies
from grok.streams import Streams
from grok.tasks.sparse_parity import SparseParity
from grok.training.build import build
from grok.training.instantiation import instantiate
from grok.training.side_by_side import shared_part
from tests.conftest import composed
from tests.training.test_replicas import trained

SMALL = (
    "task=sparse_parity",
    "task.n_subtasks=7",
    "task.n_bits=70",
    "task.test_points=6",
    "model.width=9",
    "batch_size=40",
    "steps=12",
    "logger=none",
)


def task(*overrides: str) -> SparseParity:
    return instantiate(composed(*SMALL, *overrides)["task"], "task")


def parities(made: SparseParity, seed: int, inputs: torch.Tensor) -> list[int]:
    """What the targets should be, by Python's own integers."""
    subsets = made.subsets(Streams(seed)).tolist()
    return [sum(words[j // 64] >> j % 64 & 1 for j in subsets[subtask]) % 2 for subtask, *words in inputs.tolist()]


@pytest.mark.parametrize("changes", [(), ("task.k=1",), ("task.k=70", "task.n_subtasks=1"), ("task.n_train=50",)])
def test_targets_are_the_parities_of_their_subtasks_bits(changes):
    made = task(*changes)
    data = made.data(Streams(3))
    pairs = [(part.inputs, part.targets) for part in (data.train, data.test)]
    pairs += [data.fresh(300, torch.Generator())] if data.fresh else []
    assert len(pairs) == (2 if "task.n_train=50" in changes else 3)
    for inputs, targets in pairs:
        assert targets.tolist() == parities(made, 3, inputs) and 0.2 < targets.double().mean() < 0.8


def test_subsets_are_distinct_sorted_and_the_seeds():
    made = task("task.n_subtasks=10", "task.n_bits=5", "task.k=2")  # as many as there are
    subsets = [tuple(each) for each in made.subsets(Streams(0)).tolist()]
    assert sorted(subsets) == [(a, b) for a in range(5) for b in range(a + 1, 5)]
    assert torch.equal(made.subsets(Streams(0)), made.subsets(Streams(0)))
    assert not torch.equal(made.subsets(Streams(0)), made.subsets(Streams(1)))


@pytest.mark.parametrize("alpha", [0.1, 0.8])
def test_subtasks_come_as_often_as_the_papers_alpha_says(alpha):
    made = task(f"task.alpha={alpha}", "task.n_subtasks=50")
    inputs, _ = made.data(Streams(0)).fresh(100_000, torch.Generator().manual_seed(1))
    counts = inputs[:, 0].bincount(minlength=50)
    weights = [rank ** -(alpha + 1) for rank in range(1, 51)]
    expected = [100_000 * each / sum(weights) for each in weights]
    assert chisquare(counts.tolist(), expected).pvalue > 0.01


def test_the_test_loss_is_the_mean_over_the_tasks_own_examples():
    """Σ p_i L_i, from as many points of the rarest subtask as of the most frequent one."""
    configs = [composed(*SMALL, f"task.alpha={alpha}") for alpha in (0.2, 1.5)]
    training, data = build(configs)
    training.look()
    for replica, alpha in enumerate((0.2, 1.5)):
        assert data[replica].test.inputs[:, 0].bincount().tolist() == [6] * 7
        by_subtask = training.history.latest("subtask_loss")[replica].numpy()
        expected = zipf_frequencies(7, alpha=alpha) @ by_subtask
        assert training.history.latest("test_loss")[replica].item() == pytest.approx(expected, rel=1e-6)
        assert data[replica].test.weights.sum().item() == pytest.approx(1)


def test_what_measures_training_by_new_examples_is_apart_from_the_test():
    data = task().data(Streams(0))
    assert data.train.inputs.shape == data.test.inputs.shape and torch.equal(data.train.weights, data.test.weights)
    assert not (data.train.inputs[:, 1:] == data.test.inputs[:, 1:]).any()


def test_replicas_with_seeds_alphas_and_bits_of_their_own_learn_as_alone():
    own = [("seed=0",), ("seed=1", "task.alpha=1.5"), ("seed=2", "task.k=2", "optimizer.lr=0.01")]
    for fixed in ((), ("task.n_train=90",)):
        configs = [composed(*SMALL, "precision=float64", *fixed, *changes) for changes in own]
        assert all(shared_part(config) == shared_part(configs[0]) for config in configs)
        together = trained(*configs)
        for replica, config in enumerate(configs):
            alone = trained(config)
            for name, rows in alone.history.columns.items():
                for ours, single in zip(together.history.columns[name], rows, strict=True):
                    torch.testing.assert_close(ours[replica], single[0], rtol=1e-9, atol=1e-12)


def test_new_examples_are_a_function_of_the_step():
    first, second = (build([composed(*SMALL)])[0].feed for _ in range(2))
    there = [first.batch(step) for step in range(4)]
    back = [second.batch(step) for step in reversed(range(4))][::-1]
    for (inputs, targets), (same, same_targets) in zip(there, back, strict=True):
        assert torch.equal(inputs, same) and torch.equal(targets, same_targets) and inputs.shape == (1, 40, 3)
    assert not torch.equal(there[0][0], there[1][0])


def test_a_fixed_set_is_shown_whole_in_every_epoch():
    training, (data,) = build([composed(*SMALL, "task.n_train=100")])
    assert data.fresh is None and data.train.weights is None and len(data.train.rows) == 100
    epochs = [torch.cat([training.feed.batch(3 * epoch + i)[0] for i in range(3)], 1)[0] for epoch in range(2)]
    rows = [sorted(epoch.tolist()) for epoch in epochs]
    assert rows[0] == rows[1] == sorted(data.train.inputs.tolist()) and not torch.equal(*epochs)


def test_two_of_eight_bits_are_learned_in_seconds():
    sizes = ("task.n_subtasks=3", "task.n_bits=8", "task.k=2", "task.test_points=200", "model.width=64")
    history = trained(composed(*SMALL, *sizes, "batch_size=400", "steps=600", "optimizer.lr=0.01")).history
    assert history.columns["test_accuracy"][0] < 0.7
    assert history.latest("test_accuracy") > 0.99 and history.latest("n_converged") == 3


def test_a_run_leaves_the_curve_of_every_subtask(command, tmp_path):
    import grok

    code, said = command(*SMALL, f"hydra.run.dir={tmp_path}/run")
    assert not code, said
    record = grok.load(tmp_path / "run")
    assert record["subtask_loss"].dims == ("step", "subtask") and record["subtask"].values.tolist() == [*range(1, 8)]
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("task.k=71",), "task.k=71: must be at most task.n_bits=70"),
        (("task.k=0",), "task.k=0: must be a whole number of at least 1"),
        (
            ("task.n_subtasks=11", "task.n_bits=5", "task.k=2"),
            "task.n_subtasks=11: must be at most the 10 subsets of task.k=2 of task.n_bits=5 bits",
        ),
        (("task.n_train=39",), "batch_size=40: must be at most the 39 training examples, or null for all"),
        (("task.n_train=0",), "task.n_train=0: must be a whole number of at least 1"),
        (("batch_size=null",), "batch_size=null: this task draws new examples in every step; say how many"),
        (("task.alpha=0",), "task.alpha=0: must be a number above 0"),
        (("task.alpha=-0.4",), "task.alpha=-0.4: must be a number above 0"),
        (("task.test_points=1",), "task.test_points=1: must be a whole number of at least 2"),
        (("model.width=0",), "model.width=0: must be a whole number of at least 1"),
    ],
)
def test_a_mistake_is_one_clear_line(command, overrides, line):
    code, said = command(*SMALL, *overrides)
    assert code == 2 and said.strip() == f"error: {line}"
