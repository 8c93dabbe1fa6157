"""How far a network is from predictors of Markov chains: uniform, unigram and bigram (Edelman et al. 2024).

The bigram predictor is exact for the Dirichlet prior. For the other prior, it is the same rule of counting.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from grok.checks import UserError
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.language.markov_chains import bigram_predictor, unigram_predictor
from grok.science.losses import kl_divergence
from grok.tasks.markov_chains import MarkovChains
from grok.tasks.task import Task

PREDICTORS = {"unigram": unigram_predictor, "bigram": bigram_predictor}


class KlToPredictors(Measure):
    """KL(network ‖ predictor) on the test sequences; the last evaluation adds the predictors' own test losses."""

    needs_outputs: ClassVar = True

    def __init__(self) -> None:
        self.predictions: dict[str, Float[Tensor, "replica example position token"]] = {}

    def validate(self, task: Task, model: Model) -> None:
        """Require Markov chains.

        Raises:
            UserError: it is another task.
        """
        if not isinstance(task, MarkovChains):
            raise UserError(f"needs task=markov_chains, not {type(task).__name__}")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        assert snapshot.test.outputs is not None, "needs_outputs is set"
        outputs, found = snapshot.test.outputs.cpu().double(), {}
        for name, predictions in self._predictions(snapshot).items():
            divergence = kl_divergence(outputs, predictions).mean((1, 2))
            found[f"kl_to_{name}"] = Quantity(
                divergence, f"{name} predictor", "nat", chart="KL divergence from predictors", log_scale=True
            )
        return found

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        targets = snapshot.test.targets.cpu().unsqueeze(-1)
        return {
            f"{name}_loss": Quantity(
                -predictions.gather(3, targets).log().mean((1, 2, 3)), f"test loss of the {name} predictor", "nat"
            )
            for name, predictions in self._predictions(snapshot).items()
        }

    def _predictions(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """The probabilities of each predictor on the test sequences of each replica, computed once."""
        if not self.predictions:
            tests = [task.data(streams).test.inputs.numpy() for task, streams in snapshot.replicas]
            n_tokens = snapshot.task.spec.outputs.n
            for name, predict in PREDICTORS.items():
                self.predictions[name] = torch.stack([torch.from_numpy(predict(each, n_tokens)) for each in tests])
            uniform = torch.full_like(self.predictions["unigram"], 1 / n_tokens)
            self.predictions = {"uniform": uniform, **self.predictions}
        return self.predictions
