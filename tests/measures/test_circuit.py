"""The measures of modular addition: a replica's are its own, all pairs are in their places, mistakes are one line."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grok.measures.circuit import EXAMPLES, Circuit, on_all_pairs, residues
from grok.measures.look import Look
from grok.science.progress_measures import excluded_loss, mean_by_residue, restricted_loss
from grok.science.trigonometric import coefficients
from grok.science.trigonometric import loss as formula_loss
from grok.training.build import build
from grok.training.module import Training
from tests.conftest import ADDITION, composed
from tests.training.test_replicas import trained

EVERY = "measure=[performance,circuit,ring_coordinates,weight_sketch,maps,symmetry,anomaly]"
WITHOUT_CIRCUIT = "measure=[performance,weight_norm]"
REPLICAS = [("seed=0",), ("seed=1", "task.corrupted=0.1"), ("seed=2", "task.corrupted=0.1", "optimizer.lr=0.01")]
HALF = {"ring", "example_contribution", "residue_logits", "example_logits", "restricted_loss", "excluded_loss"}


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


def test_every_quantity_of_a_replica_among_three_is_that_of_the_replica_alone():
    configs = [composed(*ADDITION, EVERY, "precision=float64", *own) for own in REPLICAS]
    together, alone = trained(*configs).history, [trained(config).history for config in configs]
    assert {"restricted_loss_by_own_keys", "ring", "weight_sketch"} <= set(together.columns)
    assert {"attention_pattern", "neuron_map", "gradient_symmetricity", "anomaly_score"} <= set(together.last)
    assert {"restricted_loss", "excluded_loss", "trigonometric_loss"} <= set(together.last)
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
    made = {
        part: replace(each, outputs=logits[each.rows]) for part, each in (("train", look.train), ("test", look.test))
    }
    found = Circuit()(replace(look, **made))
    alpha = found["trigonometric_coefficient"].values[0]
    assert alpha[2].item() == pytest.approx(5) and alpha.abs().sum().item() == pytest.approx(5)
    without = found["excluded_loss_by_frequency"].values[0]
    assert without[2].item() == pytest.approx(math.log(23))  # nothing is left of the logits
    loss = -logits.log_softmax(1).gather(1, residues(look)[:, None]).mean().item()
    assert without[[0, 1, *range(3, 11)]].tolist() == pytest.approx([loss] * 10)


def test_progress_measures_are_by_the_key_frequencies_of_the_end_at_every_look():
    """At an earlier look they are what its logits are worth with the last one's keys, to half precision."""
    config = (*ADDITION, "task.fraction=0.25", "optimizer.lr=0.01", "precision=float64")
    then, late = looked_at(trained(composed(*config, "steps=18"))), trained(composed(*config))
    keys = torch.arange(1, 12) % 3 == 0
    late.history.columns["key_frequency"][-1] = keys.unsqueeze(0)
    look = late.history.steps.index(18)
    made = Circuit().last(looked_at(late), late.history)
    found = {name: each.values[0, look].item() for name, each in made.items() if each.dims == ("step",)}
    table, residue, rows = mean_by_residue(on_all_pairs(then)[0], residues(then)), torch.arange(23), then.train.rows[0]
    assert found["restricted_loss"] == pytest.approx(
        restricted_loss(table, keys, residue, residue).mean().item(), rel=1e-3
    )
    some = [each[0, :EXAMPLES] for each in (then.train.outputs, residues(then)[rows].unsqueeze(0), then.train.targets)]
    assert len(some[0]) == EXAMPLES < len(rows)
    assert found["excluded_loss"] == pytest.approx(excluded_loss(*some, table=table, keys=keys).mean().item(), rel=1e-3)
    assert found["trigonometric_loss"] == pytest.approx(formula_loss(coefficients(table), keys).item(), rel=1e-3)


def test_logits_that_are_kept_for_the_end_are_not_recorded():
    history = trained(composed(*ADDITION, "steps=2")).history
    record = history.dataset(0, {})
    assert {"residue_logits", "example_logits"} <= history.columns.keys() - record.keys()
    assert record["restricted_loss"].dims == ("step",) and record["restricted_loss"].shape == record["step"].shape


def test_a_sketch_tells_the_distance_between_two_looks():
    config = composed(*ADDITION, "measure=[performance,weight_sketch]", "optimizer.lr=0.01")
    (before, _), after = build([config]), trained(config)
    own = zip(before.model.parameters(), after.model.parameters(), strict=True)
    far = math.sqrt(sum((one - other).double().square().sum().item() for one, other in own))
    first, *_, last = after.history.columns["weight_sketch"]
    assert (last - first).norm().item() == pytest.approx(far, rel=0.1) and far > 1


@pytest.mark.parametrize("p", [3, 5, 7, 9, 11])
def test_the_smallest_moduli_have_their_measures(p):
    """They have fewer frequencies, components and singular values than are kept of large ones."""
    history = trained(composed(*ADDITION, EVERY, f"task.p={p}", "task.fraction=0.5", "steps=2")).history
    record = history.dataset(0, {})
    assert record.sizes["frequency"] == (p - 1) // 2 and record.sizes["component"] == min(p, 8)
    assert record.sizes["map"] == min((p - 1) // 2, 6) and record["neuron_map"].notnull().all()


def test_a_replica_whose_weights_are_no_longer_finite_has_no_numbers_and_its_neighbour_keeps_its_own():
    training, _ = build([composed(*ADDITION, f"seed={seed}") for seed in (0, 1)])
    whole = Circuit()(looked_at(training))
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter[0] = torch.nan
    broken = Circuit()(looked_at(training))
    for name in ("neuron_logit_singular_value", "restricted_loss_by_own_keys"):
        assert broken[name].values[0].isnan().all()
    for name in ("circularity", "neuron_logit_singular_value", "restricted_loss_by_own_keys"):
        torch.testing.assert_close(broken[name].values[1], whole[name].values[1])
    assert broken["key_frequencies"].values.tolist() == [0, whole["key_frequencies"].values[1]]


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
