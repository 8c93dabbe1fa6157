"""Pretrained transformers: weights in the layout of Nanda et al. 2023 or TransformerLens, converted to our layout."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grok.checks import UserError
from grok.models.spec import TokenPairs
from grok.models.transformer import Transformer
from grok.models.weight_files import read_tensors

OUTER = ("embed.W_E", "pos_embed.W_pos", "unembed.W_U")
INNER = ("attn.W_K", "attn.W_Q", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.b_in", "mlp.W_out", "mlp.b_out")
ABSENT = re.compile(r"(unembed\.b_U|blocks\.\d+\.attn\.b_[KQVO])")  # biases that our network lacks: they must be 0
IGNORED = re.compile(r"blocks\.\d+\.attn\.(mask|IGNORE)")  # constants of the code that wrote the file


def load_weights(
    path: str | Path,
    *,
    attention_coefficient: float = 1.0,
    activation: str = "relu",
    causal: bool = True,
    dtype: torch.dtype = torch.float64,
) -> tuple[Transformer, int]:
    """The transformer in a `.npz`, `.pt`, `.pth` or `.safetensors` file, as one replica, and its number of classes p.

    A network with three positions has an equals sign; a network with two positions has none. The file does not contain
    the attention coefficient c (see `Transformer`), the activation, or whether attention is causal. Causality matters
    only with two or more layers.

    `grok.measures.pretrained.measure_pretrained(model, p, …)` measures the network. `python -m grok.analyze` loads and
    measures it.

    Raises:
        UserError: the file cannot be read, or its arrays do not form a transformer in one of the two layouts.
    """
    path = Path(path)
    arrays = {name: array for name, array in read_tensors(path).items() if not IGNORED.fullmatch(name)}
    depth = len({name.split(".")[1] for name in arrays if name.startswith("blocks.")})
    required = [*OUTER, *(f"blocks.{layer}.{name}" for layer in range(max(depth, 1)) for name in INNER)]
    _validate_names_and_values(path, arrays, required)
    sizes = _validated_sizes(path, arrays)
    model = Transformer(
        depth=depth,
        **sizes.model_arguments(),
        activation=activation,
        layer_norm=False,
        dropout=0.0,
        attention_coefficient=attention_coefficient,
        causal=causal,
        generators=[torch.Generator()],
    ).to(dtype)
    weights = _to_our_layout(arrays, depth, sizes)
    model.load_state_dict({name: array[None].to(dtype) for name, array in weights.items()})
    return model, sizes.n_classes


def _validate_names_and_values(path: Path, arrays: Mapping[str, Tensor], required: Collection[str]) -> None:
    """Require that all weights are present, finite and real, and that the only other arrays are biases of 0."""
    if missing := [name for name in required if name not in arrays]:
        raise UserError(f"{path}: lacks {', '.join(missing)}")
    for name in arrays.keys() - {*required}:
        if not ABSENT.fullmatch(name):
            raise UserError(f"{path}: {name} is not a weight of this transformer")
        if arrays[name].any():
            raise UserError(f"{path}: {name} is not zero, and this transformer has no such bias")
    for name in required:
        if arrays[name].is_complex() or not arrays[name].isfinite().all():
            raise UserError(f"{path}: {name} must be finite real numbers")


@dataclass(frozen=True)
class _Sizes:
    """The sizes of the network in a file, and the file's layout."""

    is_nanda: bool  # W_O is [d, heads · d_head], as in Nanda's code; TransformerLens has [heads, d_head, d]
    n_positions: int
    width: int
    heads: int
    d_head: int
    d_mlp: int
    vocabulary: int
    n_logits: int

    @property
    def equals_sign(self) -> bool:
        return self.n_positions == 3

    @property
    def n_classes(self) -> int:
        return self.vocabulary - self.equals_sign

    def model_arguments(self) -> dict[str, Any]:
        """The sizes as arguments of `Transformer`."""
        return {
            "width": self.width,
            "heads": self.heads,
            "d_mlp": self.d_mlp,
            "equals_sign": self.equals_sign,
            "inputs": TokenPairs(self.n_classes),
            "n_outputs": self.n_classes,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array in the file; arrays of a block without the block's prefix."""
        d, d_mlp, heads, d_head = self.width, self.d_mlp, self.heads, self.d_head
        head_matrix = (heads, d_head, d) if self.is_nanda else (heads, d, d_head)
        return {
            "embed.W_E": (d, self.vocabulary) if self.is_nanda else (self.vocabulary, d),
            "unembed.W_U": (d, self.n_logits),
            "attn.W_K": head_matrix,
            "attn.W_Q": head_matrix,
            "attn.W_V": head_matrix,
            "attn.W_O": (d, d) if self.is_nanda else (heads, d_head, d),
            "mlp.W_in": (d_mlp, d) if self.is_nanda else (d, d_mlp),
            "mlp.b_in": (d_mlp,),
            "mlp.W_out": (d, d_mlp) if self.is_nanda else (d_mlp, d),
            "mlp.b_out": (d,),
        }


def _validated_sizes(path: Path, arrays: Mapping[str, Tensor]) -> _Sizes:
    """The sizes of the network, once every array has the shape that follows from them."""
    sizes = _read_sizes(path, arrays)
    shapes = sizes.shapes()
    for name, array in arrays.items():
        shape = shapes.get(re.sub(r"^blocks\.\d+\.", "", name), array.shape)
        if array.shape != shape:
            raise _wrong_shape(path, name, array, f"must be {shape}")
    return sizes


def _read_sizes(path: Path, arrays: Mapping[str, Tensor]) -> _Sizes:
    """The sizes of the network, read from single arrays, once they are consistent with each other."""
    n_axes = {"pos_embed.W_pos": 2, "embed.W_E": 2, "blocks.0.attn.W_Q": 3, "blocks.0.mlp.b_in": 1, "unembed.W_U": 2}
    for name, n in n_axes.items():
        if arrays[name].dim() != n:
            raise _wrong_shape(path, name, arrays[name], f"must have {n} axes")
    n_positions, d = arrays["pos_embed.W_pos"].shape
    if n_positions not in (2, 3):
        raise UserError(f"{path}: pos_embed.W_pos has {n_positions} positions, must have 2 or 3")
    is_nanda = arrays["blocks.0.attn.W_O"].dim() == 2
    heads, *head_axes = arrays["blocks.0.attn.W_Q"].shape
    d_head = head_axes[0 if is_nanda else 1]
    if heads * d_head != d:
        raise UserError(f"{path}: {heads} heads of width {d_head} must add up to the width {d}")
    embedding, unembedding = arrays["embed.W_E"], arrays["unembed.W_U"]
    if embedding.shape[0 if is_nanda else 1] != d:
        raise _wrong_shape(
            path, "embed.W_E", embedding, f"must be {f'({d}, tokens)' if is_nanda else f'(tokens, {d})'}"
        )
    vocabulary, n_logits = embedding.shape[1 if is_nanda else 0], unembedding.shape[1]
    d_mlp = len(arrays["blocks.0.mlp.b_in"])
    sizes = _Sizes(is_nanda, n_positions, d, heads, d_head, d_mlp, vocabulary, n_logits)
    if n_logits not in (sizes.n_classes, vocabulary):
        raise _wrong_shape(path, "unembed.W_U", unembedding, f"must be {(d, vocabulary)}")
    return sizes


def _wrong_shape(path: Path, name: str, array: Tensor, requirement: str) -> UserError:
    return UserError(f"{path}: {name} has the shape {tuple(array.shape)}, {requirement}")


def _to_our_layout(arrays: Mapping[str, Tensor], depth: int, sizes: _Sizes) -> dict[str, Tensor]:
    """The arrays with the names and the layout of our parameters, without the replica axis."""
    n_missing = sizes.n_classes + sizes.equals_sign - sizes.n_logits  # 1 if the file has no logit of "="
    padding = arrays["unembed.W_U"].new_zeros(sizes.width, n_missing)
    weights = {
        "embedding.tokens": arrays["embed.W_E"].T if sizes.is_nanda else arrays["embed.W_E"],
        "embedding.positions": arrays["pos_embed.W_pos"],
        "unembedding.weight": torch.cat([arrays["unembed.W_U"], padding], 1),
    }
    for layer in range(depth):
        block = _block_to_our_layout({name: arrays[f"blocks.{layer}.{name}"] for name in INNER}, sizes.is_nanda)
        weights |= {f"blocks.{layer}.{name}": array for name, array in block.items()}
    return weights


def _block_to_our_layout(arrays: Mapping[str, Tensor], is_nanda: bool) -> dict[str, Tensor]:
    """The arrays of a block with the names and the layout of our parameters."""

    def matrix(array: Tensor) -> Tensor:
        """[in, out]"""
        return array.T if is_nanda else array

    def concatenate_heads(array: Tensor) -> Tensor:
        """[d, heads · d_head]"""
        return array.flatten(0, 1).T if is_nanda else array.transpose(0, 1).flatten(1)

    return {
        "attention.keys": concatenate_heads(arrays["attn.W_K"]),
        "attention.queries": concatenate_heads(arrays["attn.W_Q"]),
        "attention.values": concatenate_heads(arrays["attn.W_V"]),
        "attention.outputs": arrays["attn.W_O"].T if is_nanda else arrays["attn.W_O"].flatten(0, 1),
        "mlp.into": matrix(arrays["mlp.W_in"]),
        "mlp.into_bias": arrays["mlp.b_in"][None],
        "mlp.out": matrix(arrays["mlp.W_out"]),
        "mlp.out_bias": arrays["mlp.b_out"][None],
    }
