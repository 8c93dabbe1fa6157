"""The provenance of a record: versions, code, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "numpy", "xarray", "torchvision", "mlxtend")


@cache
def provenance() -> dict[str, str]:
    """Versions of the packages that affect the numbers, the state of the code, and the machine."""
    return {
        "python": platform.python_version(),
        **_versions(),
        "code": _code(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _code() -> str:
    """The git commit of this code, with `+changes` if files differ from it or are untracked; else `no git`."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return "no git"
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")
