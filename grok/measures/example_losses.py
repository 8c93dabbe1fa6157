"""The losses of single test examples at the last evaluation, as shares of the loss of guessing the mean target."""

from __future__ import annotations

from grok.checks import UserError, check_int
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.models.spec import Values
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.tasks.task import Task


class ExampleLosses(Measure):
    """Only at the last evaluation: the squared error of the first `n_examples` test examples / the targets' variance.

    Networks of several sizes with the same seed have the same test examples.
    """

    def __init__(self, *, n_examples: int) -> None:
        check_int("measure.example_losses.n_examples", n_examples, minimum=1)
        self.n_examples = n_examples

    def validate(self, task: Task, model: Model) -> None:
        """Require a regression.

        Raises:
            UserError: the task has classes.
        """
        if not isinstance(task.spec.outputs, Values):
            raise UserError(f"needs a regression, not {type(task).__name__}; leave it out")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        variance = snapshot.test.targets.var(1, unbiased=False).mean(-1)
        share = snapshot.test.loss[:, : self.n_examples] / variance[:, None]
        examples = {"example": range(share.shape[1])}
        title = "loss of a test example / variance of the targets"
        return {
            "example_loss": Quantity(share, title, dims=("example",), coordinates=examples),
            "target_variance": Quantity(variance, "variance of the test targets"),
        }
