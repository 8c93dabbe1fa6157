"""The transformer of Nanda et al. 2023 on pairs of tokens, with the options of Zhong et al. 2023 (Clock and Pizza).

The outputs are exact, but only what they depend on is computed:
- The answer is read at the last position. There alone, the last block computes its query and its MLP.
- In the first block, keys, queries and values depend only on position and token. They and the scores are computed for a
  table of all tokens at all positions, and indexed by each example. The equals sign has one query for all examples.
- The residual stream is a sum. Without a norm, each of its terms is read separately, so a product of three matrices can
  be computed in the cheaper order: h (W_out W_U) needs fewer multiplications than (h W_out) W_U.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from grok.checks import UserError, check_bool, check_choice, check_float, check_int
from grok.models.model import MAX_DEPTH, Model
from grok.models.spec import TokenPairs
from grok.models.transformer_block import Block
from grok.models.transformer_layers import (
    ACTIVATIONS,
    N_OPERANDS,
    Dropout,
    Embedding,
    Gaussian,
    LayerNorm,
    ResidualSum,
    constant,
)

MLP_FACTOR = 4  # neurons of an MLP for each dimension of the residual stream, if `d_mlp` does not say


class Transformer(Model):
    """R transformers in one batch, one per generator.

    `attention_coefficient` is c, one value for all replicas or one per replica. The attention pattern is
    c · softmax + (1 − c) · 1, where the 1 is a weight of one at every position, not the mean over the positions. This
    is how the code and the networks of Zhong et al. define it.

    With `equals_sign` the answer is read at a third token after the operands, else at the second operand. "=" then
    has a logit, too. It is dropped, unless the task has a class for it. Nanda et al. 2023 drop it in their measures,
    but train with it (`task.train_equals_logit=true`).

    In training, `dropout` is the dropout rate of the patterns, the neurons, and the outputs of attention and MLP. These
    are the places of torch's TransformerEncoderLayer, which Liu et al. 2022 use.
    """

    reads: ClassVar = (TokenPairs,)
    gains_by_compiling: ClassVar = False  # a step is bounded by its matrix products
    per_replica_keys: ClassVar = ("attention_coefficient",)

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        heads: int,
        d_head: int | None,
        d_mlp: int | None,
        activation: str,
        layer_norm: bool,
        attention_coefficient: float | int | Sequence[float | int],
        dropout: float | int,
        equals_sign: bool,
        causal: bool,
        inputs: TokenPairs,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        coefficients = _one_per_replica(attention_coefficient, len(generators))
        _check_sizes(depth=depth, width=width, heads=heads, d_head=d_head, d_mlp=d_mlp)
        _check_options(activation, coefficients, dropout, layer_norm=layer_norm, equals_sign=equals_sign, causal=causal)
        super().__init__()
        self.dropout, self.n_outputs, self.inputs = Dropout(float(dropout)), n_outputs, inputs
        self.activation = activation
        self.embedding = Embedding(inputs.n_tokens, width, equals_sign=equals_sign, generators=generators)
        sizes = width, heads, d_head or width // heads, d_mlp or MLP_FACTOR * width
        block = partial(Block, *sizes, activation=activation, causal=causal)
        self.blocks = nn.ModuleList(
            block(layer_norm=layer_norm, coefficients=coefficients, dropout=self.dropout, generators=generators)
            for _ in range(depth)
        )
        self.before_unembedding = LayerNorm(width, len(generators)) if layer_norm else None
        n_logits = n_outputs + (equals_sign and not inputs.equals_class)
        self.unembedding = Gaussian(width, n_logits, std=n_logits**-0.5, generators=generators)
        self.logit_bias: nn.Parameter | None = None

    def add_biases(self) -> None:
        """Add biases of the attention and of the logits, initialized to 0, as in networks of TransformerLens."""
        for block in self._blocks():
            block.attention.add_biases()
        n_replicas, _, n_logits = self.unembedding.weight.shape
        self.logit_bias = constant(0.0, n_logits, n_replicas)

    @property
    def param_groups(self) -> dict[str, str]:
        return {"embedding": "embedding.", "blocks": "blocks.", "last_layer": "unembedding."}

    @property
    def needs_rng(self) -> bool:
        """Whether a training step needs random numbers, from the generators of `set_generators`."""
        return self.dropout.rate > 0

    def set_generators(self, generators: Sequence[Generator]) -> None:
        """Set each replica's generator for the next step, on the device of the network."""
        self.dropout.generators = generators

    @property
    def token_embedding(self) -> Float[Tensor, "replica token width"]:
        """W_E of the operands, without the equals sign."""
        return self.embedding.tokens[:, : self.embedding.n_tokens]

    @property
    def class_unembedding(self) -> Float[Tensor, "replica out width"]:
        """W_U of the classes, without the equals sign."""
        weight: Tensor = self.unembedding.weight
        return weight[..., : self.n_outputs - self.inputs.equals_class].mT

    @property
    def neuron_logit_map(self) -> Float[Tensor, "replica out neuron"]:
        """W_L = W_U W_out: what each neuron of the last block adds to each logit (Nanda et al. 2023, Sec. 4.2).

        With a norm before the unembedding, the map is W_U diag(scale) (1 − mean) W_out. The network divides it by the
        std of each example's residual stream. This positive factor is missing here; it is the same for all logits.
        """
        output_weights: Tensor = self._blocks()[-1].mlp.out
        if self.before_unembedding:
            centered = output_weights - output_weights.mean(-1, keepdim=True)
            output_weights = centered * self.before_unembedding.scale
        return (output_weights @ self.class_unembedding.mT).mT

    def forward(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example out"]:
        stream, _ = self._before_last_mlp(inputs)
        unembedding = self.unembedding.weight[..., : self.n_outputs]
        bias = None if self.logit_bias is None else self.logit_bias[..., : self.n_outputs]
        return self._blocks()[-1].with_mlp(stream).read(unembedding, bias, norm=self.before_unembedding)

    def at_every_position(
        self, inputs: Int[Tensor, "replica example _"]
    ) -> Float[Tensor, "replica example position token"]:
        """The logits of all tokens at every position, for tokens (a, b, "="), or for pairs, which get the "="."""
        if self.embedding.equals_sign and inputs.shape[2] == N_OPERANDS:
            inputs = functional.pad(inputs, (0, 1), value=self.embedding.n_tokens)
        x = self.embedding(inputs)
        for block in self._blocks():
            stream, _ = block.attended(x, n_queries=x.shape[2])
            x = block.with_mlp(stream).value().view_as(x)
        stream = ResidualSum(x.flatten(1, 2))
        logits: Tensor = stream.read(self.unembedding.weight, self.logit_bias, norm=self.before_unembedding)
        return logits.view(*x.shape[:3], -1)

    def neurons(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example neuron"]:
        """The activations of the last block's neurons at the position where the answer is read."""
        stream, _ = self._before_last_mlp(inputs)
        return self._blocks()[-1].neurons(stream)

    def patterns(self, inputs: Int[Tensor, "replica example 2"]) -> Float[Tensor, "replica example head position"]:
        """The attention of each head of the last block from the position where the answer is read to each position."""
        _, pattern = self._before_last_mlp(inputs)
        return pattern.squeeze(2).transpose(2, 3)

    def _before_last_mlp(self, inputs: Int[Tensor, "replica example 2"]) -> tuple[ResidualSum, Tensor]:
        """The residual stream after the last attention, where the answer is read, and the attention pattern."""
        indices = self.embedding.rows(inputs)
        first, *others = self._blocks()
        stream, pattern = first.attended_in_table(self.embedding, indices, n_queries=len(indices) if others else 1)
        for previous, block in pairwise([first, *others]):
            x = previous.with_mlp(stream).value().unflatten(1, (-1, len(indices)))
            stream, pattern = block.attended(x, n_queries=1 if block is others[-1] else len(indices))
        return stream, pattern

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]


def _one_per_replica(value: float | int | Sequence[float | int], n_replicas: int) -> list[float | int]:
    return [*value] if isinstance(value, Sequence) else [value] * n_replicas


def _check_sizes(*, depth: int, width: int, heads: int, d_head: int | None, d_mlp: int | None) -> None:
    """Validate the sizes of the network."""
    check_int("model.depth", depth, minimum=1, maximum=MAX_DEPTH)
    for key, size in {"d_mlp": d_mlp, "width": width, "heads": heads}.items():
        if key != "d_mlp" or size is not None:
            check_int(f"model.{key}", size, minimum=1)
    if d_head is not None:
        check_int("model.d_head", d_head, minimum=1)
    elif width % heads:
        raise UserError(f"model.heads={heads}: must divide model.width={width}, unless model.d_head is set")


def _check_options(activation: str, coefficients: Sequence[float | int], dropout: float | int, **flags: bool) -> None:
    """Validate the options of the network; `flags` must be true or false."""
    check_choice("model.activation", activation, ACTIVATIONS)
    for coefficient in coefficients:
        check_float("model.attention_coefficient", coefficient, minimum=0, maximum=1)
    check_float("model.dropout", dropout, minimum=0, below=1)
    for key, flag in flags.items():
        check_bool(f"model.{key}", flag)
