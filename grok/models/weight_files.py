"""Files of pretrained weights: NumPy archives, torch files and safetensors."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from grok.checks import UserError

TORCH_FILES = (".pt", ".pth", ".ckpt", ".bin")
SUFFIXES = (".npz", *TORCH_FILES, ".safetensors")
NESTED = ("model", "model_state_dict", "state_dict")  # keys of the weights in a file that also contains other objects
LFS_POINTER = b"version https://git-lfs"
HTML = (b"<!doctype html", b"<html")
REFUSED = re.compile(r"GLOBAL ([\w.]*\w) (?:was|whose)")  # the class or function in torch's message


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors in a NumPy archive, a torch file or a safetensors file. Code in a file is never executed.

    Raises:
        UserError: the file cannot be read.
    """
    return parse_tensors(read_content(path), path)


def read_content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def parse_tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    """The named tensors in the content of the file at this path.

    Raises:
        UserError: the content is no such file, or damaged.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: must be a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file")
    _refuse_downloaded_text(content, path)
    try:
        parsed = _parse(content, path.suffix)
    except Exception as error:  # torch raises many kinds, depending on where the file is damaged
        raise UserError(f"{path}: {_reason(path, error)}") from error
    return _tensors(path, parsed)


def _parse(content: bytes, suffix: str) -> object:
    """What the content of a file with this suffix holds."""
    if suffix == ".safetensors":
        return load_safetensors(content)
    if suffix in TORCH_FILES:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: torch.from_numpy(archive[name]) for name in archive.files}


def _refuse_downloaded_text(content: bytes, path: Path) -> None:
    """Refuse what a download can leave in place of the file.

    Raises:
        UserError: the content is an HTML page or a pointer of git-LFS.
    """
    start = content[:256]
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


def _tensors(path: Path, parsed: object) -> dict[str, Tensor]:
    """The tensors in what a file holds: a state dict, or a mapping that contains one."""
    while isinstance(parsed, Mapping) and (inner := next((key for key in NESTED if key in parsed), None)):
        parsed = parsed[inner]
    if not isinstance(parsed, Mapping):
        raise UserError(f"{path}: contains no state dict")
    return {str(name): each for name, each in parsed.items() if isinstance(each, Tensor)}
