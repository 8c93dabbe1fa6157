"""Pretrained transformers: weights in the layout of Nanda et al. 2023 or TransformerLens, converted to our layout."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from grok.checks import UserError
from grok.models.network import load_network
from grok.models.spec import TokenPairs
from grok.models.transformer import Transformer
from grok.models.weight_files import read_tensors
from grok.models.weight_layouts import from_transformer_lens, kind_of, nanda_to_transformer_lens

OUTER = ("embed.W_E", "pos_embed.W_pos", "unembed.W_U")
INNER = ("attn.W_K", "attn.W_Q", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.b_in", "mlp.W_out", "mlp.b_out")
BIASES = ("attn.b_K", "attn.b_Q", "attn.b_V", "attn.b_O")  # of a block; a file can lack them
NORMS = ("ln1.w", "ln1.b", "ln2.w", "ln2.b")  # of a block; a network without norms has none
PREFIX = re.compile(r"^((module|model|_orig_mod)\.)+")  # of wrappers: data parallelism, Lightning, torch.compile
IGNORED = re.compile(r"blocks\.\d+\.attn\.(mask|IGNORE)")  # constants of the code that wrote the file


def load_weights(
    path: str | Path,
    *,
    attention_coefficient: float = 1.0,
    activation: str = "relu",
    causal: bool = True,
    dtype: torch.dtype = torch.float64,
) -> tuple[Transformer, int]:
    """The transformer in a file, as one replica, and its number of classes p.

    A network with three positions has an equals sign; one with two positions has none. The file does not contain the
    attention coefficient c (see `Transformer`), the activation, or whether attention is causal. Causality matters only
    with two or more layers. A wrong mask can keep the accuracy and change other measures.

    `python -m grok.analyze` loads and measures the network, by `grok.measures.pretrained_addition.measure_pretrained`.

    Raises:
        UserError: the file cannot be read, or its arrays do not form a transformer in one of the two layouts.
    """
    path = Path(path)
    arrays = _read_arrays(path)
    layers = range(max(1, len({name.split(".")[1] for name in arrays if name.startswith("blocks.")})))
    layer_norm = any(name.rpartition(".")[0].endswith(("ln1", "ln2", "ln_final")) for name in arrays)
    _validate_names_and_values(path, arrays, layers, layer_norm=layer_norm)
    sizes = _validated_sizes(path, arrays)
    model = Transformer(
        depth=len(layers),
        **sizes.model_arguments(),
        activation=activation,
        layer_norm=layer_norm,
        dropout=0.0,
        attention_coefficient=attention_coefficient,
        causal=causal,
        generators=[torch.Generator()],
    )
    complete = _complete(arrays, layers, sizes)
    if "unembed.b_U" in complete:
        model.add_biases()
    load_network(model, from_transformer_lens(complete), source=path)
    return model.to(dtype), sizes.n_classes


def _read_arrays(path: Path) -> dict[str, Tensor]:
    """The arrays in a file, by their names without the prefixes of wrappers."""
    arrays = {PREFIX.sub("", name).replace("_orig_mod.", ""): array for name, array in read_tensors(path).items()}
    if "embedding.tokens" in arrays:
        raise UserError(f"{path}: weights of a run; grok.load_model(<run folder>) loads them")
    return {name: array for name, array in arrays.items() if not IGNORED.fullmatch(name)}


def _validate_names_and_values(
    path: Path, arrays: Mapping[str, Tensor], layers: Collection[int], *, layer_norm: bool
) -> None:
    """Require that all weights are present, that there are no others, and that they are finite and real."""
    inner = (*INNER, *NORMS) if layer_norm else INNER
    required = [*OUTER, *(["ln_final.w", "ln_final.b"] if layer_norm else []), *_in_blocks(layers, inner)]
    if missing := [name for name in required if name not in arrays]:
        raise UserError(f"{path}: lacks {', '.join(missing)}")
    for name in arrays.keys() - {*required, *_biases(layers)}:
        raise UserError(f"{path}: {name} is not a weight of this transformer")
    for name, array in arrays.items():
        if array.is_complex() or not array.isfinite().all():
            raise UserError(f"{path}: {name} must be finite real numbers")


def _in_blocks(layers: Collection[int], names: Collection[str]) -> list[str]:
    return [f"blocks.{layer}.{name}" for layer in layers for name in names]


def _biases(layers: Collection[int]) -> list[str]:
    """The biases that a network can lack."""
    return ["unembed.b_U", *_in_blocks(layers, BIASES)]


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
            "d_head": self.d_head,
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
            "unembed.b_U": (self.n_logits,),
            **{f"attn.W_{name}": head_matrix for name in "KQV"},
            **{f"attn.b_{name}": (heads, d_head) for name in "KQV"},
            "attn.W_O": (d, heads * d_head) if self.is_nanda else (heads, d_head, d),
            "attn.b_O": (d,),
            "mlp.W_in": (d_mlp, d) if self.is_nanda else (d, d_mlp),
            "mlp.b_in": (d_mlp,),
            "mlp.W_out": (d, d_mlp) if self.is_nanda else (d_mlp, d),
            "mlp.b_out": (d,),
            **dict.fromkeys((*NORMS, "ln_final.w", "ln_final.b"), (d,)),
        }


def _validated_sizes(path: Path, arrays: Mapping[str, Tensor]) -> _Sizes:
    """The sizes of the network, once every array has the shape that follows from them."""
    sizes = _read_sizes(path, arrays)
    shapes = sizes.shapes()
    for name, array in arrays.items():
        shape = shapes.get(kind_of(name), array.shape)
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


def _complete(arrays: Mapping[str, Tensor], layers: Collection[int], sizes: _Sizes) -> dict[str, Tensor]:
    """The arrays in the layout of TransformerLens, with the logit of "=", and with all biases or none.

    A file without the logit of "=" gets one of 0. Biases that are all 0 are left out.
    """
    biases, shapes = _biases(layers), sizes.shapes()
    has_biases = any(name in arrays and arrays[name].any() for name in biases)
    n_missing = sizes.n_classes + sizes.equals_sign - sizes.n_logits
    complete = {name: array for name, array in arrays.items() if name not in biases}
    if has_biases:
        complete |= {name: arrays.get(name, torch.zeros(shapes[kind_of(name)])) for name in biases}
    for name in complete.keys() & {"unembed.W_U", "unembed.b_U"}:
        complete[name] = functional.pad(complete[name], (0, n_missing))
    return nanda_to_transformer_lens(complete) if sizes.is_nanda else complete
