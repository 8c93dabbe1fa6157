"""Loss and accuracy on training and test examples."""

from __future__ import annotations

from grok.measures.snapshot import Snapshot
from grok.records.quantity import Quantity


class Performance:
    """Weighted mean loss and accuracy. Every task has these quantities."""

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        values = {}
        for part, evaluation in (("train", snapshot.train), ("test", snapshot.test)):
            accuracy, loss = evaluation.mean(evaluation.correct), evaluation.mean(evaluation.loss)
            values[f"{part}_accuracy"] = Quantity(accuracy, f"{part} accuracy", chart="accuracy")
            values[f"{part}_loss"] = Quantity(loss, f"{part} loss", chart="loss", log_scale=True)
        return values
