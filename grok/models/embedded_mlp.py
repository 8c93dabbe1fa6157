"""A multilayer perceptron on the learned embeddings of two operands, which are concatenated or added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Generator, Tensor

from grok.checks import check_choice, check_int
from grok.models.mlp import Mlp
from grok.models.model import Model
from grok.models.spec import TokenPairs, Vectors
from grok.models.transformer_layers import Gaussian, lookup

COMBINATIONS = ("sum", "concatenate")


class EmbeddedMlp(Model):
    """R networks in one batch. Both operands share one embedding, initialized from N(0, 1), torch's default."""

    reads: ClassVar = (TokenPairs,)
    gains_by_compiling: ClassVar = False  # a step is bounded by its matrix products

    def __init__(
        self,
        *,
        d_embedding: int,
        combine: str,
        depth: int,
        width: int,
        activation: str,
        inputs: TokenPairs,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        check_int("model.d_embedding", d_embedding, minimum=1)
        check_choice("model.combine", combine, COMBINATIONS)
        super().__init__()
        self.combine = combine
        self.embedding = Gaussian(inputs.n_tokens, d_embedding, std=1.0, generators=generators)
        n_inputs = d_embedding * (2 if combine == "concatenate" else 1)
        self.mlp = Mlp(
            depth=depth,
            width=width,
            activation=activation,
            inputs=Vectors(n_inputs),
            n_outputs=n_outputs,
            generators=generators,
        )

    @property
    def param_groups(self) -> dict[str, str]:
        return {"embedding": "embedding.", "last_layer": f"mlp.{self.mlp.param_groups['last_layer']}"}

    @property
    def token_embedding(self) -> Float[Tensor, "replica token d_embedding"]:
        """The embedding that both operands share."""
        return self.embedding.weight

    def forward(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example out"]:
        operands = lookup(self.embedding.weight, inputs)
        outputs: Tensor = self.mlp(operands.sum(2) if self.combine == "sum" else operands.flatten(2))
        return outputs
