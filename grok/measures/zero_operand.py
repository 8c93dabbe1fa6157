"""The accuracy on held-out pairs whose first operand is 0: their result is 0 by division or multiplication."""

from __future__ import annotations

from grok.checks import UserError
from grok.measures.addition import name_of_task
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.quantity import Quantity
from grok.tasks.modular_addition import ModularAddition
from grok.tasks.task import Task

OPERATIONS = ("divide", "multiply")


class ZeroOperand(Measure):
    """Test accuracy on the pairs (0, b), whose result does not depend on b; NaN if all of them are training pairs."""

    def validate(self, task: Task, model: Model) -> None:
        """Require division or multiplication.

        Raises:
            UserError: it is another task or operation.
        """
        if not isinstance(task, ModularAddition) or task.operation not in OPERATIONS:
            raise UserError(f"needs task.operation=divide or multiply, not {name_of_task(task)}; leave it out")
        if task.form != "pair":
            raise UserError(f"needs task.form=pair, not {task.form}; leave it out")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        assert isinstance(snapshot.task, ModularAddition), "validated before training"
        pairs, _ = snapshot.task.full_table()
        is_zero = pairs[snapshot.test.indices.cpu(), 0] == 0
        correct = (snapshot.test.correct.cpu() & is_zero).sum(1).double() / is_zero.sum(1)
        return {"zero_operand_accuracy": Quantity(correct, "test accuracy on pairs (0, b)", chart="accuracy")}
