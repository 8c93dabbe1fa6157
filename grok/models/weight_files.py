"""Files of pretrained weights: NumPy archives, torch files and safetensors."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from grok.checks import UserError

NESTED = ("model", "state_dict")  # keys of the weights in a file that also contains other objects
DAMAGED = (ValueError, TypeError, OSError, EOFError, RuntimeError, UnpicklingError, BadZipFile, zlib.error)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors in a `.npz`, `.pt`, `.pth` or `.safetensors` file. Code in a file is never executed.

    Raises:
        UserError: the file cannot be read.
    """
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
    """The tensors in an object that `torch.save` wrote: a state dict, or a mapping that contains one."""
    while isinstance(content, Mapping) and (inner := next((key for key in NESTED if key in content), None)):
        content = content[inner]
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: contains no state dict")
    return {str(name): each for name, each in content.items() if isinstance(each, Tensor)}
