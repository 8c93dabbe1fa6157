"""Loss and accuracy of each subtask, the number of converged subtasks, and losses for early stopping."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from grok.checks import UserError
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.quantity import Quantity
from grok.science.quanta.emergence import CONVERGED_BITS, NATS_PER_BIT
from grok.tasks.parity import ParityTask
from grok.tasks.task import Task


class Subtasks(Measure):
    """Quantities on the test examples, which have the same number for every subtask, in the order of subtasks.

    `validation_loss` uses the even test examples of each subtask; `held_out_loss` and `held_out_subtask_loss` use the
    odd ones. So early stopping on the first does not bias the others.
    """

    def validate(self, task: Task, model: Model) -> None:
        """Require a task with subtasks.

        Raises:
            UserError: the task has no subtasks.
        """
        if not isinstance(task, ParityTask):
            raise UserError(f"needs a task with subtasks, not {type(task).__name__}; choose measure=weight_norm")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        loss, correct = (_by_subtask(snapshot, each) for each in (snapshot.test.loss, snapshot.test.correct))
        subtask_loss, odd_loss = loss.mean(-1), loss[..., 1::2].mean(-1)

        def half(parity: str, first: int) -> Quantity:
            mean = (loss[..., first::2].mean(-1) * _frequencies(snapshot)).sum(-1)
            title = f"loss on the {parity} test examples"
            return Quantity(mean, title, "nat", chart="halves of the test set", log_scale=True)

        names = {"subtask": _task(snapshot).subtask_names}

        def per_subtask(values: Tensor, title: str, unit: str = "1") -> Quantity:
            return Quantity(values, title, unit, dims=("subtask",), coordinates=names)

        return {
            "subtask_loss": per_subtask(subtask_loss, "loss of each subtask", "nat"),
            "subtask_accuracy": per_subtask(correct.mean(-1), "accuracy of each subtask"),
            "held_out_subtask_loss": per_subtask(odd_loss, "loss of each subtask, odd test examples", "nat"),
            "n_converged": Quantity(
                (subtask_loss < CONVERGED_BITS * NATS_PER_BIT).sum(-1),
                f"subtasks with a loss below {CONVERGED_BITS:g} bit",
                chart="subtasks converged",
            ),
            "validation_loss": half("even", 0),
            "held_out_loss": half("odd", 1),
        }


def _by_subtask(snapshot: Snapshot, values: Tensor) -> Float[Tensor, "replica subtask example"]:
    """Values of the test examples by subtask, in float64 on the CPU, because some devices lack float64."""
    n_subtasks = len(_task(snapshot).frequencies)
    by_subtask: Tensor = values.cpu().double().unflatten(1, (n_subtasks, -1))
    return by_subtask


def _frequencies(snapshot: Snapshot) -> Float[Tensor, "replica subtask"]:
    """The probability of each subtask, from the weights of its test examples."""
    assert snapshot.test.weights is not None, "balanced test examples have weights"
    return _by_subtask(snapshot, snapshot.test.weights).sum(-1)


def _task(snapshot: Snapshot) -> ParityTask:
    """The task, whose kind is validated before training."""
    assert isinstance(snapshot.task, ParityTask), "validated before training"
    return snapshot.task
