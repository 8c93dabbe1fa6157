"""Transformers trained elsewhere: weights in the layout of Nanda et al. 2023 or of TransformerLens, read into ours."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from grok.checks import UserError
from grok.models.transformer import Transformer

OUTER = ("embed.W_E", "pos_embed.W_pos", "unembed.W_U")
INNER = ("attn.W_K", "attn.W_Q", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.b_in", "mlp.W_out", "mlp.b_out")
ABSENT = re.compile(r"(unembed\.b_U|blocks\.\d+\.attn\.b_[KQVO])")  # biases that our network has not: must be 0
IGNORED = re.compile(r"blocks\.\d+\.attn\.(mask|IGNORE)")  # constants of the code that wrote the file
NESTED = ("model", "state_dict")  # where a file that holds more than weights has them
DAMAGED = (ValueError, TypeError, OSError, EOFError, RuntimeError, UnpicklingError, BadZipFile, zlib.error)


def load_weights(
    path: str | Path,
    *,
    attention: float = 1.0,
    activation: str = "relu",
    causal: bool = True,
    dtype: torch.dtype = torch.float64,
) -> tuple[Transformer, int]:
    """The transformer of a `.npz`, `.pt`, `.pth` or `.safetensors` file as one replica, and its number of classes p.

    A file with three positions is of a network with an equals sign, one with two of one without. The file does not say
    the attention coefficient c (see `Transformer`), the activation and whether attention is causal, which tells only
    from two layers on.

    `grok.measures.trained_elsewhere.measures(model, p, …)` measures it; `python -m grok.trained_elsewhere` does both.

    Raises:
        UserError: the file cannot be read, or its arrays are not those of such a transformer.
    """
    path = Path(path)
    arrays = {name: array for name, array in _read(path).items() if not IGNORED.fullmatch(name)}
    depth = len({name.split(".")[1] for name in arrays if name.startswith("blocks.")})
    needed = [*OUTER, *(f"blocks.{layer}.{name}" for layer in range(max(depth, 1)) for name in INNER)]
    if missing := [name for name in needed if name not in arrays]:
        raise UserError(f"{path}: lacks {', '.join(missing)}")
    for name in arrays.keys() - {*needed}:
        if not ABSENT.fullmatch(name):
            raise UserError(f"{path}: {name} is of no part of this transformer")
        if arrays[name].any():
            raise UserError(f"{path}: {name} is not zero, and this transformer has no such bias")
    for name in needed:
        if arrays[name].is_complex() or not arrays[name].isfinite().all():
            raise UserError(f"{path}: {name} must be finite real numbers")
    keys = _dimensions(path, arrays)
    model = Transformer(
        depth=depth,
        activation=activation,
        layer_norm=False,
        dropout=0.0,
        attention=attention,
        causal=causal,
        generators=[torch.Generator()],
        **keys,
    ).to(dtype)
    ours = {name: each[None].to(dtype) for name, each in _as_ours(arrays, depth, **keys).items()}
    model.load_state_dict(ours)
    return model, keys["n_outputs"]


def _read(path: Path) -> dict[str, Tensor]:
    """The arrays of a file by their names."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: torch.from_numpy(archive[name]) for name in archive.files}
        if path.suffix in (".pt", ".pth"):
            return _tensors(path, torch.load(path, map_location="cpu", weights_only=True))
    except DAMAGED as error:
        raise _unreadable(path, error) from error
    if path.suffix == ".safetensors":
        return _safetensors(path)
    raise UserError(f"{path}: must be a .npz, .pt, .pth or .safetensors file")


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        package, for_torch = import_module("safetensors"), import_module("safetensors.torch")
    except ImportError as error:
        raise UserError(f"{path}: needs the package safetensors (pip install safetensors)") from error
    try:
        tensors: dict[str, Tensor] = for_torch.load_file(path)
    except package.SafetensorError as error:
        raise _unreadable(path, error) from error
    return tensors


def _unreadable(path: Path, error: Exception) -> UserError:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(f"{path}: cannot be read as {path.suffix} ({line})")


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    """The tensors of what `torch.save` wrote: a state dict, or a mapping that holds one."""
    while isinstance(content, Mapping) and (inner := next((key for key in NESTED if key in content), None)):
        content = content[inner]
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: holds no state dict")
    return {str(name): each for name, each in content.items() if isinstance(each, Tensor)}


def _is_nandas(arrays: Mapping[str, Tensor]) -> bool:
    """Whether W_O is (d, heads · d_head), as Nanda's code has it; TransformerLens has (heads, d_head, d)."""
    return arrays["blocks.0.attn.W_O"].dim() == 2


def _dimensions(path: Path, arrays: Mapping[str, Tensor]) -> dict[str, Any]:
    """The network's dimensions, once every array is found to have the shape that follows from them."""
    axes = {"pos_embed.W_pos": 2, "embed.W_E": 2, "blocks.0.attn.W_Q": 3, "blocks.0.mlp.b_in": 1, "unembed.W_U": 2}
    for name, n_axes in axes.items():
        if arrays[name].dim() != n_axes:
            raise UserError(f"{path}: {name} has the shape {_shape(arrays[name])}, must have {n_axes} axes")
    n_positions, d = arrays["pos_embed.W_pos"].shape
    if n_positions not in (2, 3):
        raise UserError(f"{path}: pos_embed.W_pos has {n_positions} positions, must have 2 or 3")
    equals_sign, nandas = n_positions == 3, _is_nandas(arrays)
    heads, *of_head = arrays["blocks.0.attn.W_Q"].shape
    d_head = of_head[0 if nandas else 1]
    if heads * d_head != d:
        raise UserError(f"{path}: {heads} heads of {d_head} must together be as wide as the network, {d}")
    embedding, unembedding = arrays["embed.W_E"], arrays["unembed.W_U"]
    if embedding.shape[0 if nandas else 1] != d:
        needed = f"({d}, tokens)" if nandas else f"(tokens, {d})"
        raise UserError(f"{path}: embed.W_E has the shape {_shape(embedding)}, must be {needed}")
    vocabulary, n_logits = embedding.shape[1 if nandas else 0], unembedding.shape[1]
    p, d_mlp = vocabulary - equals_sign, len(arrays["blocks.0.mlp.b_in"])
    if n_logits not in (p, vocabulary):
        raise UserError(f"{path}: unembed.W_U has the shape {_shape(unembedding)}, must be {(d, vocabulary)}")
    of_matrix = (heads, d_head, d) if nandas else (heads, d, d_head)
    shapes = {
        "embed.W_E": (d, vocabulary) if nandas else (vocabulary, d),
        "unembed.W_U": (d, n_logits),
        "attn.W_K": of_matrix,
        "attn.W_Q": of_matrix,
        "attn.W_V": of_matrix,
        "attn.W_O": (d, d) if nandas else (heads, d_head, d),
        "mlp.W_in": (d_mlp, d) if nandas else (d, d_mlp),
        "mlp.b_in": (d_mlp,),
        "mlp.W_out": (d, d_mlp) if nandas else (d_mlp, d),
        "mlp.b_out": (d,),
    }
    for name, array in arrays.items():
        shape = shapes.get(re.sub(r"^blocks\.\d+\.", "", name), array.shape)
        if array.shape != shape:
            raise UserError(f"{path}: {name} has the shape {_shape(array)}, must be {shape}")
    return {
        "width": d,
        "heads": heads,
        "d_mlp": d_mlp,
        "equals_sign": equals_sign,
        "n_tokens": p,
        "n_outputs": p,
    }


def _as_ours(
    arrays: Mapping[str, Tensor], depth: int, *, width: int, equals_sign: bool, n_outputs: int, **_: Any
) -> dict[str, Tensor]:
    """The arrays by the names and in the layout of our parameters, without the replica axis."""
    nandas = _is_nandas(arrays)

    def turned(array: Tensor) -> Tensor:
        return array.T if nandas else array

    def of_heads(array: Tensor) -> Tensor:
        """[d, heads · d_head]"""
        return array.flatten(0, 1).T if nandas else array.transpose(0, 1).flatten(1)

    unembedding = arrays["unembed.W_U"]
    blank = unembedding.new_zeros(width, n_outputs + equals_sign - unembedding.shape[1])  # a file without logits of "="
    ours = {
        "embedding.tokens": turned(arrays["embed.W_E"]),
        "embedding.positions": arrays["pos_embed.W_pos"],
        "unembedding.weight": torch.cat([unembedding, blank], 1),
    }
    for layer in range(depth):
        own = {name: arrays[f"blocks.{layer}.{name}"] for name in INNER}
        ours |= {
            f"blocks.{layer}.attention.keys": of_heads(own["attn.W_K"]),
            f"blocks.{layer}.attention.queries": of_heads(own["attn.W_Q"]),
            f"blocks.{layer}.attention.values": of_heads(own["attn.W_V"]),
            f"blocks.{layer}.attention.outputs": own["attn.W_O"].T if nandas else own["attn.W_O"].flatten(0, 1),
            f"blocks.{layer}.mlp.into": turned(own["mlp.W_in"]),
            f"blocks.{layer}.mlp.into_bias": own["mlp.b_in"][None],
            f"blocks.{layer}.mlp.out": turned(own["mlp.W_out"]),
            f"blocks.{layer}.mlp.out_bias": own["mlp.b_out"][None],
        }
    return ours


def _shape(array: Tensor) -> tuple[int, ...]:
    return tuple(array.shape)
