"""How far the embedding is the structure that the effective theory has it flow to (Liu et al. 2022, Sec. 3)."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.look import Look
from grok.models.embedding_decoder import EmbeddingDecoder
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import effective_theory, parallelograms, representation_quality
from grok.science.curves import first_reaching
from grok.science.principal_components import effective_dimension, principal_components
from grok.tasks.task import Task
from grok.tasks.toy_addition import ToyAddition

REACHED = 0.95  # RQI from which the representation is taken to be there (toy/train_add.py)


class Representation:
    """RQI, the accuracy that it predicts, and the effective loss at every look; at the last one, what the training set
    alone allows. In float64 on the CPU, as the networks are small.

    Products on S₃ have the indices of matrices, and none of what needs equations that are linear.
    """

    @staticmethod
    def check(task: Task, model: nn.Module) -> None:
        """Refuse what has no parallelograms.

        Raises:
            UserError: the task is not toy addition, or the model does not combine embeddings as its operation does.
        """
        if not isinstance(task, ToyAddition) or not isinstance(model, EmbeddingDecoder):
            raise UserError(
                f"reads embedding_decoder on toy_addition, not {type(model).__name__} on {type(task).__name__}; "
                "measure=[performance,weight_norm] does without"
            )
        if (model.combine == "sum") == (task.operation == "compose_s3"):
            raise UserError(f"model.combine={model.combine} does not fit task.operation={task.operation}")

    def __call__(self, look: Look) -> dict[str, Labelled]:
        embedding, (pairs, quadruples), known = _embedding(look), _table(look), _known(look)
        linear = _is_linear(look)
        of = representation_quality.deviations if linear else representation_quality.product_deviations
        limit = representation_quality.MEAN_SQUARE if linear else representation_quality.MEAN_SQUARE_OF_PRODUCTS
        deviations = of(embedding, pairs, quadruples)
        kept = representation_quality.by_mean_square(deviations, below=limit)
        found = {
            "rqi": _share(kept, "representation quality index"),
            "predicted_accuracy": _accuracy(parallelograms.reached(quadruples, kept, known), "predicted"),
            "table_accuracy": _accuracy(_correct(look), "measured"),
            "effective_dimension": Labelled(
                effective_dimension(principal_components(embedding)[1]), "effective dimension", chart="dimension"
            ),
        }
        if linear:
            near = representation_quality.by_distance(deviations, distance=representation_quality.DISTANCE)
            loss = effective_theory.effective_loss(embedding, _gram(look)[0])
            found["rqi_by_distance"] = _share(near, "representation quality index, by distance")
            found["effective_loss"] = Labelled(loss, "effective loss", chart="effective loss", log_scale=True)
        return found

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        steps, values = np.array(history.steps), torch.stack(history.columns["rqi"], 1).numpy()
        reached = [first_reaching(steps, own, level=REACHED) for own in values]
        step = torch.tensor([each if math.isfinite(each) else math.nan for each in reached], dtype=torch.float64)
        found = {"rqi_step": Labelled(step, f"step from which RQI is {REACHED:g}", "step")}
        return found | (_allowed(look) if _is_linear(look) else {})


def _allowed(look: Look) -> dict[str, Labelled]:
    """What the training set alone says: what it allows at best, and how fast."""
    quadruples, known = _table(look)[1], _known(look)
    matrix, rows = _gram(look)
    implied = effective_theory.implied(rows, matrix)
    best = parallelograms.reached(quadruples, implied, known)
    everything = torch.ones(len(quadruples), dtype=torch.bool)
    free = int(effective_theory.nullity(effective_theory.gram(rows, everything)))
    rate = effective_theory.slowest_rate(matrix, free=free)
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
    assert isinstance(look.task, ToyAddition), "checked before training"
    return look.task.truth()[0], look.task.parallelograms()


def _is_linear(look: Look) -> bool:
    return getattr(look.model, "combine", "") == "sum"


def _known(look: Look) -> Bool[Tensor, "replica pair"]:
    """Which pairs each replica trains on; tables of replicas' own, laid end to end, have rows beyond."""
    n_pairs = len(_table(look)[0])
    found = torch.zeros(len(look.train.rows), n_pairs, dtype=torch.bool)
    return found.scatter_(1, look.train.rows.cpu() % n_pairs, True)


def _correct(look: Look) -> Bool[Tensor, "replica pair"]:
    """Which pairs of the whole table each replica has right."""
    rows, correct = (
        torch.cat([getattr(part, name).cpu() for part in (look.train, look.test)], 1) for name in ("rows", "correct")
    )
    return torch.zeros_like(correct).scatter_(1, rows % correct.shape[1], correct)


def _gram(look: Look) -> tuple[Float64[Tensor, "replica p p"], Float64[Tensor, "parallelogram p"]]:
    """AᵀA of each replica's P₀(D), and the equations of P₀."""
    pairs, quadruples = _table(look)
    rows = parallelograms.equations(pairs, quadruples, _embedding(look).shape[1])
    return effective_theory.gram(rows, parallelograms.inside(quadruples, _known(look))), rows


def _share(kept: Bool[Tensor, "replica parallelogram"], title: str) -> Labelled:
    return Labelled(representation_quality.quality_index(kept), title, chart="representation")


def _accuracy(pairs: Bool[Tensor, "replica pair"], how: str) -> Labelled:
    return Labelled(pairs.double().mean(-1), f"{how} accuracy on the table", chart="accuracy on the table")
