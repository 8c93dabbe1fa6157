"""The measures of modular addition: a replica's are its own, all pairs are in their places, mistakes are one line."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grok.measures.addition import all_pairs, on_all_pairs, residues
from grok.measures.circuit import Circuit
from grok.measures.look import Look
from grok.records.history import History
from grok.training.build import build
from grok.training.module import Training
from tests.conftest import ADDITION, composed
from tests.training.test_replicas import trained

EVERY = "measure=[performance,weight_norm,circuit,ring_coordinates,weight_sketch,maps,symmetry,anomaly]"
WITHOUT_CIRCUIT = "measure=[performance,weight_norm]"
REPLICAS = [
    ("seed=0",),
    ("seed=1", "task.corrupted=0.1", "model.attention=0.3"),
    ("seed=2", "task.corrupted=0.1", "model.attention=0", "optimizer.lr=0.01"),
]
HALF = {"ring", "example_contribution", "prediction_contribution", "residue_logits", "example_logits"}
HALF |= {"restricted_loss", "excluded_loss"}


def looked_at(training: Training) -> Look:
    """The replicas as they stand, with their outputs."""
    with torch.no_grad():
        parts = {part: training.evaluate(tables) for part, tables in training.tables.items()}
    return Look(training.step, training.task, training.model, **parts)


@torch.no_grad()
def of_every_pair(look: Look) -> Tensor:
    """What the model itself says to all pairs."""
    pairs, _ = look.task.truth()
    return look.model(pairs.expand(len(look.train.rows), -1, -1))


def with_outputs(look: Look, logits: Tensor) -> Look:
    """The look at a network that answers all pairs with these logits [pair, class]."""
    made = {
        name: replace(each, outputs=logits[each.rows]) for name, each in (("train", look.train), ("test", look.test))
    }
    return replace(look, **made)


def test_every_quantity_of_a_replica_among_three_is_that_of_the_replica_alone():
    configs = [composed(*ADDITION, EVERY, "precision=float64", *own) for own in REPLICAS]
    together, alone = trained(*configs).history, [trained(config).history for config in configs]
    assert {"restricted_loss_by_own_keys", "ring", "weight_sketch"} <= set(together.columns)
    assert {"attention_pattern", "neuron_map", "gradient_symmetricity", "anomaly_score"} <= set(together.last)
    assert {"restricted_loss", "excluded_loss", "embedding_off_keys", "distance_to_end"} <= set(together.last)
    for replica, single in enumerate(alone):
        assert together.steps == single.steps and together.columns.keys() == single.columns.keys()
        for name, rows in [*single.columns.items(), *((name, [each]) for name, each in single.last.items())]:
            ours = together.columns.get(name, [together.last.get(name)])
            tolerance = dict(rtol=2e-3, atol=1e-4) if name in HALF else dict(rtol=1e-6, atol=1e-9)
            for row, reference in zip(ours, rows, strict=True):
                torch.testing.assert_close(row[replica], reference[0], **tolerance, equal_nan=True)


@pytest.mark.parametrize("corrupted", [(0, 0, 0), (0.1, 0.1, 0.1), (0, 0.1, 0)])
def test_the_outputs_of_train_and_test_examples_are_together_those_of_all_pairs(corrupted):
    """Replicas whose labels are corrupted bring tables of their own, which are laid end to end."""
    configs = [composed(*ADDITION, f"seed={seed}", f"task.corrupted={share}") for seed, share in enumerate(corrupted)]
    look = looked_at(build(configs)[0])
    assert (look.train.rows.max() >= 23**2) == any(corrupted)
    torch.testing.assert_close(on_all_pairs(look), of_every_pair(look), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("operation", "sign"), [("add", 1), ("subtract", -1)])
def test_the_circuit_of_an_operation_is_read_through_its_result(operation, sign):
    """Logits 5 cos w₃(a ± b − c) have the coefficient 5 at frequency 3, no other one, and the loss that they have."""
    look = looked_at(build([composed(*ADDITION, f"task.operation={operation}")])[0])
    t = torch.arange(23)
    assert torch.equal(residues(look), ((t[:, None] + sign * t) % 23).flatten())
    logits = 5 * torch.cos(2 * math.pi * 3 / 23 * (residues(look)[:, None] - t).double())
    found = Circuit()(with_outputs(look, logits))
    alpha = found["trigonometric_coefficient"].values[0]
    assert alpha[2].item() == pytest.approx(5) and alpha.abs().sum().item() == pytest.approx(5)
    without = found["excluded_loss_by_frequency"].values[0]
    assert without[2].item() == pytest.approx(math.log(23))  # nothing is left of the logits
    loss = -logits.log_softmax(1).gather(1, residues(look)[:, None]).mean().item()
    assert without[[0, 1, *range(3, 11)]].tolist() == pytest.approx([loss] * 10)


@pytest.mark.parametrize("operation", ["add", "subtract"])
def test_distance_is_irrelevant_where_the_answer_says_all_of_addition_and_of_subtraction(operation):
    """Planted: a correct logit that is its answer, and one that is the other of a + b and a − b."""
    look = looked_at(build([composed(*ADDITION, f"task.operation={operation}")])[0])
    a, b = all_pairs(look)[0].T
    answer, every = residues(look), torch.arange(23**2)
    for of, irrelevance in ((answer, 1.0), ((2 * a - answer) % 23, 0.0)):  # a + b + a − b = 2a
        logits = torch.zeros(23**2, 23, dtype=torch.float64)
        logits[every, answer] = of.double()
        found = Circuit()(with_outputs(look, logits))["distance_irrelevance"].values
        assert found.item() == pytest.approx(irrelevance, abs=1e-9)
    assert torch.equal((a + b) % 23, answer) == (operation == "add")


def test_the_distance_irrelevance_of_the_runner_up_is_not_that_of_the_correct_logit():
    """Planted modulo 3, where (a + b, a − b) are the rows and columns: the correct logits follow the sum, those of the
    runner-up the distance, and the third class is below both."""
    look = looked_at(build([composed(*ADDITION, "task.p=3", "task.fraction=0.5")])[0])
    a, b = all_pairs(look)[0].T
    logits, every = torch.full((9, 3), -9.0, dtype=torch.float64), torch.arange(9)
    logits[every, residues(look)] = residues(look).double()
    logits[every, (residues(look) + 1) % 3] = ((a - b) % 3).double() + 1  # below the correct ones, or above
    found = Circuit()(with_outputs(look, logits))
    assert found["distance_irrelevance"].values.item() == pytest.approx(1)
    assert found["distance_irrelevance_of_runner_up"].values.item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("p", [3, 5, 7, 9, 11])
def test_the_smallest_moduli_have_their_measures(p):
    """They have fewer frequencies, components and singular values than are kept of large ones."""
    history = trained(composed(*ADDITION, EVERY, f"task.p={p}", "task.fraction=0.5", "steps=2")).history
    record = history.dataset(0, {})
    assert record.sizes["frequency"] == (p - 1) // 2 and record.sizes["component"] == min(p, 8)
    assert record.sizes["map"] == min((p - 1) // 2, 6) and record["neuron_map"].notnull().all()


def test_a_replica_whose_weights_are_no_longer_finite_has_no_numbers_and_its_neighbour_keeps_its_own():
    """Of all measures: not one number that could be taken for a network's. Only what counts is a count."""
    training, _ = build([composed(*ADDITION, EVERY, "task.corrupted=0.1", f"seed={seed}") for seed in (0, 1)])
    whole = measured(training)
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter[0] = torch.nan
    broken = measured(training)
    numbers = {name for name, each in broken.items() if each.is_floating_point() and "accuracy" not in name}
    assert {"circularity", "neurons_explained", "anomaly_auroc", "gradient_symmetricity", "weight_norm"} <= numbers
    for name in numbers:
        assert broken[name][0].isnan().all(), name
        torch.testing.assert_close(broken[name][1], whole[name][1], equal_nan=True)
    assert broken["key_frequencies"].tolist() == [0, whole["key_frequencies"][1]]


def measured(training: Training) -> dict[str, Tensor]:
    """The single numbers of a look, over steps or not, that all measures make of it: first and last at once."""
    look, history = looked_at(training), History()
    history.append(0, {name: each for measure in training.measures for name, each in measure(look).items()})
    lasting = [measure.last(look, history) for measure in training.measures if hasattr(measure, "last")]
    history.keep({name: each for quantities in lasting for name, each in quantities.items()})
    numbers = {name: rows[-1] for name, rows in history.columns.items() if rows[-1].dim() == 1}
    return numbers | {
        name: each for name, each in history.last.items() if history.labels[name]["dims"] in ([], ["step"])
    }


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (("task.operation=multiply",), "not Transformer on multiply with p=23"),
        (("task.p=22",), "not Transformer on add with p=22"),
    ],
)
def test_a_task_without_a_circuit_is_one_line_before_training(command, tmp_path, given, line):
    code, said = command(*ADDITION, *given, "hydra.run.dir=run")
    assert code == 2 and said.startswith("error: measure=circuit: reads") and line in said
    assert said.count("\n") == 1 and not (tmp_path / "run").exists()


def test_another_model_than_the_transformer_has_no_circuit(command):
    given = [override for override in ADDITION if not override.startswith("model.")]
    code, said = command(*given, "model=embedded_mlp")
    assert code == 2 and "not EmbeddedMlp on add" in said and said.count("\n") == 1


def test_multiplication_trains_without_the_measures_and_pictures_of_the_circuit(add):
    folder = add("task.operation=multiply", WITHOUT_CIRCUIT, "steps=20")
    assert {path.name for path in folder.glob("*.png")} == {"figure.png"}
    assert "<h2>" not in (folder / "report.html").read_text().partition("<main")[2].partition("<details>")[0]
