"""The embedding itself: the coordinates of each token, or those on its first two principal axes."""

from __future__ import annotations

import torch
from torch import Tensor

from grok.checks import UserError
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.tasks.task import Task

MAX_DIMENSIONS = 2  # dimensions that are recorded


class Embeddings(Measure):
    """Every token's embedding at every evaluation step.

    An embedding of more than two dimensions is projected onto the two principal axes of the last evaluation, as in the
    animations of Liu et al. 2022.
    """

    def validate(self, task: Task, model: Model) -> None:
        """Require a model with an embedding.

        Raises:
            UserError: the model has no embedding.
        """
        if model.token_embedding is None:
            raise UserError(
                f"reads a token embedding, which {type(model).__name__} lacks; choose other measures in measure=[…]"
            )

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        assert snapshot.model.token_embedding is not None, "validated before training"
        embedding = snapshot.model.token_embedding.detach().cpu().clone()
        if embedding.shape[2] <= MAX_DIMENSIONS:
            return {"embedding": _embedding_quantity(embedding)}
        return {"full_embedding": Quantity(embedding, "embedding", dims=("token", "of_all"), recorded=False)}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        if "full_embedding" not in history.columns:
            return {}
        embeddings = torch.stack(history.columns["full_embedding"], 1).double()
        centered = embeddings - embeddings.mean(2, keepdim=True)
        final = centered[:, -1].nan_to_num()
        axes = torch.linalg.svd(final, full_matrices=False).Vh[:, :MAX_DIMENSIONS]
        return {"embedding": _embedding_quantity((centered @ axes.mT.unsqueeze(1)).float(), "step")}


def _embedding_quantity(values: Tensor, *leading_dims: str) -> Quantity:
    """The quantity of embeddings [replica, *leading_dims, token, dimension]."""
    tokens, dimensions = (range(n) for n in values.shape[-2:])
    return Quantity(
        values,
        "embedding",
        dims=(*leading_dims, "token", "dimension"),
        coordinates={"token": tokens, "dimension": dimensions},
    )
