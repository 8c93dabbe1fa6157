"""The toy model of Liu et al. 2022 (arXiv:2205.10343, Sec. 2): learned embeddings that are added, or multiplied as
matrices, by hand, and a perceptron that decodes the result."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import UserError, choice, number, whole
from grok.models.mlp import Mlp
from grok.models.transformer_layers import lookup

COMBINATIONS = ("sum", "matrix_product")


class Uniform(nn.Module):
    """One matrix a replica, its entries drawn in float64 from ± the bound."""

    def __init__(self, n_in: int, n_out: int, *, bound: float, generators: Sequence[Generator]) -> None:
        super().__init__()
        empty = torch.empty(len(generators), n_in, n_out, dtype=torch.float64)
        for own, generator in zip(empty, generators, strict=True):
            own.uniform_(-bound, bound, generator=generator)
        self.weight = nn.Parameter(empty)


class EmbeddingDecoder(nn.Module):
    """R networks side by side: Dec(E_a + E_b), or Dec(E_a E_b) of √d × √d matrices, so that order tells."""

    def __init__(
        self,
        *,
        d_embedding: int,
        embedding_bound: float,
        combine: str,
        depth: int,
        width: int,
        activation: str,
        n_tokens: int,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        whole("model.d_embedding", d_embedding, least=1)
        number("model.embedding_bound", embedding_bound, above=0)
        choice("model.combine", combine, COMBINATIONS)
        side = math.isqrt(d_embedding)
        if combine == "matrix_product" and side**2 != d_embedding:
            raise UserError(f"model.d_embedding={d_embedding}: must be a square for model.combine=matrix_product")
        super().__init__()
        self.combine, self.embedding_bound, self.side = combine, embedding_bound, side
        self.embeddings = Uniform(n_tokens, d_embedding, bound=embedding_bound, generators=generators)
        self.decoder = Mlp(
            depth=depth,
            width=width,
            activation=activation,
            n_inputs=d_embedding,
            n_outputs=n_outputs,
            generators=generators,
        )

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"embeddings": "embeddings.", "decoder": "decoder."}

    @property
    def token_embedding(self) -> Float[Tensor, "replica token d_embedding"]:
        """The embedding that both operands have."""
        return self.embeddings.weight

    def forward(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example out"]:
        operands = lookup(self.embeddings.weight, inputs)
        outputs: Tensor = self.decoder(operands.sum(2) if self.combine == "sum" else self._products(operands))
        return outputs

    def _products(self, operands: Float[Tensor, "replica example 2 d"]) -> Float[Tensor, "replica example d"]:
        left, right = operands.unflatten(3, (self.side, self.side)).unbind(2)
        products: Tensor = left @ right
        return products.flatten(2)
