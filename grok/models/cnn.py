"""A small convolutional network: convolutions with strides, and an affine map of the last feature maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from grok.checks import UserError, check_choice, check_int
from grok.models.layers import Linear
from grok.models.mlp import ACTIVATIONS
from grok.models.model import Model
from grok.models.spec import Images


class Convolution(nn.Module):
    """R convolutions without padding in one grouped convolution, each initialized by its own generator.

    Weights and biases are uniform on ±1/sqrt(n_in · kernel_size²), the default of `torch.nn.Conv2d`. They are drawn in
    float64.
    """

    def __init__(
        self, n_in: int, n_out: int, *, kernel_size: int, stride: int, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.stride = stride
        bound = 1 / math.sqrt(n_in * kernel_size**2)
        weight = torch.empty(len(generators), n_out, n_in, kernel_size, kernel_size, dtype=torch.float64)
        bias = torch.empty(len(generators), n_out, dtype=torch.float64)
        for replica, generator in enumerate(generators):
            weight[replica].uniform_(-bound, bound, generator=generator)
            bias[replica].uniform_(-bound, bound, generator=generator)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(
        self, images: Float[Tensor, "example replicas_in y x"]
    ) -> Float[Tensor, "example replicas_out y_out x_out"]:
        n_replicas = len(self.weight)
        return functional.conv2d(
            images, self.weight.flatten(0, 1), self.bias.flatten(), stride=self.stride, groups=n_replicas
        )


class Cnn(Model):
    """R convolutional networks in one batch, one per generator."""

    reads: ClassVar = (Images,)

    def __init__(
        self,
        *,
        channels: Sequence[int],
        kernel_size: int,
        stride: int,
        activation: str,
        inputs: Images,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        if not isinstance(channels, Sequence) or isinstance(channels, str) or not channels:
            raise UserError(f"model.channels={channels}: must be the channels of the convolutions, [first, …]")
        for each in channels:
            check_int("model.channels", each, minimum=1)
        check_int("model.kernel_size", kernel_size, minimum=1)
        check_int("model.stride", stride, minimum=1)
        check_choice("model.activation", activation, ACTIVATIONS)
        super().__init__()
        self.convolutions = nn.ModuleList(
            Convolution(a, b, kernel_size=kernel_size, stride=stride, generators=generators)
            for a, b in pairwise([inputs.channels, *channels])
        )
        height, width = inputs.height, inputs.width
        for _ in channels:
            height, width = ((size - kernel_size) // stride + 1 for size in (height, width))
        if min(height, width) < 1:
            raise UserError(
                f"model.kernel_size={kernel_size}: too large for {len(channels)} convolutions with "
                f"model.stride={stride} on images of {inputs.height} × {inputs.width}"
            )
        self.last = Linear(channels[-1] * height * width, n_outputs, generators=generators)
        self.activation = ACTIVATIONS[activation]

    @property
    def param_groups(self) -> dict[str, str]:
        return {"convolutions": "convolutions.", "last_layer": "last."}

    def forward(self, inputs: Float[Tensor, "replica example channel y x"]) -> Float[Tensor, "replica example out"]:
        hidden = inputs.transpose(0, 1).flatten(1, 2)
        for convolution in self.convolutions:
            hidden = self.activation(convolution(hidden))
        outputs: Tensor = self.last(hidden.unflatten(1, (len(inputs), -1)).flatten(2).transpose(0, 1))
        return outputs
