"""A decoder on sequences of tokens: causal attention, with or without MLPs, and logits of the next token everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grok.checks import UserError, check_bool, check_choice, check_int
from grok.models.decoder_layers import Affine, DecoderBlock, Positions
from grok.models.model import MAX_DEPTH, Model
from grok.models.spec import NextTokens, TokenSequences
from grok.models.transformer_layers import ACTIVATIONS, Gaussian, LayerNorm, gaussian, lookup

POSITIONS = ("learned", "rotary", "relative")


class TokenEmbedding(nn.Module):
    """Learned embeddings of tokens and, if positions are learned, of positions."""

    positions: nn.Parameter | None

    def __init__(
        self, n_tokens: int, n_positions: int, width: int, *, learned: bool, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.tokens = gaussian(n_tokens, width, std=width**-0.5, generators=generators)
        self.positions = gaussian(n_positions, width, std=width**-0.5, generators=generators) if learned else None

    def forward(
        self, tokens: Int[Tensor, "replica example position"]
    ) -> Float[Tensor, "replica example position width"]:
        embedded = lookup(self.tokens, tokens)
        return embedded if self.positions is None else embedded + self.positions[:, None, : tokens.shape[2]]


class Decoder(Model):
    """R decoders in one batch, one per generator.

    With `layer_norm`, a norm precedes attention, MLP and unembedding, as in GPT-2. The maps into the residual stream
    start smaller by √(2 · depth), also as in GPT-2. `tied`: the unembedding is the embedding of the tokens.
    """

    reads: ClassVar = (TokenSequences,)
    gives: ClassVar = (NextTokens,)
    gains_by_compiling: ClassVar = False  # a step is bounded by its matrix products and softmaxes

    def __init__(
        self,
        *,
        depth: int,
        width: int,
        heads: int,
        d_mlp: int,
        activation: str,
        layer_norm: bool,
        positions: str,
        tied: bool,
        inputs: TokenSequences,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        _check(depth=depth, width=width, heads=heads, d_mlp=d_mlp, positions=positions)
        check_choice("model.activation", activation, ACTIVATIONS)
        check_bool("model.layer_norm", layer_norm)
        check_bool("model.tied", tied)
        super().__init__()
        learned = positions == "learned"
        self.embedding = TokenEmbedding(inputs.n_tokens, inputs.length, width, learned=learned, generators=generators)
        self.blocks = nn.ModuleList(
            DecoderBlock(
                width,
                heads,
                d_mlp,
                activation=activation,
                layer_norm=layer_norm,
                positions=positions,
                length=inputs.length,
                gain=(2 * depth) ** -0.5,
                generators=generators,
            )
            for _ in range(depth)
        )
        self.before_unembedding = LayerNorm(width, len(generators)) if layer_norm else nn.Identity()
        std = 1 / width if layer_norm else width**-0.5  # the first predictions are nearly uniform, unless tied
        self.unembedding = None if tied else Gaussian(width, n_outputs, std=std, generators=generators)

    @property
    def param_groups(self) -> dict[str, str]:
        groups = {"embedding": "embedding.", "blocks": "blocks."}
        return groups if self.unembedding is None else {**groups, "last_layer": "unembedding."}

    @property
    def token_embedding(self) -> Float[Tensor, "replica token width"]:
        return self.embedding.tokens

    @property
    def linear_maps(self) -> dict[str, nn.Module]:
        return {f"blocks.{name}": each for name, each in self.blocks.named_modules() if isinstance(each, Affine)}

    def forward(
        self, inputs: Int[Tensor, "replica example position"]
    ) -> Float[Tensor, "replica example position token"]:
        x, _ = self._before_unembedding(inputs)
        return self._unembed(x).view(*inputs.shape, -1)

    def at_positions(
        self, inputs: Int[Tensor, "replica example position"], positions: Int[Tensor, "replica example"]
    ) -> Float[Tensor, "replica example token"]:
        x, _ = self._before_unembedding(inputs, positions)
        return self._unembed(x)

    def patterns(
        self, inputs: Int[Tensor, "replica example position"]
    ) -> Float[Tensor, "replica layer example head query position"]:
        """The attention of each head of each layer from each position (query) to each position."""
        _, patterns = self._before_unembedding(inputs)
        return torch.stack([each.unflatten(0, inputs.shape[:2]) for each in patterns], dim=1)

    def _unembed(self, x: Float[Tensor, "replica place width"]) -> Float[Tensor, "replica place token"]:
        return torch.bmm(x, self.embedding.tokens.mT if self.unembedding is None else self.unembedding.weight)

    def _before_unembedding(self, inputs: Tensor, kept: Positions | None = None) -> tuple[Tensor, list[Tensor]]:
        """The residual stream before the unembedding at the kept places, and the attention pattern of each block."""
        x, patterns = self.embedding(inputs).flatten(1, 2), []
        for block in self.blocks:
            is_last = block is self.blocks[-1]
            x, pattern = block(x, n_examples=inputs.shape[1], kept=kept if is_last else None)
            patterns.append(pattern)
        return self.before_unembedding(x), patterns


def _check(*, depth: int, width: int, heads: int, d_mlp: int, positions: str) -> None:
    """Validate the sizes of the network."""
    check_int("model.depth", depth, minimum=1, maximum=MAX_DEPTH)
    for key, size in {"width": width, "heads": heads}.items():
        check_int(f"model.{key}", size, minimum=1)
    check_int("model.d_mlp", d_mlp, minimum=0)
    check_choice("model.positions", positions, POSITIONS)
    if width % heads:
        raise UserError(f"model.heads={heads}: must divide model.width={width}")
    if positions == "rotary" and width // heads % 2:
        raise UserError(
            "model.positions=rotary: needs heads of an even dimension, here model.width / model.heads = "
            f"{width // heads}"
        )
