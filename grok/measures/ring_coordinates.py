"""The rings themselves: the coordinates of each residue in the plane of each of the embedding's frequencies."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import UserError
from grok.measures.addition import name_of_task
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.models.spec import TokenPairs
from grok.records.quantity import Quantity
from grok.science.modular import rings
from grok.tasks.modular_addition import ModularAddition
from grok.tasks.task import Task
from grok.tasks.toy_addition import ToyAddition


def validate_residue_embedding(task: Task, model: Model) -> None:
    """Require an embedding of the residues modulo an odd p.

    Raises:
        UserError: the model has no token embedding, or its tokens are not the residues modulo an odd p.
    """
    p, inputs = task.p if isinstance(task, ModularAddition | ToyAddition) else 0, task.spec.inputs
    if model.token_embedding is None or not isinstance(inputs, TokenPairs) or inputs.n_tokens != p or p % 2 == 0:
        raise UserError(
            f"reads an embedding of the residues modulo an odd p, not {type(model).__name__} on "
            f"{name_of_task(task)}; choose other measures in measure=[…]"
        )


class RingCoordinates(Measure):
    """The residues' coordinates on every frequency's ring, for the gallery. Half precision suffices for drawing."""

    needs_float64: ClassVar = True

    def validate(self, task: Task, model: Model) -> None:
        validate_residue_embedding(task, model)

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        embedding: Tensor = snapshot.model.token_embedding  # type: ignore[assignment]
        coordinates = rings.coordinates(embedding.detach())
        _, n_frequencies, p, _ = coordinates.shape
        return {
            "ring": Quantity(
                coordinates.to(torch.float16),
                "coordinates of each residue in each frequency's plane",
                dims=("frequency", "residue", "axis"),
                coordinates={
                    "frequency": range(1, n_frequencies + 1),
                    "residue": range(p),
                    "axis": ("cosine", "sine"),
                },
            )
        }
