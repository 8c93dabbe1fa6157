"""The embedding itself: where each token lies, on a line, in a plane, or on its first two principal axes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.tasks.task import Task

SHOWN = 2  # dimensions that are recorded


class Embeddings:
    """Every token's place at every look; of more than two dimensions, those in which the embedding of the last look
    varies most, as in the animations of Liu et al. 2022."""

    @staticmethod
    def check(task: Task, model: nn.Module) -> None:
        """Refuse a model without an embedding.

        Raises:
            UserError: that is so.
        """
        if not hasattr(model, "token_embedding"):
            raise UserError(f"reads an embedding, which {type(model).__name__} has not; leave it out of measure=[…]")

    def __call__(self, look: Look) -> dict[str, Labelled]:
        embedding: Tensor = look.model.token_embedding.detach().cpu().clone()  # type: ignore[operator]
        if embedding.shape[2] <= SHOWN:
            return {"embedding": _labelled(embedding)}
        return {"whole_embedding": Labelled(embedding, "embedding", dims=("token", "of_all"), recorded=False)}

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        if "whole_embedding" not in history.columns:
            return {}
        every = torch.stack(history.columns["whole_embedding"], 1).double()
        every = every - every.mean(2, keepdim=True)
        final = every[:, -1].nan_to_num()
        axes = torch.linalg.svd(final, full_matrices=False).Vh[:, :SHOWN]
        return {"embedding": _labelled((every @ axes.mT.unsqueeze(1)).float(), "step")}


def _labelled(places: Tensor, *before: str) -> Labelled:
    """Places [replica, …, token, dimension]."""
    tokens, dimensions = (range(n) for n in places.shape[-2:])
    return Labelled(
        places,
        "embedding",
        dims=(*before, "token", "dimension"),
        coordinates={"token": tokens, "dimension": dimensions},
    )
