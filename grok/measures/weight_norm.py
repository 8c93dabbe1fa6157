"""The Euclidean norm of the weights: of the network, of each layer, and of the last layer."""

from __future__ import annotations

from collections import defaultdict

import torch

from grok.measures.snapshot import Measure, Snapshot
from grok.records.quantity import Quantity
from grok.science.landscape.norms import joint_norm


class WeightNorm(Measure):
    """sqrt(Σ w²) over all parameters, biases included, as in Omnigrok. A layer is a module with parameters."""

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        layers = defaultdict(list)
        for name, parameter in snapshot.model.named_parameters():
            layers[name.rpartition(".")[0]].append(parameter.detach())
        by_layer = torch.stack([joint_norm(parameters) for parameters in layers.values()], dim=1)
        total = joint_norm([parameter.detach() for parameter in snapshot.model.parameters()])
        return {
            "weight_norm": Quantity(total, "weight norm", chart="weight norm"),
            "last_layer_weight_norm": Quantity(by_layer[:, -1], "weight norm of the last layer", chart="weight norm"),
            "layer_weight_norm": Quantity(
                by_layer,
                "weight norm of each layer",
                chart="weight norm by layer",
                dims=("layer",),
                coordinates={"layer": [*layers]},
            ),
        }
