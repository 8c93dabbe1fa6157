"""The measures of modular addition: replicas are independent, all pairs are in order, mistakes are one line."""

import math

import pytest
import torch
from torch import Tensor

from grok.measures.addition import all_pairs, logits_of_all_pairs, residues
from grok.measures.circuit import Circuit
from grok.measures.snapshot import Snapshot
from grok.records.history import History
from grok.training.build import build
from grok.training.module import ReplicaModule
from tests.conftest import ADDITION, composed
from tests.measures.snapshots import snapshot_of, with_logits
from tests.training.test_replicas import trained

ALL_MEASURES = "measure=[weight_norm,circuit,ring_coordinates,weight_sketch,maps,symmetry,anomaly]"
WITHOUT_CIRCUIT = "measure=[weight_norm]"
REPLICAS = [
    ("seed=0",),
    ("seed=1", "task.label_noise=0.1", "model.attention_coefficient=0.3"),
    ("seed=2", "task.label_noise=0.1", "model.attention_coefficient=0", "optimizer.lr=0.01"),
]
# Quantities in half precision, or computed from half precision.
HALF = {"ring", "example_contribution", "prediction_contribution", "residue_logits", "example_logits"}
HALF |= {"restricted_loss", "excluded_loss"}


@torch.no_grad()
def model_logits(snapshot: Snapshot) -> Tensor:
    """The logits of the model itself for all pairs."""
    pairs, _ = snapshot.task.full_table()
    return snapshot.model(pairs.expand(len(snapshot.train.indices), -1, -1))


def test_every_quantity_of_a_batched_replica_equals_that_of_the_replica_alone():
    configs = [composed(*ADDITION, ALL_MEASURES, "precision=float64", *overrides) for overrides in REPLICAS]
    batched, alone = trained(*configs).history, [trained(config).history for config in configs]
    assert {"restricted_loss_current_frequencies", "ring", "weight_sketch"} <= set(batched.columns)
    assert {"attention_pattern", "neuron_map", "gradient_symmetricity", "anomaly_score"} <= set(batched.final)
    assert {"restricted_loss", "excluded_loss", "embedding_distance", "distance_to_end"} <= set(batched.final)
    record = batched.dataset(0, {})
    titles = [each.attrs["long_name"] for each in record.values() if each.dims in ((), ("step",))]
    assert len({*titles}) == len(titles) > 10  # a table or a page has them beside each other
    for replica, single in enumerate(alone):
        assert batched.steps == single.steps and batched.columns.keys() == single.columns.keys()
        for name, rows in [*single.columns.items(), *((name, [each]) for name, each in single.final.items())]:
            batched_rows = batched.columns.get(name, [batched.final.get(name)])
            tolerance = dict(rtol=2e-3, atol=1e-4) if name in HALF else dict(rtol=1e-6, atol=1e-9)
            for row, reference in zip(batched_rows, rows, strict=True):
                torch.testing.assert_close(row[replica], reference[0], **tolerance, equal_nan=True)


@pytest.mark.parametrize("label_noise", [(0, 0, 0), (0.1, 0.1, 0.1), (0, 0.1, 0)])
def test_the_outputs_of_training_and_test_examples_make_up_the_logits_of_all_pairs(label_noise):
    """Replicas with label noise have tables of their own, which are concatenated."""
    configs = [composed(*ADDITION, f"seed={seed}", f"task.label_noise={x}") for seed, x in enumerate(label_noise)]
    snapshot = snapshot_of(build(configs)[0])
    assert (snapshot.train.indices.max() >= 23**2) == any(label_noise)
    torch.testing.assert_close(logits_of_all_pairs(snapshot), model_logits(snapshot), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("operation", "sign"), [("add", 1), ("subtract", -1)])
def test_the_circuit_is_measured_through_the_result_of_the_operation(operation, sign):
    """Logits 5 cos w₃(a ± b − c) have coefficient 5 at frequency 3 and 0 at all others. To exclude another frequency
    does not change the loss."""
    snapshot = snapshot_of(build([composed(*ADDITION, f"task.operation={operation}")])[0])
    t = torch.arange(23)
    assert torch.equal(residues(snapshot), ((t[:, None] + sign * t) % 23).flatten())
    logits = 5 * torch.cos(2 * math.pi * 3 / 23 * (residues(snapshot)[:, None] - t).double())
    quantities = Circuit()(with_logits(snapshot, logits))
    alpha = quantities["trigonometric_coefficient"].values[0]
    assert alpha[2].item() == pytest.approx(5) and alpha.abs().sum().item() == pytest.approx(5)
    excluded = quantities["excluded_loss_by_frequency"].values[0]
    assert excluded[2].item() == pytest.approx(math.log(23))  # the logits without frequency 3 are 0
    loss = -logits.log_softmax(1).gather(1, residues(snapshot)[:, None]).mean().item()
    assert excluded[[0, 1, *range(3, 11)]].tolist() == pytest.approx([loss] * 10)


@pytest.mark.parametrize("operation", ["add", "subtract"])
def test_distance_irrelevance_is_1_if_the_answer_determines_the_logit_and_0_if_the_distance_does(operation):
    """The planted correct logit equals the answer, or the other one of a + b and a − b."""
    snapshot = snapshot_of(build([composed(*ADDITION, f"task.operation={operation}")])[0])
    a, b = all_pairs(snapshot)[0].T
    answer, index = residues(snapshot), torch.arange(23**2)
    for planted, irrelevance in ((answer, 1.0), ((2 * a - answer) % 23, 0.0)):  # (a + b) + (a − b) = 2a
        logits = torch.zeros(23**2, 23, dtype=torch.float64)
        logits[index, answer] = planted.double()
        measured = Circuit()(with_logits(snapshot, logits))["distance_irrelevance"].values
        assert measured.item() == pytest.approx(irrelevance, abs=1e-9)
    assert torch.equal((a + b) % 23, answer) == (operation == "add")


def test_the_distance_irrelevance_of_the_runner_up_uses_the_runner_up_logits():
    """For p = 3 the planted correct logits follow the sum, those of the runner-up the distance. The third class is
    below both."""
    snapshot = snapshot_of(build([composed(*ADDITION, "task.p=3", "task.fraction=0.5")])[0])
    a, b = all_pairs(snapshot)[0].T
    logits, index = torch.full((9, 3), -9.0, dtype=torch.float64), torch.arange(9)
    logits[index, residues(snapshot)] = residues(snapshot).double()
    logits[index, (residues(snapshot) + 1) % 3] = ((a - b) % 3).double() + 1  # below or above the correct ones
    quantities = Circuit()(with_logits(snapshot, logits))
    assert quantities["distance_irrelevance"].values.item() == pytest.approx(1)
    assert quantities["distance_irrelevance_of_runner_up"].values.item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("p", [3, 5, 7, 9, 11])
def test_all_measures_work_for_the_smallest_moduli(p):
    """Small p have fewer frequencies, components and singular values than are recorded for large p."""
    history = trained(composed(*ADDITION, ALL_MEASURES, f"task.p={p}", "task.fraction=0.5", "steps=2")).history
    record = history.dataset(0, {})
    assert record.sizes["frequency"] == (p - 1) // 2 and record.sizes["component"] == min(p, 8)
    assert record.sizes["map"] == min((p - 1) // 2, 6) and record["neuron_map"].notnull().all()


def test_a_replica_with_weights_that_are_not_finite_has_nan_quantities_and_the_other_is_unaffected():
    """Only counts and accuracies remain numbers."""
    module, _ = build([composed(*ADDITION, ALL_MEASURES, "task.label_noise=0.1", f"seed={seed}") for seed in (0, 1)])
    intact = scalars(module)
    with torch.no_grad():
        for parameter in module.model.parameters():
            parameter[0] = torch.nan
    broken = scalars(module)
    names = {name for name, each in broken.items() if each.is_floating_point() and "accuracy" not in name}
    assert {"circularity", "neurons_explained", "anomaly_auroc", "gradient_symmetricity", "weight_norm"} <= names
    for name in names:
        assert broken[name][0].isnan().all(), name
        torch.testing.assert_close(broken[name][1], intact[name][1], equal_nan=True)
    assert broken["key_frequencies"].tolist() == [0, intact["key_frequencies"][1]]


def scalars(module: ReplicaModule) -> dict[str, Tensor]:
    """All scalar quantities, over steps or not, of one snapshot that is the first and the last."""
    snapshot, history = snapshot_of(module), History()
    measured = {name: each for measure in module.measures for name, each in measure(snapshot).items()}
    history.append(0, {**snapshot.performance(), **measured})
    final = [measure.finalize(snapshot, history) for measure in module.measures]
    history.keep_final({name: each for quantities in final for name, each in quantities.items()})
    at_step = {name: rows[-1] for name, rows in history.columns.items() if rows[-1].dim() == 1}
    dims = {name: history.labels[name]["dims"] for name in history.final}
    return at_step | {name: each for name, each in history.final.items() if dims[name] in ([], ["step"])}


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("task.operation=multiply", "not Transformer on multiply with p=23"),
        ("task.p=22", "not Transformer on add with p=22"),
    ],
)
def test_a_task_without_a_circuit_is_refused_in_one_line_before_training(command, tmp_path, override, line):
    code, error = command(*ADDITION, override, "hydra.run.dir=run")
    assert code == 2 and error.startswith("error: measure=circuit: reads") and line in error
    assert error.count("\n") == 1 and not (tmp_path / "run").exists()


def test_a_model_other_than_the_transformer_is_refused_in_one_line(command):
    overrides = [override for override in ADDITION if not override.startswith("model.")]
    code, error = command(*overrides, "model=embedded_mlp")
    assert code == 2 and "not EmbeddedMlp on add" in error and error.count("\n") == 1


def test_multiplication_trains_without_measures_and_plots_of_the_circuit(add):
    folder = add("task.operation=multiply", WITHOUT_CIRCUIT, "steps=20")
    assert {path.name for path in folder.glob("*.png")} == {"figure.png"}
    assert "<h2>" not in (folder / "report.html").read_text().partition("<main")[2].partition("<details>")[0]
