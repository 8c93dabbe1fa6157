"""The perceptron of multitask sparse parity (Michaud et al. 2023): one hidden layer on control bits and task bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import whole
from grok.models.layers import Linear
from grok.models.transformer_layers import lookup
from grok.science.packed_bits import unpacked

CACHED = 2**19  # hidden activations of a block, 2 MB in float32: about what a core's own cache holds
ROWS_PER_SUBTASK = 2  # of a block at least, for each adds a gradient of the whole table


class ControlledLinear(nn.Module):
    """An affine map of [one-hot control bits ‖ task bits] without zeros to multiply by: the control bit that is set
    picks a row of a table. Initialised by the numbers that `Linear` draws for all the inputs together."""

    def __init__(self, n_subtasks: int, n_bits: int, n_out: int, *, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.n_bits = n_bits
        dense = Linear(n_subtasks + n_bits, n_out, generators=generators)
        control, weight = dense.weight.detach().split([n_subtasks, n_bits], dim=1)
        self.control, self.weight = nn.Parameter(control.clone()), nn.Parameter(weight.clone())
        self.bias = dense.bias

    def table(self) -> Float[Tensor, "replica subtask out"]:
        """What each subtask gives by itself."""
        return self.control + self.bias

    def forward(
        self, table: Float[Tensor, "replica subtask out"], inputs: Int[Tensor, "replica example _"]
    ) -> Float[Tensor, "replica example out"]:
        bits = unpacked(inputs[..., 1:], self.n_bits, table.dtype)
        return lookup(table, inputs[..., 0]).baddbmm_(bits, self.weight)


class NarrowProduct(torch.autograd.Function):
    """x W for a W of few columns, in the order that suits it: in that of `torch.bmm` and its gradient a CPU takes up to
    seven times as long for W's gradient, and five for the product."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        x: Float[Tensor, "replica example width"], weight: Float[Tensor, "replica width out"]
    ) -> Float[Tensor, "replica example out"]:
        return torch.bmm(x, weight.mT.contiguous().mT)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(
        ctx: Any, gradient: Float[Tensor, "replica example out"]
    ) -> tuple[Float[Tensor, "replica example width"], Float[Tensor, "replica width out"]]:
        x, weight = ctx.saved_tensors
        return torch.bmm(gradient, weight.mT), torch.bmm(gradient.mT, x).mT


class ControlledMlp(nn.Module):
    """R networks side by side. Inputs are the subtask and the bits, packed as `grok.science.packed_bits` has them."""

    def __init__(
        self, *, width: int, n_subtasks: int, n_bits: int, n_outputs: int, generators: Sequence[Generator]
    ) -> None:
        whole("model.width", width, least=1)
        super().__init__()
        self.first = ControlledLinear(n_subtasks, n_bits, width, generators=generators)
        self.last = Linear(width, n_outputs, generators=generators)

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"control": "first.control", "last_layer": "last."}

    def forward(self, inputs: Int[Tensor, "replica example _"]) -> Float[Tensor, "replica example out"]:
        table = self.first.table()
        hidden = (self.first(table, block).relu_() for block in inputs.split(self._block(inputs), dim=1))
        return torch.cat([NarrowProduct.apply(block, self.last.weight) for block in hidden], dim=1) + self.last.bias

    def _block(self, inputs: Int[Tensor, "replica example _"]) -> int:
        """How many examples go forwards, and backwards, at once: on a CPU as many as keep to its cache."""
        n_replicas, n_subtasks, width = self.first.control.shape
        if inputs.device.type != "cpu":
            return inputs.shape[1]
        return max(CACHED // (n_replicas * width), ROWS_PER_SUBTASK * n_subtasks)
