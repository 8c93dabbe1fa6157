"""The Euclidean norm of the weights: of the whole network, of each layer, of the last one."""

from __future__ import annotations

from collections import defaultdict

import torch

from grok.measures.look import Look
from grok.records.labelled import Labelled
from grok.science.norms import joint_norm


class WeightNorm:
    """sqrt(Σ w²) over all parameters, biases included, as Omnigrok counts it; a layer is a module with parameters."""

    def __call__(self, look: Look) -> dict[str, Labelled]:
        layers = defaultdict(list)
        for name, parameter in look.model.named_parameters():
            layers[name.rpartition(".")[0]].append(parameter.detach())
        by_layer = torch.stack([joint_norm(parameters) for parameters in layers.values()], dim=1)
        total = joint_norm([parameter.detach() for parameter in look.model.parameters()])
        return {
            "weight_norm": Labelled(total, "weight norm", chart="weight norm"),
            "last_layer_weight_norm": Labelled(by_layer[:, -1], "weight norm of the last layer", chart="weight norm"),
            "layer_weight_norm": Labelled(
                by_layer,
                "weight norm of each layer",
                chart="weight norm by layer",
                dims=("layer",),
                coordinates={"layer": [*layers]},
            ),
        }
