"""How far the embedding is the structure that the effective theory has it flow to (Liu et al. 2022, Sec. 3)."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.addition import pair_numbers
from grok.measures.look import Look
from grok.models.embedding_decoder import EmbeddingDecoder
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import effective_theory, parallelograms, representation_quality
from grok.science.curves import first_reaching
from grok.science.principal_components import circularity, effective_dimension, principal_components
from grok.tasks.task import Task
from grok.tasks.toy_addition import ToyAddition

REACHED = 0.95  # RQI from which the representation is taken to be there (toy/train_add.py)
LARGEST = 100  # the largest p of sums: the equations of P₀ take .67 p⁴ bytes, and as much a replica, 67 MB there


class Representation:
    """RQI, the accuracy that it predicts, and the effective loss at every look; at the last one, what the training set
    alone allows. In float64 on the CPU, as the networks are small.

    Products on S₃ have the indices of matrices, and none of what needs equations that are linear; there RQI is 1, too,
    of matrices that have collapsed to one. Sums modulo p have a ring for a representation, which has no parallelogram
    and on which the theory of lines says nothing: of these, for odd p, how much of a ring the first two principal
    components are.
    """

    @staticmethod
    def check(task: Task, model: nn.Module) -> None:
        """Refuse what has no parallelograms.

        Raises:
            UserError: the task is not toy addition by embeddings, or has too many parallelograms.
        """
        if not isinstance(task, ToyAddition) or not isinstance(model, EmbeddingDecoder):
            raise UserError(
                f"reads embedding_decoder on toy_addition, not {type(model).__name__} on {type(task).__name__}; "
                "measure=[performance,weight_norm] does without"
            )
        if task.operation == "add" and task.p > LARGEST:
            raise UserError(f"reads sums of at most {LARGEST} numbers, not task.p={task.p}")

    def __call__(self, look: Look) -> dict[str, Labelled]:
        embedding, operation = _embedding(look), _task(look).operation
        components, shares = principal_components(embedding)
        found = {
            "table_accuracy": _accuracy(_correct(look), "measured"),
            "effective_dimension": Labelled(effective_dimension(shares), "effective dimension", chart="dimension"),
        }
        if operation == "add_modulo":
            return found | (_ring(components) if embedding.shape[-1] > 1 else {})
        return found | _parallelograms(look, embedding, linear=operation == "add")

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        operation = _task(look).operation
        if operation == "add_modulo":
            return {}
        steps, values = np.array(history.steps), torch.stack(history.columns["rqi"], 1).numpy()
        reached = [first_reaching(steps, own, level=REACHED) for own in values]
        step = torch.tensor([each if math.isfinite(each) else math.nan for each in reached], dtype=torch.float64)
        found = {"rqi_step": Labelled(step, f"step from which RQI is {REACHED:g}", "step")}
        return found | (_allowed(look) if operation == "add" else {})


def _parallelograms(look: Look, embedding: Float64[Tensor, "replica p d"], *, linear: bool) -> dict[str, Labelled]:
    """Which of P₀ there are, and what they predict: of sums, or of products of matrices."""
    (pairs, quadruples), known = _table(look), _known(look)
    of = representation_quality.deviations if linear else representation_quality.product_deviations
    limit = representation_quality.MEAN_SQUARE if linear else representation_quality.MEAN_SQUARE_OF_PRODUCTS
    deviations = of(embedding, pairs, quadruples)
    kept = representation_quality.by_mean_square(deviations, below=limit)
    found = {
        "rqi": _share(kept, "representation quality index"),
        "predicted_accuracy": _accuracy(parallelograms.reached(quadruples, kept, known), "predicted"),
    }
    if linear:
        near = representation_quality.by_distance(deviations, distance=representation_quality.DISTANCE)
        loss = effective_theory.effective_loss(embedding, _gram(look)[0])
        found["rqi_by_distance"] = _share(near, "representation quality index, by distance")
        found["effective_loss"] = Labelled(loss, "effective loss", chart="effective loss", log_scale=True)
    return found


def _ring(components: Float64[Tensor, "replica p component"]) -> dict[str, Labelled]:
    """How close the first two components are to waves round a circle; nothing for even p: one wave has no sine then."""
    if components.shape[-2] % 2 == 0:
        return {}
    return {"circularity": Labelled(circularity(components, first=2), "circularity", chart="representation")}


def _allowed(look: Look) -> dict[str, Labelled]:
    """What the training set alone says: what it allows at best, and how fast."""
    quadruples, known = _table(look)[1], _known(look)
    matrix, rows = _gram(look)
    implied = effective_theory.implied(rows, matrix)
    best = parallelograms.reached(quadruples, implied, known)
    rate = effective_theory.slowest_rate(matrix, free=effective_theory.LINEAR)
    n_known = parallelograms.inside(quadruples, known).sum(-1)
    return {
        "ideal_rqi": Labelled(representation_quality.quality_index(implied), "RQI that the training set allows"),
        "ideal_accuracy": Labelled(best.double().mean(-1), "accuracy on the table that the training set allows"),
        "nullity": Labelled(effective_theory.nullity(matrix), "nullity of the training set's equations"),
        "slowest_rate": Labelled(rate, "λ₃ of AᵀA"),
        "slowest_mean_rate": Labelled(rate / n_known.clamp_min(1), "λ₃ of AᵀA / |P₀(D)|"),
    }


def _embedding(look: Look) -> Float64[Tensor, "replica p d"]:
    found: Tensor = look.model.token_embedding.detach().cpu().double()  # type: ignore[operator]
    return found


def _table(look: Look) -> tuple[Int[Tensor, "pair 2"], Int[Tensor, "parallelogram 2"]]:
    """The task's pairs, and P₀."""
    return _task(look).truth()[0], _task(look).parallelograms()


def _task(look: Look) -> ToyAddition:
    assert isinstance(look.task, ToyAddition), "checked before training"
    return look.task


def _known(look: Look) -> Bool[Tensor, "replica pair"]:
    """Which pairs each replica trains on."""
    found = torch.zeros(len(look.train.rows), len(_table(look)[0]), dtype=torch.bool)
    return found.scatter_(1, pair_numbers(look, look.train).cpu(), True)


def _correct(look: Look) -> Bool[Tensor, "replica pair"]:
    """Which pairs of the whole table each replica has right."""
    rows = torch.cat([pair_numbers(look, part).cpu() for part in (look.train, look.test)], 1)
    correct = torch.cat([part.correct.cpu() for part in (look.train, look.test)], 1)
    return torch.zeros_like(correct).scatter_(1, rows, correct)


def _gram(look: Look) -> tuple[Float64[Tensor, "replica p p"], Float64[Tensor, "parallelogram p"]]:
    """AᵀA of each replica's P₀(D), and the equations of P₀."""
    pairs, quadruples = _table(look)
    rows = parallelograms.equations(pairs, quadruples, _embedding(look).shape[1])
    return effective_theory.gram(rows, parallelograms.inside(quadruples, _known(look))), rows


def _share(kept: Bool[Tensor, "replica parallelogram"], title: str) -> Labelled:
    return Labelled(representation_quality.quality_index(kept), title, chart="representation")


def _accuracy(pairs: Bool[Tensor, "replica pair"], how: str) -> Labelled:
    return Labelled(pairs.double().mean(-1), f"{how} accuracy on the table", chart="accuracy on the table")
