"""Layers for batched replicas: R networks computed by batched matrix products, with the replica axis first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn


class Linear(nn.Module):
    """R affine maps in one batch, y[r] = x[r] W[r] + b[r], each initialized by its own generator.

    Weights and biases are uniform on ±1/sqrt(n_in), the default of `torch.nn.Linear`. They are drawn in float64: a
    float32 run starts from the rounded weights of the float64 run.
    """

    def __init__(self, n_in: int, n_out: int, *, generators: Sequence[Generator]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        weights, biases = [], []
        for generator in generators:
            weights.append(torch.empty(n_in, n_out, dtype=torch.float64).uniform_(-bound, bound, generator=generator))
            biases.append(torch.empty(1, n_out, dtype=torch.float64).uniform_(-bound, bound, generator=generator))
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.stack(biases))

    def forward(self, inputs: Float[Tensor, "replica example in"]) -> Float[Tensor, "replica example out"]:
        if torch.compiler.is_compiling():  # the sum is fused with the activation
            return torch.bmm(inputs, self.weight) + self.bias
        return torch.baddbmm(self.bias, inputs, self.weight)
