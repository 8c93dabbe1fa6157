"""Mean losses of neighborhoods of test examples at the last evaluation, as shares of the variance of the targets."""

from __future__ import annotations

import torch

from grok.checks import UserError, check_int
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.models.spec import Values, Vectors
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.tasks.task import Task


class NeighborhoodLosses(Measure):
    """Only at the last evaluation: the mean squared error of the `n_neighbors` test inputs nearest to each of the first
    `n_neighborhoods` / the targets' variance.

    The squared error of one example crosses zero by chance; that of a neighborhood does not. Networks of several sizes
    with the same seed have the same neighborhoods.
    """

    def __init__(self, *, n_neighborhoods: int, n_neighbors: int) -> None:
        check_int("measure.neighborhood_losses.n_neighborhoods", n_neighborhoods, minimum=1)
        check_int("measure.neighborhood_losses.n_neighbors", n_neighbors, minimum=1)
        self.n_neighborhoods, self.n_neighbors = n_neighborhoods, n_neighbors

    def validate(self, task: Task, model: Model) -> None:
        """Require a regression on vectors.

        Raises:
            UserError: the task has classes or other inputs.
        """
        if not (isinstance(task.spec.inputs, Vectors) and isinstance(task.spec.outputs, Values)):
            raise UserError(f"needs a regression on vectors, not {type(task).__name__}; leave it out")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        shares = []
        for (task, streams), targets, loss in zip(
            snapshot.replicas, snapshot.test.targets, snapshot.test.loss, strict=True
        ):
            test = task.data(streams).test
            inputs = test.inputs[test.indices]
            distances = torch.cdist(inputs[: self.n_neighborhoods], inputs)
            nearest = distances.topk(min(self.n_neighbors, len(inputs)), largest=False).indices
            shares.append(loss[nearest.to(loss.device)].mean(1) / targets.var(0, unbiased=False).mean())
        share = torch.stack(shares)
        neighborhoods = {"neighborhood": range(share.shape[1])}
        title = "mean loss of a neighborhood / variance of the targets"
        return {"neighborhood_loss": Quantity(share, title, dims=("neighborhood",), coordinates=neighborhoods)}
