"""The names and layouts of a transformer's weights: in files of Nanda et al. 2023, in TransformerLens, and ours.

Ours here are without the replica axis: a matrix is [in, out], a bias or the scale of a norm [1, out].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

OUR_NAMES = {  # name in TransformerLens: our name; names of a block without its prefix
    "embed.W_E": "embedding.tokens",
    "pos_embed.W_pos": "embedding.positions",
    "unembed.W_U": "unembedding.weight",
    "attn.W_K": "attention.keys",
    "attn.W_Q": "attention.queries",
    "attn.W_V": "attention.values",
    "attn.W_O": "attention.outputs",
    "mlp.W_in": "mlp.into",
    "mlp.b_in": "mlp.into_bias",
    "mlp.W_out": "mlp.out",
    "mlp.b_out": "mlp.out_bias",
    "attn.b_K": "attention.key_bias",
    "attn.b_Q": "attention.query_bias",
    "attn.b_V": "attention.value_bias",
    "attn.b_O": "attention.output_bias",
    "unembed.b_U": "logit_bias",
    "ln1.w": "before_attention.scale",
    "ln1.b": "before_attention.shift",
    "ln2.w": "before_mlp.scale",
    "ln2.b": "before_mlp.shift",
    "ln_final.w": "before_unembedding.scale",
    "ln_final.b": "before_unembedding.shift",
}
TRANSFORMER_LENS_NAMES = {ours: theirs for theirs, ours in OUR_NAMES.items()}


def kind_of(name: str) -> str:
    """The name of an array without the prefix of its block."""
    return re.sub(r"^blocks\.\d+\.", "", name)


def nanda_to_transformer_lens(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays of a file of Nanda et al. as TransformerLens has them: matrices transposed, heads of W_O separate."""

    def converted(kind: str, array: Tensor) -> Tensor:
        if kind in ("attn.W_K", "attn.W_Q", "attn.W_V"):
            return array.transpose(1, 2)
        if kind == "attn.W_O":
            return array.T.reshape(heads, -1, len(array))
        return array.T if kind in ("embed.W_E", "mlp.W_in", "mlp.W_out") else array

    heads = len(arrays["blocks.0.attn.W_Q"])
    return {name: converted(kind_of(name), array) for name, array in arrays.items()}


def from_transformer_lens(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The arrays of TransformerLens with our names and in our layout."""

    def converted(kind: str, array: Tensor) -> Tensor:
        if kind in ("attn.W_K", "attn.W_Q", "attn.W_V"):
            return array.transpose(0, 1).flatten(1)
        if kind == "attn.W_O":
            return array.flatten(0, 1)
        return array if kind.startswith(("embed.", "pos_embed.")) or ".W_" in kind else array.reshape(1, -1)

    return _renamed(arrays, OUR_NAMES, converted)


def to_transformer_lens(weights: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    """Our weights with the names and in the layout of TransformerLens."""

    def converted(kind: str, array: Tensor) -> Tensor:
        if kind in ("attention.keys", "attention.queries", "attention.values"):
            return array.reshape(len(array), heads, -1).transpose(0, 1)
        if kind == "attention.outputs":
            return array.reshape(heads, -1, array.shape[1])
        if kind in ("attention.key_bias", "attention.query_bias", "attention.value_bias"):
            return array.view(heads, -1)
        return array.flatten() if kind.endswith(("bias", "scale", "shift")) else array

    return _renamed(weights, TRANSFORMER_LENS_NAMES, converted)


def _renamed(
    arrays: Mapping[str, Tensor], names: Mapping[str, str], converted: Callable[[str, Tensor], Tensor]
) -> dict[str, Tensor]:
    """The converted arrays by their new names."""
    found = {}
    for name, array in arrays.items():
        kind = kind_of(name)
        found[name.removesuffix(kind) + names[kind]] = converted(kind, array)
    return found
