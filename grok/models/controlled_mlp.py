"""The network of multitask sparse parity (Michaud et al. 2023): one hidden layer on control bits and task bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import check_int
from grok.models.layers import Linear
from grok.models.model import Model
from grok.models.spec import ControlledBits
from grok.models.transformer_layers import lookup
from grok.science.numerics.packed_bits import unpack_bits

BLOCK_ACTIVATIONS = 2**19  # hidden activations per block, 2 MB in float32: about the cache of one core
MIN_EXAMPLES_PER_SUBTASK = 2  # minimum examples per subtask in a block: each block adds a gradient of the whole table


class ControlledLinear(nn.Module):
    """An affine map of [one-hot control bits ‖ task bits] without products with zeros: the control bit that is set
    selects a row of a table. The initial weights are those of `Linear` with the same number of inputs."""

    def __init__(self, n_subtasks: int, n_bits: int, n_out: int, *, generators: Sequence[Generator]) -> None:
        super().__init__()
        self.n_bits = n_bits
        dense = Linear(n_subtasks + n_bits, n_out, generators=generators)
        control, weight = dense.weight.detach().split([n_subtasks, n_bits], dim=1)
        self.control, self.weight = nn.Parameter(control.clone()), nn.Parameter(weight.clone())
        self.bias = dense.bias

    def table(self) -> Float[Tensor, "replica subtask out"]:
        """The contribution of each control bit, plus the bias."""
        return self.control + self.bias

    def forward(
        self, table: Float[Tensor, "replica subtask out"], inputs: Int[Tensor, "replica example _"]
    ) -> Float[Tensor, "replica example out"]:
        bits = unpack_bits(inputs[..., 1:], self.n_bits, table.dtype)
        return lookup(table, inputs[..., 0]).baddbmm_(bits, self.weight)


class NarrowProduct(torch.autograd.Function):
    """The product x W for a W with few columns, in the memory layout that is fast on a CPU.

    With `torch.bmm` and its own gradient, a CPU needs up to seven times as long for the gradient of W, and five times
    as long for the product.
    """

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


class ControlledMlp(Model):
    """R networks in one batch. Inputs are the subtask and the words of `grok.science.numerics.packed_bits`."""

    reads: ClassVar = (ControlledBits,)
    gains_by_compiling: ClassVar = False  # a compiled step takes up to 3.7 times as long

    def __init__(self, *, width: int, inputs: ControlledBits, n_outputs: int, generators: Sequence[Generator]) -> None:
        check_int("model.width", width, minimum=1)
        super().__init__()
        self.first = ControlledLinear(inputs.n_subtasks, inputs.n_bits, width, generators=generators)
        self.last = Linear(width, n_outputs, generators=generators)

    @property
    def param_groups(self) -> dict[str, str]:
        return {"control": "first.control", "last_layer": "last."}

    def forward(self, inputs: Int[Tensor, "replica example _"]) -> Float[Tensor, "replica example out"]:
        table = self.first.table()
        hidden = (self.first(table, block).relu_() for block in inputs.split(self._block_size(inputs), dim=1))
        return torch.cat([NarrowProduct.apply(block, self.last.weight) for block in hidden], dim=1) + self.last.bias

    def _block_size(self, inputs: Int[Tensor, "replica example _"]) -> int:
        """Examples per block of the forward and backward pass. On a CPU, a block's activations fit into the cache."""
        n_replicas, n_subtasks, width = self.first.control.shape
        if inputs.device.type != "cpu":
            return inputs.shape[1]
        return max(BLOCK_ACTIVATIONS // (n_replicas * width), MIN_EXAMPLES_PER_SUBTASK * n_subtasks)
