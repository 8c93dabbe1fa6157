"""The inputs of a replica: the first molecules, split by its seed, without unnecessary padding."""

import numpy as np
import pytest
import torch

import grok
from grok.data import qm9
from grok.random_streams import RandomStreams
from grok.tasks import qm9 as tasks
from grok.tasks.task import Thresholds
from tests.conftest import trained_in


@pytest.fixture
def chains(monkeypatch, tmp_path):
    """Replaces QM9 by twenty chains of 1 to 5 carbon atoms, padded to 8; the target is 10 times the length."""
    lengths = 1 + np.arange(20) % 5
    atoms, bonds = np.zeros((20, 8, qm9.N_FEATURES), np.int8), np.zeros((20, 8, 8), np.int8)
    for number, length in enumerate(lengths):
        atoms[number, :length, 1], atoms[number, :length, 5] = 1, 6
        for atom in range(length - 1):
            bonds[number, atom, atom + 1] = bonds[number, atom + 1, atom] = 1
    atoms[..., 9] = atoms[..., 1]  # sp3
    arrays = {"atoms": atoms, "bonds": 4 * bonds, "kekule": bonds, "polarizability": 10.0 * lengths}
    monkeypatch.setattr(qm9, "_from_package", lambda: arrays)
    monkeypatch.chdir(tmp_path)
    for cached in (qm9.load, tasks._table):
        cached.cache_clear()
    yield arrays
    for cached in (qm9.load, tasks._table):
        cached.cache_clear()


def task(**changes) -> tasks.Qm9:
    thresholds = Thresholds(
        memorization=0.95,
        generalization=0.9,
        grokking_delay=1000,
        stay=False,
        memorization_loss=None,
        generalization_loss=None,
    )
    keys = dict(folder="data", features="reference", n_molecules=12, n_train=6, tolerance=4.0, thresholds=thresholds)
    return tasks.Qm9(**keys | changes)


def test_the_seed_splits_the_first_molecules_which_have_no_unnecessary_padding(chains):
    first, again, other = (task().data(RandomStreams(seed)) for seed in (0, 0, 1))
    assert first.train.inputs.shape == (12, 5, qm9.N_FEATURES + 5) and first.train.inputs is other.train.inputs
    assert torch.equal(first.train.indices, again.train.indices)
    assert not torch.equal(first.train.indices, other.train.indices)
    assert sorted([*first.train.indices.tolist(), *first.test.indices.tolist()]) == [*range(12)]
    assert first.train.targets.flatten().tolist() == chains["polarizability"][:12].tolist()
    assert torch.equal(first.train.inputs[..., qm9.N_FEATURES :], torch.from_numpy(chains["kekule"][:12, :5, :5]))


def test_the_features_of_the_reference_lack_aromaticity_and_hybridization(chains):
    reference, perceived = (
        task(features=each).data(RandomStreams(0)).train.inputs for each in ("reference", "perceived")
    )
    assert not reference[..., 6:10].any() and perceived[..., 9].any()
    assert (reference[..., qm9.N_FEATURES :].max(), perceived[..., qm9.N_FEATURES :].max()) == (1, 4)
    assert torch.equal(reference[..., :6], perceived[..., :6])


def test_an_example_is_correct_if_its_squared_error_is_below_the_tolerance():
    errors = torch.tensor([[0.0], [1.9], [-1.9], [2.1]])
    assert task().is_correct(errors, torch.zeros(4, 1)).tolist() == [True, True, True, False]


def test_a_graph_network_generalizes_to_the_length_of_new_chains(chains, tmp_path):
    keys = ("task.n_molecules=20", "task.n_train=12", "batch_size=12", "steps=300", "optimizer.lr=0.01", "init_scale=1")
    record = grok.load(trained_in(tmp_path / "run", "task=qm9_grok", "logger=none", *keys))
    assert record["test_loss"][-1] < 0.02 * record["test_loss"][0]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("n_molecules=10001", "task.n_molecules=10001: must be an integer from 2 to 10,000"),
        ("n_train=100", "task.n_train=100: must be an integer from 1 to 99"),
        ("tolerance=0", "task.tolerance=0: must be a number above 0"),
    ],
)
def test_a_mistake_is_a_one_line_error(command, override, line):
    code, stderr = command("task=qm9_grok", f"task.{override}", "logger=none")
    assert code == 2 and stderr.startswith(f"error: {line}") and stderr.count("\n") == 1


def test_a_missing_package_is_a_one_line_error_before_training(command, monkeypatch):
    monkeypatch.setattr(qm9, "PACKAGE", "no-such-molecules")
    for cached in (qm9.load, tasks._table):
        cached.cache_clear()
    code, stderr = command("task=qm9_grok", "logger=none")
    assert code == 2 and stderr.count("\n") == 1
    assert stderr.startswith(
        "error: task: needs the data of the package no-such-molecules, which is not installed; pip"
    )
