"""What of a task's subtasks is learned: loss and accuracy of each, how many have converged, and losses to stop by."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.look import Look
from grok.records.labelled import Labelled
from grok.science.emergence import CONVERGED, NATS_PER_BIT
from grok.tasks.task import Task


class Subtasks:
    """On the test examples, which have equally many of every subtask, in order.

    `validation_loss` is by the even test points of each subtask; `held_out_loss` and `held_out_subtask_loss` are by the
    odd ones, so that who stops where the first is least and reports the others does not peek.
    """

    @staticmethod
    def check(task: Task, model: nn.Module) -> None:
        """Refuse a task that has no subtasks.

        Raises:
            UserError: that is so.
        """
        if not hasattr(task, "n_subtasks"):
            raise UserError(
                f"needs a task that has subtasks, which {type(task).__name__} has not; "
                "choose measure=[performance,weight_norm]"
            )

    def __call__(self, look: Look) -> dict[str, Labelled]:
        loss, correct = (_by_subtask(look, each) for each in (look.test.loss, look.test.correct))
        by_subtask = loss.mean(-1)

        def half(which: str, first: int) -> Labelled:
            mean = (loss[..., first::2].mean(-1) * _frequencies(look)).sum(-1)
            return Labelled(mean, f"loss on the {which} test points", "nat", chart="halves of the test", log_scale=True)

        def of_each(values: Tensor, title: str, unit: str = "1") -> Labelled:
            ranks = range(1, values.shape[1] + 1)
            return Labelled(values, title, unit, dims=("subtask",), coordinates={"subtask": ranks})

        return {
            "subtask_loss": of_each(by_subtask, "loss of each subtask", "nat"),
            "subtask_accuracy": of_each(correct.mean(-1), "accuracy of each subtask"),
            "held_out_subtask_loss": of_each(loss[..., 1::2].mean(-1), "loss of each subtask, odd test points", "nat"),
            "n_converged": Labelled(
                (by_subtask < CONVERGED * NATS_PER_BIT).sum(-1),
                f"subtasks with a loss below {CONVERGED:g} bit",
                chart="subtasks converged",
            ),
            "validation_loss": half("even", 0),
            "held_out_loss": half("odd", 1),
        }


def _by_subtask(look: Look, values: Tensor) -> Float[Tensor, "replica subtask point"]:
    """Values of the test examples, in float64 on the CPU, which every machine has."""
    n_subtasks: int = look.task.n_subtasks  # type: ignore[attr-defined]
    found: Tensor = values.cpu().double().unflatten(1, (n_subtasks, -1))
    return found


def _frequencies(look: Look) -> Float[Tensor, "replica subtask"]:
    """The probability of each subtask, from the weights of its test examples."""
    assert look.test.weights is not None, "test examples in equal numbers have weights"
    return _by_subtask(look, look.test.weights).sum(-1)
