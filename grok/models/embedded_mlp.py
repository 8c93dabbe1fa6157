"""A perceptron on the learned embeddings of two operands, side by side or added."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import choice, whole
from grok.models.mlp import Mlp
from grok.models.transformer_layers import Gaussian, lookup

COMBINATIONS = ("sum", "concatenate")


class EmbeddedMlp(nn.Module):
    """R networks side by side: both operands have the same embedding, N(0, 1) at the start as torch's is."""

    def __init__(
        self,
        *,
        d_embedding: int,
        combine: str,
        depth: int,
        width: int,
        activation: str,
        n_tokens: int,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        whole("model.d_embedding", d_embedding, least=1)
        choice("model.combine", combine, COMBINATIONS)
        super().__init__()
        self.combine = combine
        self.embedding = Gaussian(n_tokens, d_embedding, deviation=1.0, generators=generators)
        n_inputs = d_embedding * (2 if combine == "concatenate" else 1)
        self.mlp = Mlp(
            depth=depth,
            width=width,
            activation=activation,
            n_inputs=n_inputs,
            n_outputs=n_outputs,
            generators=generators,
        )

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"embedding": "embedding.", "last_layer": f"mlp.{self.mlp.parts['last_layer']}"}

    @property
    def token_embedding(self) -> Float[Tensor, "replica token d_embedding"]:
        """The embedding that both operands have."""
        return self.embedding.weight

    def forward(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example out"]:
        operands = lookup(self.embedding.weight, inputs)
        outputs: Tensor = self.mlp(operands.sum(2) if self.combine == "sum" else operands.flatten(2))
        return outputs
