"""Sparse parity: targets are parities, subtasks have Zipf frequencies, and means are weighted by them."""

import pytest
import torch
from scipy.stats import chisquare

import grok
from grok.random_streams import RandomStreams
from grok.science.quanta.quantization_model import zipf_frequencies
from grok.tasks.sparse_parity import SparseParity
from grok.training.batching import shared_config
from grok.training.build import build
from grok.training.instantiation import instantiate
from tests.conftest import composed
from tests.training.test_replicas import trained

SMALL = (
    "task=sparse_parity",
    "task.n_subtasks=7",
    "task.n_bits=70",
    "task.n_test_per_subtask=6",
    "model.width=9",
    "batch_size=40",
    "steps=12",
    "logger=none",
)


def task(*overrides: str) -> SparseParity:
    return instantiate(composed(*SMALL, *overrides)["task"], "task")


def parities(parity_task: SparseParity, seed: int, inputs: torch.Tensor) -> list[int]:
    """The parities of the inputs, computed with Python's integers."""
    subsets = parity_task.subsets(RandomStreams(seed)).tolist()
    return [sum(words[j // 64] >> j % 64 & 1 for j in subsets[subtask]) % 2 for subtask, *words in inputs.tolist()]


@pytest.mark.parametrize(
    "changes", [(), ("task.subset_size=1",), ("task.subset_size=70", "task.n_subtasks=1"), ("task.n_train=50",)]
)
def test_targets_are_the_parities_of_the_bits_of_their_subtask(changes):
    parity_task = task(*changes)
    data = parity_task.data(RandomStreams(3))
    pairs = [(part.inputs, part.targets) for part in (data.train, data.test)]
    pairs += [data.sample(300, torch.Generator())] if data.sample else []
    assert len(pairs) == (2 if "task.n_train=50" in changes else 3)
    for inputs, targets in pairs:
        assert targets.tolist() == parities(parity_task, 3, inputs) and 0.2 < targets.double().mean() < 0.8


def test_many_examples_have_their_parities(monkeypatch):
    monkeypatch.setattr("grok.tasks.sparse_parity.PARITY_EXAMPLES", 16)
    parity_task = task("task.n_train=50")
    train = parity_task.data(RandomStreams(3)).train
    assert train.targets.tolist() == parities(parity_task, 3, train.inputs)


def test_subsets_are_distinct_and_sorted_and_depend_on_the_seed():
    parity_task = task("task.n_subtasks=10", "task.n_bits=5", "task.subset_size=2")  # all ten subsets
    first, again, other = (parity_task.subsets(RandomStreams(seed)) for seed in (0, 0, 1))
    assert sorted(tuple(each) for each in first.tolist()) == [(a, b) for a in range(5) for b in range(a + 1, 5)]
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("alpha", [0.1, 0.8])
def test_subtasks_have_the_frequencies_of_the_papers_alpha(alpha):
    parity_task = task(f"task.alpha={alpha}", "task.n_subtasks=50")
    inputs, _ = parity_task.data(RandomStreams(0)).sample(100_000, torch.Generator().manual_seed(1))
    counts = inputs[:, 0].bincount(minlength=50)
    weights = [rank ** -(alpha + 1) for rank in range(1, 51)]
    expected = [100_000 * each / sum(weights) for each in weights]
    assert chisquare(counts.tolist(), expected).pvalue > 0.01


def test_the_test_loss_is_the_mean_over_subtasks_weighted_by_frequency():
    """Σ p_i L_i, with equally many test examples of each subtask."""
    configs = [composed(*SMALL, f"task.alpha={alpha}") for alpha in (0.2, 1.5)]
    module, data = build(configs)
    module.evaluate()
    for replica, alpha in enumerate((0.2, 1.5)):
        assert data[replica].test.inputs[:, 0].bincount().tolist() == [6] * 7
        subtask_losses = module.history.latest("subtask_loss")[replica].numpy()
        expected = zipf_frequencies(7, alpha=alpha) @ subtask_losses
        assert module.history.latest("test_loss")[replica].item() == pytest.approx(expected, rel=1e-6)
        assert data[replica].test.weights.sum().item() == pytest.approx(1)


def test_the_examples_that_measure_training_accuracy_differ_from_the_test_set():
    data = task().data(RandomStreams(0))
    assert data.train.inputs.shape == data.test.inputs.shape and torch.equal(data.train.weights, data.test.weights)
    assert not (data.train.inputs[:, 1:] == data.test.inputs[:, 1:]).any()


def test_batched_replicas_with_different_seeds_alphas_and_subset_sizes_learn_as_if_alone():
    variants = [("seed=0",), ("seed=1", "task.alpha=1.5"), ("seed=2", "task.subset_size=2", "optimizer.lr=0.01")]
    for training_set in ((), ("task.n_train=90",)):
        configs = [composed(*SMALL, "precision=float64", *training_set, *changes) for changes in variants]
        assert all(shared_config(config) == shared_config(configs[0]) for config in configs)
        batched = trained(*configs)
        for replica, config in enumerate(configs):
            alone = trained(config)
            for name, column in alone.history.columns.items():
                for values, single in zip(batched.history.columns[name], column, strict=True):
                    torch.testing.assert_close(values[replica], single[0], rtol=1e-9, atol=1e-12)


def test_new_examples_are_a_function_of_the_step():
    first, second = (build([composed(*SMALL)])[0].batches for _ in range(2))
    forward = [first.batch(step) for step in range(4)]
    backward = [second.batch(step) for step in reversed(range(4))][::-1]
    for (inputs, targets), (same_inputs, same_targets) in zip(forward, backward, strict=True):
        assert torch.equal(inputs, same_inputs) and torch.equal(targets, same_targets) and inputs.shape == (1, 40, 3)
    assert not torch.equal(forward[0][0], forward[1][0])


def test_every_epoch_contains_a_fixed_training_set_once():
    module, (data,) = build([composed(*SMALL, "task.n_train=100")])
    assert data.sample is None and data.train.weights is None and len(data.train.indices) == 100
    epochs = [torch.cat([module.batches.batch(3 * epoch + i)[0] for i in range(3)], 1)[0] for epoch in range(2)]
    examples = [sorted(epoch.tolist()) for epoch in epochs]
    assert examples[0] == examples[1] == sorted(data.train.inputs.tolist()) and not torch.equal(*epochs)


def test_two_of_eight_bits_are_learned_in_seconds():
    sizes = (
        "task.n_subtasks=3",
        "task.n_bits=8",
        "task.subset_size=2",
        "task.n_test_per_subtask=200",
        "model.width=64",
    )
    history = trained(composed(*SMALL, *sizes, "batch_size=400", "steps=600", "optimizer.lr=0.01")).history
    assert history.columns["test_accuracy"][0] < 0.7
    assert history.latest("test_accuracy") > 0.99 and history.latest("n_converged") == 3


def test_the_record_of_a_run_has_the_curve_of_every_subtask(command, tmp_path):
    code, stderr = command(*SMALL, f"hydra.run.dir={tmp_path}/run")
    assert not code, stderr
    record = grok.load(tmp_path / "run")
    assert record["subtask_loss"].dims == ("step", "subtask") and record["subtask"].values.tolist() == [*range(1, 8)]
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("task.subset_size=71",), "task.subset_size=71: must be at most task.n_bits=70"),
        (("task.subset_size=0",), "task.subset_size=0: must be an integer of at least 1"),
        (
            ("task.n_subtasks=11", "task.n_bits=5", "task.subset_size=2"),
            "task.n_subtasks=11: must be at most the 10 subsets of task.subset_size=2 of task.n_bits=5 bits",
        ),
        (("task.n_train=39",), "batch_size=40: must be at most the 39 training examples, or null for all"),
        (("task.n_train=0",), "task.n_train=0: must be an integer of at least 1"),
        (("batch_size=null",), "batch_size=null: this task samples new examples in every step and needs a batch size"),
        (("task.alpha=0",), "task.alpha=0: must be a number above 0"),
        (("task.alpha=-0.4",), "task.alpha=-0.4: must be a number above 0"),
        (("task.n_test_per_subtask=1",), "task.n_test_per_subtask=1: must be an integer of at least 2"),
        (("model.width=0",), "model.width=0: must be an integer of at least 1"),
    ],
)
def test_a_mistake_is_a_one_line_error(command, overrides, line):
    code, stderr = command(*SMALL, *overrides)
    assert code == 2 and stderr.strip() == f"error: {line}"
