"""The multilayer perceptron of Omnigrok: `depth` affine maps, with an activation after all but the last."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from grok.checks import check_choice, check_int
from grok.models.layers import Linear
from grok.models.model import MAX_DEPTH, Model
from grok.models.spec import Images, Vectors
from grok.science.numerics.tanh import tanh

ACTIVATIONS = {"relu": torch.relu, "tanh": tanh}


class Mlp(Model):
    """R multilayer perceptrons in one batch, one per generator. Images are flattened."""

    reads: ClassVar = (Vectors, Images)

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        activation: str,
        inputs: Vectors | Images,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        check_int("model.depth", depth, minimum=1, maximum=MAX_DEPTH)
        check_int("model.width", width, minimum=1)
        check_choice("model.activation", activation, ACTIVATIONS)
        super().__init__()
        widths = [inputs.n_inputs, *[width] * (depth - 1), n_outputs]
        self.layers = nn.ModuleList(Linear(a, b, generators=generators) for a, b in pairwise(widths))
        self.activation = ACTIVATIONS[activation]

    @property
    def param_groups(self) -> dict[str, str]:
        return {"last_layer": f"layers.{len(self.layers) - 1}."}

    def forward(self, inputs: Float[Tensor, "replica example *in"]) -> Float[Tensor, "replica example out"]:
        hidden = inputs.flatten(2)
        for layer in self.layers[:-1]:
            hidden = self.activation(layer(hidden))
        outputs: Tensor = self.layers[-1](hidden)
        return outputs
