"""What a replica sees of the molecules: the first of them, divided by its seed, in rows no longer than they need be."""

import numpy as np
import pytest
import torch

import grok
from grok.data import qm9
from grok.streams import Streams
from grok.tasks import qm9 as tasks
from grok.tasks.task import Thresholds
from tests.conftest import trained_in


@pytest.fixture
def chains(monkeypatch, tmp_path):
    """Twenty chains of carbons, of 1 to 5 atoms, in room for 8, whose target is their length."""
    lengths = 1 + np.arange(20) % 5
    atoms, bonds = np.zeros((20, 8, qm9.N_FEATURES), np.int8), np.zeros((20, 8, 8), np.int8)
    for number, length in enumerate(lengths):
        atoms[number, :length, 1], atoms[number, :length, 5] = 1, 6
        for one in range(length - 1):
            bonds[number, one, one + 1] = bonds[number, one + 1, one] = 1
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
    thresholds = Thresholds(memorization=0.95, generalization=0.9, grokking_delay=1000, stay=False)
    keys = dict(folder="data", features="reference", n_molecules=12, n_train=6, tolerance=4.0, thresholds=thresholds)
    return tasks.Qm9(**keys | changes)


def test_the_first_molecules_are_divided_by_the_seed_in_rows_no_longer_than_they_need_be(chains):
    first, again, other = (task().data(Streams(seed)) for seed in (0, 0, 1))
    assert first.train.inputs.shape == (12, 5, qm9.N_FEATURES + 5) and first.train.inputs is other.train.inputs
    assert torch.equal(first.train.rows, again.train.rows) and not torch.equal(first.train.rows, other.train.rows)
    assert sorted([*first.train.rows.tolist(), *first.test.rows.tolist()]) == [*range(12)]
    assert first.train.targets.flatten().tolist() == chains["polarizability"][:12].tolist()
    assert torch.equal(first.train.inputs[..., qm9.N_FEATURES :], torch.from_numpy(chains["kekule"][:12, :5, :5]))


def test_the_references_features_are_those_that_a_table_of_bonds_gives(chains):
    reference, perceived = (task(features=each).data(Streams(0)).train.inputs for each in ("reference", "perceived"))
    assert not reference[..., 6:10].any() and perceived[..., 9].any()
    assert (reference[..., qm9.N_FEATURES :].max(), perceived[..., qm9.N_FEATURES :].max()) == (1, 4)
    assert torch.equal(reference[..., :6], perceived[..., :6])


def test_an_example_is_correct_within_the_root_of_the_tolerance():
    errors = torch.tensor([[0.0], [1.9], [-1.9], [2.1]])
    assert task().is_correct(errors, torch.zeros(4, 1)).tolist() == [True, True, True, False]


def test_a_graph_network_learns_the_length_of_chains_it_has_not_seen(chains, tmp_path):
    keys = ("task.n_molecules=20", "task.n_train=12", "batch_size=12", "steps=300", "optimizer.lr=0.01", "init_scale=1")
    record = grok.load(trained_in(tmp_path / "run", "task=qm9_grok", "logger=none", *keys))
    assert record["test_loss"][-1] < 0.02 * record["test_loss"][0]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("n_molecules=10001", "task.n_molecules=10001: must be a whole number from 2 to 10,000"),
        ("n_train=100", "task.n_train=100: must be a whole number from 1 to 99"),
        ("tolerance=0", "task.tolerance=0: must be a number above 0"),
    ],
)
def test_a_mistake_is_one_line(command, given, line):
    code, said = command("task=qm9_grok", f"task.{given}", "logger=none")
    assert code == 2 and said.startswith(f"error: {line}") and said.count("\n") == 1


def test_a_missing_package_is_one_line_before_any_training(command, monkeypatch):
    monkeypatch.setattr(qm9, "PACKAGE", "no-such-molecules")
    for cached in (qm9.load, tasks._table):
        cached.cache_clear()
    code, said = command("task=qm9_grok", "logger=none")
    assert code == 2 and said.count("\n") == 1
    assert said.startswith("error: task: its data are in the package no-such-molecules, which is not installed; pip")
