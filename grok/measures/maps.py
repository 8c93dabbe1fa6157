"""Attention and neuron activations over all pairs at the last evaluation, as maps too large for every snapshot."""

from __future__ import annotations

from typing import ClassVar

from grok.measures.addition import all_pairs, transformer, validate_addition
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.modular import neurons
from grok.tasks.task import Task

N_NEURONS = 6  # mapped neurons: the best one of each of the frequencies that explain a neuron best


class Maps(Measure):
    """Only at the last evaluation: each head's attention and some neurons' activations, for every pair (a, b).

    Each mapped neuron is the one that its frequency explains best. `neuron_map_share` is the explained share of the
    neuron's variance, which may be small.
    """

    needs_float64: ClassVar = True

    def validate(self, task: Task, model: Model) -> None:
        validate_addition(task, model)

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        model, pairs = transformer(snapshot), all_pairs(snapshot)
        p = model.embedding.n_tokens
        patterns = model.patterns(pairs)  # [replica, pair, head, position]
        heads, positions = patterns.shape[-2:]
        activations = model.neurons(pairs)
        shares = neurons.share_by_frequency(activations)
        n_maps = min(N_NEURONS, shares.shape[1])
        share, best = shares.amax(-1).topk(n_maps, dim=-1)
        chosen = shares.argmax(-1).gather(-1, best)
        mapped = activations.mT.gather(1, chosen.unsqueeze(-1).expand(-1, -1, pairs.shape[1]))
        pair, maps = {"a": range(p), "b": range(p)}, {"map": range(n_maps)}
        return {
            "attention_pattern": Quantity(
                patterns.permute(0, 2, 3, 1).unflatten(-1, (p, p)),
                "attention where the answer is read",
                dims=("head", "position", "a", "b"),
                coordinates={"head": range(heads), "position": ("a", "b", "=")[:positions], **pair},
            ),
            "neuron_map": Quantity(
                mapped.unflatten(-1, (p, p)),
                "activation of a neuron",
                dims=("map", "a", "b"),
                coordinates={**maps, **pair},
            ),
            "neuron_map_frequency": Quantity(
                best + 1, "frequency of the mapped neuron", dims=("map",), coordinates=maps
            ),
            "neuron_map_share": Quantity(
                share, "share of the mapped neuron's variance at its frequency", dims=("map",), coordinates=maps
            ),
        }
