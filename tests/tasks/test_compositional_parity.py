"""Compositional parity: control bits name the atoms, targets are parities, and a composite follows its atoms."""

import numpy as np
import pytest
import torch

from grok.random_streams import RandomStreams
from grok.tasks.compositional_parity import CompositionalParity
from grok.training.instantiation import instantiate
from tests.conftest import composed
from tests.training.test_replicas import trained

SMALL = (
    "task=compositional_parity",
    "task.n_bits=70",
    "task.n_atoms=4",
    "task.composites=[[1,2],[2,3,4]]",
    "task.n_test_per_subtask=6",
    "model.width=9",
    "batch_size=40",
    "steps=12",
    "logger=none",
)


def task(*overrides: str) -> CompositionalParity:
    return instantiate(composed(*SMALL, *overrides)["task"], "task")


@pytest.mark.parametrize("curriculum", ["atoms_and_composites", "composites"])
def test_targets_are_the_parities_of_the_bits_of_the_atoms_whose_control_bit_is_set(curriculum):
    parity_task = task(f"task.curriculum={curriculum}")
    data = parity_task.data(RandomStreams(3))
    subsets = parity_task.subsets(RandomStreams(3)).tolist()
    assert len({bit for subset in subsets for bit in subset}) == 4 * 3
    for inputs, targets in (
        (data.train.inputs, data.train.targets),
        (data.test.inputs, data.test.targets),
        data.sample(60, torch.Generator()),
    ):
        for example, target in zip(inputs.int().tolist(), targets.tolist(), strict=True):
            control, bits = example[:4], example[4:]
            added = [bits[j] for is_set, subset in zip(control, subsets, strict=True) if is_set for j in subset]
            assert sum(added) % 2 == target and len(bits) == 70


@pytest.mark.parametrize(
    ("curriculum", "trained_codes"),
    [
        ("atoms_and_composites", ["1000", "0100", "0010", "0001", "1100", "0111"]),
        ("composites", ["1100", "0111"]),
    ],
)
def test_trained_subtasks_are_equally_frequent_and_all_are_tested(curriculum, trained_codes):
    parity_task = task(f"task.curriculum={curriculum}")
    data = parity_task.data(RandomStreams(0))

    def codes(inputs: torch.Tensor) -> list[str]:
        return ["".join(map(str, each)) for each in inputs[:, :4].int().tolist()]

    sampled = codes(data.sample(61, torch.Generator())[0])
    counts = [sampled.count(code) for code in trained_codes]
    assert sum(counts) == 61 and max(counts) - min(counts) <= 1
    assert parity_task.subtask_names == ["1", "2", "3", "4", "1+2", "2+3+4"]
    weights = dict(zip(codes(data.test.inputs), data.test.weights.tolist(), strict=True))
    assert len(weights) == 6 and data.test.weights.sum() == pytest.approx(1)
    assert {code for code, weight in weights.items() if weight} == {*trained_codes}


def test_a_composite_is_learned_after_its_atoms_and_not_alone():
    keys = (
        "task.n_bits=24",
        "task.n_atoms=2",
        "task.subset_size=4",
        "task.composites=[[1,2]]",
        "task.n_test_per_subtask=100",
    )
    training = ("model.width=128", "batch_size=600", "steps=900", "optimizer.lr=3e-3", "evaluate.every=50")
    curricula = ("atoms_and_composites", "composites")
    history = trained(*[composed(*SMALL, *keys, *training, f"task.curriculum={each}") for each in curricula]).history
    losses = np.array([values.numpy() for values in history.columns["subtask_loss"]])  # [step, replica, subtask]
    assert (losses[-1, 0] < 0.07).all()
    first, second, composite = (losses[:, 0, :] < 0.07).argmax(0)
    assert 0 < max(first, second) < composite
    assert losses[:, 1].min() > 0.6


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ("task.composites=[[1,5]]",),
            "task.composites=[[1, 5]]: there is no atom 5; task.n_atoms=4 has the atoms 1 to 4",
        ),
        (
            ("task.n_atoms=24",),
            "task.n_atoms=24: needs 72 bits, task.subset_size=3 for each atom, but task.n_bits=70",
        ),
        (("task.composites=[[2]]",), "task.composites=[[2]]: [2] must have at least two different atoms, each once"),
        (("task.composites=[[1,2],[2,1]]",), "task.composites=[[1, 2], [2, 1]]: must be different composites"),
        (("task.composites=[]",), "task.composites=[]: must be lists of atoms, such as [[1,2]]"),
        (("task.composites=[3]",), "task.composites=[3]: must be lists of atoms, such as [[1,2]]"),
        (
            ("task.composites=[[1.0,2]]",),
            "task.composites=[[1.0, 2]]: there is no atom 1.0; task.n_atoms=4 has the atoms 1 to 4",
        ),
        (("task.n_atoms=1",), "task.n_atoms=1: must be an integer of at least 2"),
        (("task.curriculum=atoms",), "task.curriculum=atoms: must be one of atoms_and_composites, composites"),
        (("batch_size=null",), "batch_size=null: this task samples new examples in every step and needs a batch size"),
    ],
)
def test_a_mistake_is_a_one_line_error(command, overrides, line):
    code, stderr = command(*SMALL, *overrides)
    assert code == 2 and stderr.strip() == f"error: {line}"
