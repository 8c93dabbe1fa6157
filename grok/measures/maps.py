"""What attention and neurons do at the end, over all pairs: maps, too large to be kept of every look."""

from __future__ import annotations

from grok.measures.addition import adds_by_transformer, all_pairs, transformer
from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import neurons

NEURONS = 6  # that are mapped: the best of each of the frequencies that explain a neuron best


class Maps:
    """At the last look alone: what each head attends to, and the activations of some neurons, for every pair (a, b).

    A mapped neuron is the one that its frequency explains best, and that may be little: `neuron_map_share` says how
    much of its variance.
    """

    needs_float64 = True
    check = staticmethod(adds_by_transformer)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        return {}

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        model, pairs = transformer(look), all_pairs(look)
        p = model.embedding.n_tokens
        patterns = model.patterns(pairs)  # [replica, pair, head, position]
        heads, positions = patterns.shape[-2:]
        activations = model.neurons(pairs)
        shares = neurons.share_by_frequency(activations)
        n_maps = min(NEURONS, shares.shape[1])
        share, best = shares.amax(-1).topk(n_maps, dim=-1)
        chosen = shares.argmax(-1).gather(-1, best)
        mapped = activations.mT.gather(1, chosen.unsqueeze(-1).expand(-1, -1, pairs.shape[1]))
        pair, maps = {"a": range(p), "b": range(p)}, {"map": range(n_maps)}
        return {
            "attention_pattern": Labelled(
                patterns.permute(0, 2, 3, 1).unflatten(-1, (p, p)),
                "attention where the answer is read",
                dims=("head", "position", "a", "b"),
                coordinates={"head": range(heads), "position": ("a", "b", "=")[:positions], **pair},
            ),
            "neuron_map": Labelled(
                mapped.unflatten(-1, (p, p)),
                "activation of a neuron",
                dims=("map", "a", "b"),
                coordinates={**maps, **pair},
            ),
            "neuron_map_frequency": Labelled(
                best + 1, "frequency of the mapped neuron", dims=("map",), coordinates=maps
            ),
            "neuron_map_share": Labelled(
                share, "share of the mapped neuron that its frequency explains", dims=("map",), coordinates=maps
            ),
        }
