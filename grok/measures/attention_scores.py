"""Scores of each attention head of a decoder: does it look for earlier occurrences, or at the previous token?"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from grok.checks import UserError
from grok.measures.snapshot import Measure, Snapshot
from grok.models.decoder import Decoder
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.language import attention_scores
from grok.tasks.task import Task

N_SEQUENCES = 32  # the standard error of a score is below 0.01


class AttentionScores(Measure):
    """Prefix-matching and previous-token scores on random tokens that occur twice (Olsson et al. 2022).

    The sequences are part of the measure: the same for every snapshot and every replica. The last evaluation adds the
    attention of each head on the first of them.
    """

    def validate(self, task: Task, model: Model) -> None:
        """Require a decoder.

        Raises:
            UserError: it is another model.
        """
        if not isinstance(model, Decoder):
            raise UserError(f"reads the attention of model=decoder, not of {type(model).__name__}")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        tokens = _sequences(snapshot)
        patterns = _patterns(snapshot, tokens)  # [replica, block, example, head, query, position]
        prefix, previous = attention_scores.prefix_matching(patterns, tokens), attention_scores.previous_token(patterns)
        chart, n_heads = "attention scores", prefix.shape[2]
        heads = {"block": range(1, 1 + prefix.shape[1]), "head": range(1, 1 + n_heads)}
        return {
            "best_prefix_matching": Quantity(prefix.amax((1, 2)), "best prefix-matching score", chart=chart),
            "best_previous_token": Quantity(previous.amax((1, 2)), "best previous-token score", chart=chart),
            "prefix_matching": Quantity(
                prefix, "prefix-matching score of each head", dims=("block", "head"), coordinates=heads
            ),
            "previous_token": Quantity(
                previous, "previous-token score of each head", dims=("block", "head"), coordinates=heads
            ),
        }

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        patterns = _patterns(snapshot, _sequences(snapshot)[:1])[:, :, 0]
        axes = ("block", "head", "query", "position")
        sizes = patterns.shape[1:]
        starts = (1, 1, 0, 0)
        coordinates = {axis: range(start, start + n) for axis, start, n in zip(axes, starts, sizes, strict=True)}
        return {
            "repeated_attention": Quantity(
                patterns.half(), "attention on random tokens that occur twice", dims=axes, coordinates=coordinates
            )
        }


def _sequences(snapshot: Snapshot) -> Int[Tensor, "example position"]:
    inputs, generator = snapshot.task.spec.inputs, torch.Generator().manual_seed(0)
    tokens = attention_scores.repeated_random_tokens(
        N_SEQUENCES,
        inputs.n_tokens,  # type: ignore[union-attr]
        inputs.length,  # type: ignore[union-attr]
        generator=generator,
    )
    return tokens.to(snapshot.train.indices.device)


def _patterns(snapshot: Snapshot, tokens: Int[Tensor, "example position"]) -> Tensor:
    assert isinstance(snapshot.model, Decoder), "validated before training"
    return snapshot.model.patterns(tokens.expand(len(snapshot.train.indices), -1, -1))
