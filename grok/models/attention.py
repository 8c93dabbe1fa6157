"""Multi-head attention for batched replicas, with an adjustable mix of softmax and constant attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from grok.models.transformer_layers import Dropout, affine, constant, gaussian, lookup, stack_per_example


class Attention(nn.Module):
    """Multi-head attention with the pattern c · softmax + (1 − c) · 1, where each replica has its own c.

    c comes from the configuration, so it is a buffer that checkpoints do not contain. The queries are those of the last
    `n_queries` positions. There are no biases before `add_biases`.
    """

    coefficient: Float[Tensor, "replica 1 1 1 1"]
    key_bias: nn.Parameter | None
    query_bias: nn.Parameter | None
    value_bias: nn.Parameter | None
    output_bias: nn.Parameter | None

    def __init__(
        self,
        width: int,
        heads: int,
        d_head: int,
        *,
        coefficients: Sequence[float | int],
        causal: bool,
        dropout: Dropout,
        generators: Sequence[Generator],
    ) -> None:
        super().__init__()
        self.heads, self.d_head, self.causal, self.dropout = heads, d_head, causal, dropout
        coefficient = torch.tensor(coefficients, dtype=torch.float64).view(-1, 1, 1, 1, 1)
        self.register_buffer("coefficient", coefficient, persistent=False)
        self.keys, self.queries, self.values = (
            gaussian(width, heads * d_head, std=width**-0.5, generators=generators) for _ in range(3)
        )
        self.outputs = gaussian(heads * d_head, width, std=width**-0.5, generators=generators)
        self.key_bias = self.query_bias = self.value_bias = self.output_bias = None

    def add_biases(self) -> None:
        """Add biases of keys, queries, values and outputs, initialized to 0."""
        n_replicas, n_values, width = self.outputs.shape
        self.key_bias, self.query_bias, self.value_bias = (constant(0.0, n_values, n_replicas) for _ in range(3))
        self.output_bias = constant(0.0, width, n_replicas)

    def in_table(
        self, table: Float[Tensor, "replica row width"], indices: Sequence[Tensor], *, first_query: int, n_queries: int
    ) -> tuple[Float[Tensor, "replica example query value"], Float[Tensor, "replica example query position head"]]:
        """The mixed values and the pattern, if the positions are rows of a table: position j is the row `indices[j]`.

        Keys, queries and values are then computed once per row, and scores once per pair of rows. The rows of the query
        positions start at `first_query`.
        """
        queries = self._by_head(table[:, first_query:], self.queries, self.query_bias) / math.sqrt(self.d_head)
        keys = self._by_head(table, self.keys, self.key_bias)
        values = affine(table, self.values, self.value_bias)
        scores = torch.einsum("rqhi,rkhi->rqkh", queries, keys).flatten(1, 2)
        query_indices = [index - first_query for index in indices[-n_queries:]]
        pair_scores = [lookup(scores, query * table.shape[1] + key) for query in query_indices for key in indices]
        pattern = self._pattern(stack_per_example(pair_scores).unflatten(2, (n_queries, len(indices))))
        position_values = [lookup(values, index).unflatten(2, (1, self.heads, -1)) for index in indices]
        terms = [share.unsqueeze(4) * each for share, each in zip(pattern.unbind(3), position_values, strict=True)]
        return reduce(torch.add, terms).flatten(3), pattern

    def in_stream(
        self, x: Float[Tensor, "replica example position width"], *, n_queries: int
    ) -> tuple[Float[Tensor, "replica example query value"], Float[Tensor, "replica example query position head"]]:
        """The mixed values and the pattern, from the residual stream."""
        queries, keys, values = (
            self._by_head(each.flatten(1, 2), weight, bias).unflatten(1, each.shape[1:3])
            for each, weight, bias in (
                (x[:, :, -n_queries:], self.queries, self.query_bias),
                (x, self.keys, self.key_bias),
                (x, self.values, self.value_bias),
            )
        )
        scores = (queries.unsqueeze(3) * keys.unsqueeze(2)).sum(5) / math.sqrt(self.d_head)
        pattern = self._pattern(scores)
        return (pattern.unsqueeze(5) * values.unsqueeze(2)).sum(3).flatten(3), pattern

    def _by_head(self, x: Float[Tensor, "replica place width"], weight: Tensor, bias: Tensor | None) -> Tensor:
        """x · weight + bias, as [replica, place, head, d_head]."""
        values: Tensor = affine(x, weight, bias).unflatten(2, (self.heads, self.d_head))
        return values

    def _pattern(
        self, scores: Float[Tensor, "replica example query position head"]
    ) -> Float[Tensor, "replica example query position head"]:
        """c · softmax + (1 − c) · 1 over the positions that are visible from each query."""
        n_queries, n_positions = scores.shape[2:4]
        visible = torch.ones(n_queries, n_positions, 1, dtype=torch.bool, device=scores.device)
        if self.causal and n_queries > 1:  # the last position attends to all positions
            visible = visible.squeeze(2).tril(n_positions - n_queries).unsqueeze(2)
            scores = scores.masked_fill(~visible, -math.inf)
        pattern: Tensor = self.dropout(self.coefficient * scores.softmax(3) + (1 - self.coefficient) * visible)
        return pattern
