"""The toy model of Liu et al. 2022 (arXiv:2205.10343, Sec. 2): learned embeddings and an MLP decoder. A fixed operation
combines the embeddings: a sum, or a matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import UserError, check_choice, check_float, check_int
from grok.models.mlp import Mlp
from grok.models.model import Model
from grok.models.spec import TokenPairs, Vectors
from grok.models.transformer_layers import lookup

COMBINATIONS = ("sum", "matrix_product")


class Uniform(nn.Module):
    """One matrix per replica, uniform on ± the bound and drawn in float64."""

    def __init__(self, n_in: int, n_out: int, *, bound: float, generators: Sequence[Generator]) -> None:
        super().__init__()
        weight = torch.empty(len(generators), n_in, n_out, dtype=torch.float64)
        for replica_weight, generator in zip(weight, generators, strict=True):
            replica_weight.uniform_(-bound, bound, generator=generator)
        self.weight = nn.Parameter(weight)


class EmbeddingDecoder(Model):
    """R networks in one batch: Dec(E_a + E_b), or Dec(E_a E_b) of √d × √d matrices, where the order matters."""

    reads: ClassVar = (TokenPairs,)

    def __init__(
        self,
        *,
        d_embedding: int,
        embedding_bound: float,
        combine: str,
        depth: int,
        width: int,
        activation: str,
        inputs: TokenPairs,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        check_int("model.d_embedding", d_embedding, minimum=1)
        check_float("model.embedding_bound", embedding_bound, above=0)
        check_choice("model.combine", combine, COMBINATIONS)
        side = math.isqrt(d_embedding)
        if combine == "matrix_product" and side**2 != d_embedding:
            raise UserError(f"model.d_embedding={d_embedding}: must be a square for model.combine=matrix_product")
        super().__init__()
        self.combine, self.embedding_bound, self.side = combine, embedding_bound, side
        self.embeddings = Uniform(inputs.n_tokens, d_embedding, bound=embedding_bound, generators=generators)
        self.decoder = Mlp(
            depth=depth,
            width=width,
            activation=activation,
            inputs=Vectors(d_embedding),
            n_outputs=n_outputs,
            generators=generators,
        )

    @property
    def param_groups(self) -> dict[str, str]:
        return {"embeddings": "embeddings.", "decoder": "decoder."}

    @property
    def token_embedding(self) -> Float[Tensor, "replica token d_embedding"]:
        """The embedding that both operands share."""
        return self.embeddings.weight

    def forward(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example out"]:
        operands = lookup(self.embeddings.weight, inputs)
        outputs: Tensor = self.decoder(operands.sum(2) if self.combine == "sum" else self._matrix_product(operands))
        return outputs

    def _matrix_product(self, operands: Float[Tensor, "replica example 2 d"]) -> Float[Tensor, "replica example d"]:
        left, right = operands.unflatten(3, (self.side, self.side)).unbind(2)
        product: Tensor = left @ right
        return product.flatten(2)
