"""Data files in installed packages: located without importing the package, and verified."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from grok.checks import UserError


def data_file(name: str, *, package: str, release: str, sha256: str) -> Path:
    """The path of a file in an installed package, once its SHA-256 is verified.

    Raises:
        UserError: the package or its file is missing, or the checksum is different.
    """
    install = f"pip install {package}=={release}"
    try:
        path = Path(str(distribution(package).locate_file(name)))
    except PackageNotFoundError as error:
        raise UserError(f"task: needs the data of the package {package}, which is not installed; {install}") from error
    try:
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {install} --force-reinstall") from error
    if checksum != sha256:
        raise UserError(f"{path}: damaged or from another release (SHA-256 {checksum}); {install} --force-reinstall")
    return path
