"""The IDX format of the MNIST files (LeCun et al. 1998): a big-endian header, then the bytes of one array."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np

from grok.checks import UserError

UNSIGNED_BYTES = 0x08


def find(folder: Path, name: str) -> Path | None:
    """The file of this name in the folder, plain or gzipped; None if there is no such file."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read(path: Path, *, md5: str) -> np.ndarray:
    """The array of unsigned bytes in an IDX file, plain or gzipped. `md5` is the checksum of the unpacked file.

    Raises:
        UserError: the file cannot be read, is truncated, or has another checksum.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove it and download it again") from error
    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if checksum != md5:
        raise UserError(
            f"{path}: damaged ({len(content):,} bytes with MD5 {checksum}, expected {md5}); "
            "remove it and download it again"
        )
    zeros, kind, n_axes = struct.unpack(">HBB", content[:4])
    assert (zeros, kind) == (0, UNSIGNED_BYTES), "a file with a known checksum has a known header"
    shape = struct.unpack(f">{n_axes}I", content[4 : 4 + 4 * n_axes])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)
