"""The reference suite for grokking: networks that memorize first and generalize long after.

import grok
record = grok.load("runs/mnist_grok/2026-11-22_15-00-00")   # an xarray Dataset
model = grok.load_model("runs/mnist_grok/2026-11-22_15-00-00")   # the network of a run, a torch.nn.Module
model, p = grok.load_weights("weights.npz")                 # a pretrained transformer
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

LAZY_IMPORTS = {
    "load": "grok.records.load",
    "load_model": "grok.training.saved_run",
    "load_weights": "grok.models.pretrained_addition",
    "to_transformer_lens": "grok.models.transformer_lens",
}
__all__ = [*LAZY_IMPORTS]


def __getattr__(name: str) -> Any:
    """Import on first use, so that a configuration error is reported without importing xarray or torch."""
    if name in LAZY_IMPORTS:
        return getattr(import_module(LAZY_IMPORTS[name]), name)
    raise AttributeError(f"module 'grok' has no attribute {name!r}")
