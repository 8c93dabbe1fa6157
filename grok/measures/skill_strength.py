"""Strength of each skill: how much of its target function the network has learned (Nam et al. 2024)."""

from __future__ import annotations

from typing import ClassVar

from grok.checks import UserError
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.quantity import Quantity
from grok.tasks.skill_parity import SkillParity
from grok.tasks.task import Task


class SkillStrength(Measure):
    """R_k / S = E[g_k f | skill k] / S on the test examples, with the target S g_k: 0 at first, 1 when learned."""

    needs_outputs: ClassVar = True

    def validate(self, task: Task, model: Model) -> None:
        """Require the regression of skills.

        Raises:
            UserError: the task is another one.
        """
        if not isinstance(task, SkillParity):
            raise UserError(f"needs task=skill_parity, not {type(task).__name__}")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        assert snapshot.test.outputs is not None and isinstance(snapshot.task, SkillParity)
        outputs, targets = (each.cpu().double().squeeze(-1) for each in (snapshot.test.outputs, snapshot.test.targets))
        n_subtasks = len(snapshot.task.frequencies)
        strength = (outputs / targets).unflatten(1, (n_subtasks, -1)).mean(-1)
        ranks = range(1, n_subtasks + 1)
        found = Quantity(strength, "strength of each skill", dims=("subtask",), coordinates={"subtask": ranks})
        return {"skill_strength": found}
