"""The reference suite for grokking: networks that memorise first and generalise long after.

import grok
record = grok.load("runs/mnist_grok/2026-11-22_15-00-00")   # an xarray Dataset
model, p = grok.load_weights("weights.npz")                 # a transformer trained elsewhere
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

FROM = {"load": "grok.records.load", "load_weights": "grok.models.foreign"}
__all__ = [*FROM]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is, so that a configuration error answers without importing xarray or torch."""
    if name in FROM:
        return getattr(import_module(FROM[name]), name)
    raise AttributeError(f"module 'grok' has no attribute {name!r}")
