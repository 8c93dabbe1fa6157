"""The rings themselves: the coordinates of each residue in the plane of each of the embedding's frequencies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.snapshot import Snapshot
from grok.records.quantity import Quantity
from grok.science.modular import rings
from grok.tasks.task import Task


def validate_residue_embedding(task: Task, model: nn.Module) -> None:
    """Require an embedding of the residues modulo an odd p.

    Raises:
        UserError: the model has no token embedding, or its tokens are not the residues modulo an odd p.
    """
    p, tokens = getattr(task, "p", 0), task.dimensions.get("n_tokens", 0)
    if not hasattr(model, "token_embedding") or tokens != p or p % 2 == 0:
        raise UserError(
            f"reads an embedding of the residues modulo an odd p, not {type(model).__name__} on "
            f"{getattr(task, 'operation', type(task).__name__)} with p={p}; choose other measures in measure=[…]"
        )


class RingCoordinates:
    """The residues' coordinates on every frequency's ring, for the gallery. Half precision suffices for drawing."""

    needs_float64 = True
    validate = staticmethod(validate_residue_embedding)

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
