"""Loss and accuracy on training and test examples."""

from __future__ import annotations

from grok.measures.look import Look
from grok.records.labelled import Labelled


class Performance:
    """Mean loss and the share of correct examples, by their weights; every task is measured by these."""

    def __call__(self, look: Look) -> dict[str, Labelled]:
        values = {}
        for part, evaluation in (("train", look.train), ("test", look.test)):
            accuracy, loss = evaluation.mean(evaluation.correct), evaluation.mean(evaluation.loss)
            values[f"{part}_accuracy"] = Labelled(accuracy, f"{part} accuracy", chart="accuracy")
            values[f"{part}_loss"] = Labelled(loss, f"{part} loss", chart="loss", log_scale=True)
        return values
