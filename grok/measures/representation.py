"""How close the embedding is to the structure that the effective theory predicts (Liu et al. 2022, Sec. 3)."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from grok.checks import UserError
from grok.measures.addition import pair_indices
from grok.measures.snapshot import Measure, Snapshot
from grok.models.embedding_decoder import EmbeddingDecoder
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.effective_theory import effective_loss, parallelograms, representation_quality
from grok.science.modular.principal_components import circularity, effective_dimension, principal_components
from grok.science.statistics.curves import first_reaching
from grok.tasks.task import Task
from grok.tasks.toy_addition import ToyAddition

RQI_THRESHOLD = 0.95  # RQI from which the representation counts as formed (toy/train_add.py)
# The largest p of sums. The equations of P₀ take .67 p⁴ bytes, and as much again per replica: 67 MB at p = 100.
MAX_P = 100


class Representation(Measure):
    """RQI, the accuracy that it predicts, and the effective loss; at the last evaluation, the limits set by the
    training set alone. In float64 on the CPU, because the networks are small.

    - Sums have all quantities.
    - Products on S₃ have RQI and predicted accuracy, computed from products of matrices. Quantities that need linear
      equations are missing. RQI is also 1 for matrices that have collapsed to a single one.
    - Sums modulo p are represented by a ring. It has no parallelograms, and the linear theory does not apply to it. For
      odd p the circularity of the first two principal components is recorded instead.
    """

    def validate(self, task: Task, model: Model) -> None:
        """Require toy addition by an embedding decoder.

        Raises:
            UserError: another task or model, or a task with too many parallelograms.
        """
        if not isinstance(task, ToyAddition) or not isinstance(model, EmbeddingDecoder):
            raise UserError(
                f"reads embedding_decoder on toy_addition, not {type(model).__name__} on {type(task).__name__}; "
                "choose measure=weight_norm"
            )
        if task.operation == "add" and task.p > MAX_P:
            raise UserError(f"reads sums of at most {MAX_P} numbers, not task.p={task.p}")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        embedding, operation = _embedding(snapshot), _task(snapshot).operation
        components, shares = principal_components(embedding)
        quantities = {
            "full_table_accuracy": _accuracy(_correct_pairs(snapshot), "measured"),
            "effective_dimension": Quantity(effective_dimension(shares), "effective dimension", chart="dimension"),
        }
        if operation == "add_modulo":
            return quantities | (_ring(components) if embedding.shape[-1] > 1 else {})
        return quantities | _parallelograms(snapshot, embedding, linear=operation == "add")

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        operation = _task(snapshot).operation
        if operation == "add_modulo":
            return {}
        steps, rqi = np.array(history.steps), torch.stack(history.columns["rqi"], 1).numpy()
        reached = [first_reaching(steps, curve, level=RQI_THRESHOLD) for curve in rqi]
        step = torch.tensor([each if math.isfinite(each) else math.nan for each in reached], dtype=torch.float64)
        quantities = {"rqi_step": Quantity(step, f"first step with RQI at least {RQI_THRESHOLD:g}", "step")}
        return quantities | (_training_set_limits(snapshot) if operation == "add" else {})


def _parallelograms(
    snapshot: Snapshot, embedding: Float64[Tensor, "replica p d"], *, linear: bool
) -> dict[str, Quantity]:
    """RQI and predicted accuracy of sums (`linear`) or of products of matrices; for sums also the effective loss."""
    (pairs, quadruples), training_pairs = _table(snapshot), _training_pairs(snapshot)
    if linear:
        deviations = representation_quality.deviations(embedding, pairs, quadruples)
        threshold = representation_quality.MEAN_SQUARE
    else:
        deviations = representation_quality.product_deviations(embedding, pairs, quadruples)
        threshold = representation_quality.MEAN_SQUARE_OF_PRODUCTS
    present = representation_quality.satisfied_by_mean_square(deviations, below=threshold)
    reachable = parallelograms.reachable_pairs(quadruples, present, training_pairs)
    quantities = {
        "rqi": _quality_index(present, "representation quality index"),
        "predicted_accuracy": _accuracy(reachable, "predicted"),
    }
    if linear:
        near = representation_quality.satisfied_by_distance(deviations, distance=representation_quality.DISTANCE)
        loss = effective_loss.effective_loss(embedding, _gram(snapshot)[0])
        quantities["rqi_by_distance"] = _quality_index(near, "representation quality index, by distance")
        quantities["effective_loss"] = Quantity(loss, "effective loss", chart="effective loss", log_scale=True)
    return quantities


def _ring(components: Float64[Tensor, "replica p component"]) -> dict[str, Quantity]:
    """The circularity of the first two components; empty for even p, where the highest frequency has no sine."""
    if components.shape[-2] % 2 == 0:
        return {}
    return {"circularity": Quantity(circularity(components, first=2), "circularity", chart="representation")}


def _training_set_limits(snapshot: Snapshot) -> dict[str, Quantity]:
    """The best RQI and accuracy that the training set allows, and the slowest rate toward them."""
    quadruples, training_pairs = _table(snapshot)[1], _training_pairs(snapshot)
    gram, equations = _gram(snapshot)
    implied = effective_loss.implied_parallelograms(equations, gram)
    reachable = parallelograms.reachable_pairs(quadruples, implied, training_pairs)
    rate = effective_loss.slowest_rate(gram, n_free=effective_loss.LINEAR_NULLITY)
    n_within = parallelograms.within_training_set(quadruples, training_pairs).sum(-1)
    return {
        "ideal_rqi": Quantity(representation_quality.quality_index(implied), "RQI that the training set allows"),
        "ideal_accuracy": Quantity(
            reachable.double().mean(-1), "accuracy on the full table that the training set allows"
        ),
        "nullity": Quantity(effective_loss.nullity(gram), "nullity of the training set's equations"),
        "slowest_rate": Quantity(rate, "λ₃ of AᵀA"),
        "slowest_mean_rate": Quantity(rate / n_within.clamp_min(1), "λ₃ of AᵀA / |P₀(D)|"),
    }


def _embedding(snapshot: Snapshot) -> Float64[Tensor, "replica p d"]:
    embedding = snapshot.model.token_embedding
    assert embedding is not None, "validated before training"
    return embedding.detach().cpu().double()


def _table(snapshot: Snapshot) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, "parallelogram 2"]]:
    """The task's pairs, and its parallelograms P₀."""
    return _task(snapshot).full_table()[0], _task(snapshot).parallelograms()


def _task(snapshot: Snapshot) -> ToyAddition:
    assert isinstance(snapshot.task, ToyAddition), "validated before training"
    return snapshot.task


def _training_pairs(snapshot: Snapshot) -> Bool[Tensor, "replica pair"]:
    """Which pairs are in each replica's training set."""
    is_training = torch.zeros(len(snapshot.train.indices), len(_table(snapshot)[0]), dtype=torch.bool)
    return is_training.scatter_(1, pair_indices(snapshot, snapshot.train).cpu(), True)


def _correct_pairs(snapshot: Snapshot) -> Bool[Tensor, "replica pair"]:
    """Which pairs of the full table each replica answers correctly."""
    indices = torch.cat([pair_indices(snapshot, part).cpu() for part in (snapshot.train, snapshot.test)], 1)
    correct = torch.cat([part.correct.cpu() for part in (snapshot.train, snapshot.test)], 1)
    return torch.zeros_like(correct).scatter_(1, indices, correct)


def _gram(snapshot: Snapshot) -> tuple[Float64[Tensor, "replica p p"], Float64[Tensor, "parallelogram p"]]:
    """AᵀA of each replica's P₀(D), and the equations of P₀."""
    pairs, quadruples = _table(snapshot)
    equations = parallelograms.equations(pairs, quadruples, _embedding(snapshot).shape[1])
    within = parallelograms.within_training_set(quadruples, _training_pairs(snapshot))
    return effective_loss.equation_gram(equations, within), equations


def _quality_index(present: Bool[Tensor, "replica parallelogram"], title: str) -> Quantity:
    return Quantity(representation_quality.quality_index(present), title, chart="representation")


def _accuracy(pairs: Bool[Tensor, "replica pair"], kind: str) -> Quantity:
    return Quantity(pairs.double().mean(-1), f"{kind} accuracy on the full table", chart="accuracy on the full table")
