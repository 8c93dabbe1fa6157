"""A short sketch of all weights, from which the distance between any two snapshots can be computed later."""

from __future__ import annotations

import torch

from grok.measures.snapshot import Measure, Snapshot
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.numerics import sketches

SKETCH_LENGTH = 2048  # relative std of distances: 1 / √(2 · SKETCH_LENGTH) = 1.6 %


class WeightSketch(Measure):
    """A count sketch of each replica's weights.

    The last evaluation adds the distances of each snapshot's weights to the last ones and, if step 0 was evaluated, to
    the initial ones. The random places and signs are part of the measure: the same for all snapshots and replicas.
    """

    def __init__(self) -> None:
        self.places_and_signs: tuple[torch.Tensor, torch.Tensor] | None = None

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        weights = torch.cat([parameter.detach().flatten(1) for parameter in snapshot.model.parameters()], 1)
        if self.places_and_signs is None:
            generator = torch.Generator().manual_seed(0)
            place, sign = sketches.random_places_and_signs(weights.shape[1], length=SKETCH_LENGTH, generator=generator)
            self.places_and_signs = place.to(weights.device), sign.to(weights)
        sketch = sketches.count_sketch(weights, *self.places_and_signs, length=SKETCH_LENGTH)
        return {
            "weight_sketch": Quantity(
                sketch, "sketch of the weights", dims=("place",), coordinates={"place": range(SKETCH_LENGTH)}
            )
        }

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        sketch = torch.stack(history.columns["weight_sketch"], 1)
        return {
            f"distance_to_{name}": Quantity(
                sketches.distances_to(sketch, index),
                f"distance of all weights to those at the {name}",
                chart="distance in parameter space",
                dims=("step",),
            )
            for name, index in (("start", 0), ("end", -1))
            if name == "end" or history.steps[0] == 0
        }
