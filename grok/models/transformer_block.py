"""A block of the transformer for batched replicas: attention, then the MLP."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Generator, Tensor, nn

from grok.models.attention import Attention
from grok.models.transformer_layers import (
    Dropout,
    Embedding,
    FeedForward,
    LayerNorm,
    ResidualSum,
    lookup,
    stack_per_example,
)


class Block(nn.Module):
    """Attention and MLP. Both read the residual stream and add to it."""

    def __init__(
        self,
        width: int,
        heads: int,
        d_head: int,
        d_mlp: int,
        *,
        activation: str,
        layer_norm: bool,
        coefficients: Sequence[float | int],
        causal: bool,
        dropout: Dropout,
        generators: Sequence[Generator],
    ) -> None:
        super().__init__()
        self.before_attention = LayerNorm(width, len(generators)) if layer_norm else None
        self.attention = Attention(
            width, heads, d_head, coefficients=coefficients, causal=causal, dropout=dropout, generators=generators
        )
        self.before_mlp = LayerNorm(width, len(generators)) if layer_norm else None
        self.mlp = FeedForward(width, d_mlp, activation=activation, dropout=dropout, generators=generators)

    def attended_in_table(
        self, embedding: Embedding, indices: Sequence[Tensor], *, n_queries: int
    ) -> tuple[ResidualSum, Tensor]:
        """The residual stream of the last `n_queries` positions after the attention, and the attention pattern.

        The input is the embedding: each position has the row of the embedding's table at its index.
        """
        table = embedding.table()
        mixed, pattern = self.attention.in_table(
            self.before_attention(table) if self.before_attention else table,
            indices,
            first_query=(len(indices) - n_queries) * embedding.n_tokens,
            n_queries=n_queries,
        )
        known = stack_per_example([lookup(table, index) for index in indices[-n_queries:]])
        return self._with_attention(known, mixed), pattern

    def attended(
        self, x: Float[Tensor, "replica example position width"], *, n_queries: int
    ) -> tuple[ResidualSum, Tensor]:
        """The residual stream of the last `n_queries` positions after the attention, and the attention pattern.

        The input is the residual stream of all positions.
        """
        normalized = self.before_attention(x.flatten(1, 2)).view_as(x) if self.before_attention else x
        mixed, pattern = self.attention.in_stream(normalized, n_queries=n_queries)
        return self._with_attention(x[:, :, -n_queries:], mixed), pattern

    def _with_attention(self, known: Tensor, mixed: Tensor) -> ResidualSum:
        """A residual stream [replica, example, query, width] plus the output of the attention.

        The product stays deferred where that is cheaper: if the stream is equal in all examples, and no norm follows.
        """
        attention = self.attention
        stream = ResidualSum(known.flatten(1, 2)).plus(
            mixed.flatten(1, 2), attention.outputs, attention.output_bias, dropout=attention.dropout
        )
        return stream if stream.known.shape[1] == 1 and not self.before_mlp else ResidualSum(stream.value())

    def neurons(self, stream: ResidualSum) -> Float[Tensor, "replica place neuron"]:
        """The activations of the MLP's neurons."""
        return self.mlp.neurons(stream, norm=self.before_mlp)

    def with_mlp(self, stream: ResidualSum) -> ResidualSum:
        """The residual stream plus the output of the MLP."""
        stream = self.mlp(stream, norm=self.before_mlp)
        return stream
