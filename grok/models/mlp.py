"""The multilayer perceptron of Omnigrok: `depth` affine maps with an activation between them, the last one linear."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from grok.checks import choice, whole
from grok.models.layers import Linear

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class Mlp(nn.Module):
    """R perceptrons side by side, one for each generator."""

    def __init__(
        self, *, depth: int, width: int, activation: str, n_inputs: int, n_outputs: int, generators: Sequence[Generator]
    ) -> None:
        whole("model.depth", depth, least=1)
        whole("model.width", width, least=1)
        choice("model.activation", activation, ACTIVATIONS)
        super().__init__()
        widths = [n_inputs, *[width] * (depth - 1), n_outputs]
        self.layers = nn.ModuleList(Linear(a, b, generators=generators) for a, b in pairwise(widths))
        self.activation = ACTIVATIONS[activation]

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"last_layer": f"layers.{len(self.layers) - 1}."}

    def forward(self, inputs: Float[Tensor, "replica example in"]) -> Float[Tensor, "replica example out"]:
        hidden = inputs
        for layer in self.layers[:-1]:
            hidden = self.activation(layer(hidden))
        outputs: Tensor = self.layers[-1](hidden)
        return outputs
