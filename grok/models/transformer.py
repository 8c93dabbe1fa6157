"""The transformer of Nanda et al. 2023 on pairs of tokens, with the options of Zhong et al. 2023 (Clock and Pizza).

It computes what is asked of all positions of all layers, exactly, and nothing else:
- The answer is read at the last position: of the last block, its query, its MLP and the unembedding are needed there.
- In the first block, keys, queries and values depend on position and token alone: they are rows of a table, as are the
  scores of two of them, and examples look them up. At the equals sign there is one query for all.
- The residual stream is a sum, and what reads it without a norm in between reads its terms, so that a product of three
  matrices can be taken in the cheaper order: h (W_out W_U) has fewer multiplications than (h W_out) W_U.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import UserError, choice, flag, number, whole
from grok.models.transformer_layers import (
    ACTIVATIONS,
    Attention,
    Dropout,
    Embedding,
    Gaussian,
    LayerNorm,
    Perceptron,
    Stream,
    along_examples,
    lookup,
)


class Transformer(nn.Module):
    """R transformers side by side, one for each generator.

    `attention` is the coefficient c, one for all or one for each: the pattern is c · softmax + (1 − c) · 1, and 1 is a
    weight of one at every position, as the code and the networks of Zhong et al. have it (not the mean of the
    positions). With `equals_sign` the answer is read at a third token behind the operands, else at the second operand.
    `dropout` is the share that is left out, while training, of the patterns, the neurons, and of what attention and MLP
    write: the places of torch's TransformerEncoderLayer, which Liu et al. 2022 take.
    """

    replica_wise: ClassVar = ("attention",)

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        heads: int,
        d_mlp: int,
        activation: str,
        layer_norm: bool,
        attention: float | int | Sequence[float | int],
        dropout: float | int,
        equals_sign: bool,
        causal: bool,
        n_tokens: int,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        for key, size in {"depth": depth, "width": width, "heads": heads, "d_mlp": d_mlp}.items():
            whole(f"model.{key}", size, least=1)
        if width % heads:
            raise UserError(f"model.heads={heads}: must divide model.width={width}")
        choice("model.activation", activation, ACTIVATIONS)
        coefficients = [*attention] if isinstance(attention, Sequence) else [attention] * len(generators)
        for coefficient in coefficients:
            number("model.attention", coefficient, least=0)
            if coefficient > 1:
                raise UserError(f"model.attention={coefficient}: must be a number from 0 to 1")
        number("model.dropout", dropout, least=0)
        if dropout >= 1:
            raise UserError(f"model.dropout={dropout}: must be a number from 0 to below 1")
        for key, given in {"layer_norm": layer_norm, "equals_sign": equals_sign, "causal": causal}.items():
            flag(f"model.{key}", given)
        super().__init__()

        def norm() -> LayerNorm | None:
            return LayerNorm(width, len(generators)) if layer_norm else None

        self.n_outputs, self.dropout = n_outputs, Dropout(float(dropout))
        self.embedding = Embedding(n_tokens, width, equals_sign=equals_sign, generators=generators)
        self.blocks = nn.ModuleList(
            Block(
                Attention(
                    width,
                    heads,
                    coefficients=coefficients,
                    causal=causal,
                    dropout=self.dropout,
                    generators=generators,
                ),
                Perceptron(width, d_mlp, activation=activation, dropout=self.dropout, generators=generators),
                before_attention=norm(),
                before_mlp=norm(),
            )
            for _ in range(depth)
        )
        self.before_unembedding = norm()
        n_logits = n_outputs + equals_sign  # the reference has a logit for "=" and drops it
        self.unembedding = Gaussian(width, n_logits, deviation=n_logits**-0.5, generators=generators)

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"embedding": "embedding.", "blocks": "blocks.", "last_layer": "unembedding."}

    @property
    def noisy(self) -> bool:
        """Whether a training step draws random numbers: those of `draw_from`."""
        return self.dropout.rate > 0

    def draw_from(self, generators: Sequence[Generator]) -> None:
        """Let the next step draw each replica's random numbers from its generator, which is on the device."""
        self.dropout.generators = generators

    @property
    def token_embedding(self) -> Float[Tensor, "replica token width"]:
        """W_E of the operands, without that of the equals sign."""
        return self.embedding.tokens[:, : self.embedding.n_tokens]

    @property
    def class_unembedding(self) -> Float[Tensor, "replica out width"]:
        """W_U of the classes, without that of the equals sign."""
        weight: Tensor = self.unembedding.weight
        return weight[..., : self.n_outputs].mT

    @property
    def neuron_logit_map(self) -> Float[Tensor, "replica out neuron"]:
        """W_L = W_U W_out: what each of the last block's neurons adds to each logit (Nanda et al. 2023, Sec. 4.2).

        With a norm before the unembedding it is W_U diag(scale) (1 − mean) W_out, which each example divides by its
        stream's deviation: exact but for that positive factor, the same for all logits.
        """
        written: Tensor = self._blocks()[-1].mlp.out
        if self.before_unembedding:
            written = (written - written.mean(-1, keepdim=True)) * self.before_unembedding.scale
        return (written @ self.class_unembedding.mT).mT

    def forward(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example out"]:
        stream, _ = self._before_last_mlp(inputs)
        return self._blocks()[-1].with_mlp(stream).read(self.class_unembedding.mT, norm=self.before_unembedding)

    def neurons(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example neuron"]:
        """The activations of the last block's neurons, where the answer is read."""
        stream, _ = self._before_last_mlp(inputs)
        return self._blocks()[-1].neurons(stream)

    def patterns(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example head position"]:
        """How much each head of the last block takes in of each position, where the answer is read."""
        _, pattern = self._before_last_mlp(inputs)
        return pattern.squeeze(2).transpose(2, 3)

    def _before_last_mlp(self, inputs: Int[Tensor, "replica example 2"]) -> tuple[Stream, Tensor]:
        """The residual stream at the answer after the last attention, and its pattern."""
        rows = self.embedding.rows(inputs)
        first, *others = self._blocks()
        stream, pattern = first.attended_in_table(self.embedding, rows, n_asked=len(rows) if others else 1)
        for before, block in pairwise([first, *others]):
            x = before.with_mlp(stream).value().unflatten(1, (-1, len(rows)))
            stream, pattern = block.attended(x, n_asked=1 if block is others[-1] else len(rows))
        return stream, pattern

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]


class Block(nn.Module):
    """Attention and MLP, each of which reads the residual stream and adds to it."""

    def __init__(
        self,
        attention: Attention,
        mlp: Perceptron,
        *,
        before_attention: LayerNorm | None,
        before_mlp: LayerNorm | None,
    ) -> None:
        super().__init__()
        self.before_attention, self.attention = before_attention, attention
        self.before_mlp, self.mlp = before_mlp, mlp

    def attended_in_table(self, embedding: Embedding, rows: Sequence[Tensor], *, n_asked: int) -> tuple[Stream, Tensor]:
        """The stream of the last `n_asked` positions behind the attention, and its pattern, where positions have these
        rows of the embedding's table."""
        table = embedding.table()
        mixed, pattern = self.attention.in_table(
            self.before_attention(table) if self.before_attention else table,
            rows,
            first_asked=(len(rows) - n_asked) * embedding.n_tokens,
            n_asked=n_asked,
        )
        known = along_examples([lookup(table, row) for row in rows[-n_asked:]])
        return self._with_attention(known, mixed), pattern

    def attended(self, x: Float[Tensor, "replica example position width"], *, n_asked: int) -> tuple[Stream, Tensor]:
        """The stream of the last `n_asked` positions behind the attention, and its pattern, from that of all before."""
        read = self.before_attention(x.flatten(1, 2)).view_as(x) if self.before_attention else x
        mixed, pattern = self.attention.in_stream(read, n_asked=n_asked)
        return self._with_attention(x[:, :, -n_asked:], mixed), pattern

    def _with_attention(self, known: Tensor, mixed: Tensor) -> Stream:
        """What the attention writes added to a stream [replica, example, asked, width]. It stays a sum where that
        saves: where the stream is the same in all examples, and read without a norm."""
        attention = self.attention
        stream = Stream(known.flatten(1, 2)).plus(mixed.flatten(1, 2), attention.outputs, dropout=attention.dropout)
        return stream if stream.known.shape[1] == 1 and not self.before_mlp else Stream(stream.value())

    def neurons(self, stream: Stream) -> Float[Tensor, "replica place neuron"]:
        """The activations of the MLP's neurons."""
        return self.mlp.neurons(stream, norm=self.before_mlp)

    def with_mlp(self, stream: Stream) -> Stream:
        """The stream with what the MLP writes."""
        stream = self.mlp(stream, norm=self.before_mlp)
        return stream
