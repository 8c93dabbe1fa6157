"""The rings themselves: where each residue lies in the plane of each frequency of the embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.look import Look
from grok.records.labelled import Labelled
from grok.science import rings
from grok.tasks.task import Task


def embeds_residues(task: Task, model: nn.Module) -> None:
    """Refuse what has no rings.

    Raises:
        UserError: the model has no token embedding, or its tokens are not the residues modulo an odd number.
    """
    p, tokens = getattr(task, "p", 0), task.dimensions.get("n_tokens", 0)
    if not hasattr(model, "token_embedding") or tokens != p or p % 2 == 0:
        raise UserError(
            f"reads an embedding of the residues modulo an odd p, not {type(model).__name__} on "
            f"{getattr(task, 'operation', type(task).__name__)} with p={p}; leave it out of measure=[…]"
        )


class RingCoordinates:
    """The residues' places on every frequency's ring, for the gallery; in half precision, as it is to be looked at."""

    needs_float64 = True
    check = staticmethod(embeds_residues)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        embedding: Tensor = look.model.token_embedding  # type: ignore[assignment]
        places = rings.coordinates(embedding.detach())
        _, n_frequencies, p, _ = places.shape
        return {
            "ring": Labelled(
                places.to(torch.float16),
                "place of each residue in each frequency's plane",
                dims=("frequency", "residue", "axis"),
                coordinates={
                    "frequency": range(1, n_frequencies + 1),
                    "residue": range(p),
                    "axis": ("cosine", "sine"),
                },
            )
        }
