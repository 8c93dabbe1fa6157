"""A short vector that stands for all weights, so that distances between any two looks can be told afterwards."""

from __future__ import annotations

import torch

from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import sketches

LENGTH = 2048  # distances are right to 1 / √(2 · LENGTH) = 1.6 % (a standard deviation)


class WeightSketch:
    """A count sketch of each replica's weights; at the last look, how far those of every look were from the last ones.
    Signs and places are the same at every look and for every replica: they are part of the measure."""

    def __init__(self) -> None:
        self.drawn: tuple[torch.Tensor, torch.Tensor] | None = None

    def __call__(self, look: Look) -> dict[str, Labelled]:
        weights = torch.cat([parameter.detach().flatten(1) for parameter in look.model.parameters()], 1)
        if self.drawn is None:
            generator = torch.Generator().manual_seed(0)
            place, sign = sketches.drawn(weights.shape[1], length=LENGTH, generator=generator)
            self.drawn = place.to(weights.device), sign.to(weights)
        sketch = sketches.count_sketch(weights, *self.drawn, length=LENGTH)
        return {
            "weight_sketch": Labelled(
                sketch, "sketch of the weights", dims=("place",), coordinates={"place": range(LENGTH)}
            )
        }

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        far = sketches.distance_to_last(torch.stack(history.columns["weight_sketch"], 1))
        title, chart = "distance of all weights to those at the end", "distance in parameter space"
        return {"distance_to_end": Labelled(far, title, chart=chart, dims=("step",))}
