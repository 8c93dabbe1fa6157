"""The reference suite for grokking: networks that memorise first and generalise long after.

import grok
record = grok.load("runs/mnist_grok/2026-11-22_15-00-00")   # an xarray Dataset
"""

from __future__ import annotations

from typing import Any

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import `load` when it is first asked for, so that a configuration error answers without importing xarray."""
    if name in __all__:
        from grok.records.load import load

        return load
    raise AttributeError(f"module 'grok' has no attribute {name!r}")
