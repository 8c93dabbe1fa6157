"""Files of pretrained weights: NumPy archives, torch files and safetensors."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from grok.checks import UserError

TORCH_FILES = (".pt", ".pth", ".ckpt", ".bin")
NESTED = ("model", "model_state_dict", "state_dict")  # keys of the weights in a file that also contains other objects
DAMAGED = (
    *(ValueError, TypeError, OSError, EOFError, RuntimeError, UnpicklingError),
    *(BadZipFile, zlib.error, SafetensorError),
)
LFS_POINTER = b"version https://git-lfs"
HTML = (b"<!doctype html", b"<html")
REFUSED = re.compile(r"GLOBAL ([\w.]*\w) (?:was|whose)")  # the class or function in torch's message


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors in a NumPy archive, a torch file or a safetensors file. Code in a file is never executed.

    Raises:
        UserError: the file cannot be read.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    _refuse_downloaded_text(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: torch.from_numpy(archive[name]) for name in archive.files}
        if path.suffix in TORCH_FILES:
            return _tensors(path, torch.load(path, map_location="cpu", weights_only=True))
        if path.suffix == ".safetensors":
            return load_file(path)
    except DAMAGED as error:
        raise UserError(f"{path}: {_reason(path, error)}") from error
    raise UserError(f"{path}: must be a .npz, {', '.join(TORCH_FILES)} or .safetensors file")


def _refuse_downloaded_text(path: Path) -> None:
    """Refuse what a download can leave in place of the file.

    Raises:
        UserError: the file is an HTML page or a pointer of git-LFS.
    """
    with path.open("rb") as file:
        start = file.read(256)
    if start.startswith(LFS_POINTER):
        raise UserError(f"{path}: is a git-LFS pointer, not the weights; git lfs pull downloads them")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(HTML):
        raise UserError(f"{path}: is an HTML page, not the weights; download the file itself")


def _reason(path: Path, error: Exception) -> str:
    """Why a file cannot be read, in one line. torch's own message is long, and advises to load the file unsafely."""
    text = str(error).strip()
    if isinstance(error, UnpicklingError):
        if refused := REFUSED.search(text):
            remedy = "save the state dict alone: torch.save(model.state_dict(), …)"
            return f"torch refuses to load {refused[1]} from it; {remedy}"
        text = "damaged, or not written by torch.save"
    line = (text.splitlines() or [type(error).__name__])[0]
    return f"cannot be read as {path.suffix} ({line})"


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    """The tensors in an object that `torch.save` wrote: a state dict, or a mapping that contains one."""
    while isinstance(content, Mapping) and (inner := next((key for key in NESTED if key in content), None)):
        content = content[inner]
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: contains no state dict")
    return {str(name): each for name, each in content.items() if isinstance(each, Tensor)}
