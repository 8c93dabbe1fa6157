"""How the runs of a batch are computed: the library of their products, and whether their steps are compiled.

Both are chosen by the machine and the configuration alone, never by a measured time. They are noted in each session and
used again when the run resumes, so that it ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console

from grok.checks import UserError
from grok.sweeps.active_batch import RunState
from grok.training.compiled_gradients import COMPILE_FROM_STEPS, why_not_compiled
from grok.training.module import ReplicaModule
from grok.training.products import TORCH, Products, choose_products, torch_products
from grok.training.settings import Settings

BITS_MAY_DIFFER = "possible here: the run goes on, and its last bits may differ from those of an uninterrupted run"


def products_of(states: Sequence[RunState], settings: Settings, device: torch.device, console: Console) -> Products:
    """The products of a batch: those of the runs' latest sessions if this machine has them."""
    chosen = choose_products(settings.products, settings.precision, device)
    before = _latest(states, "products")
    if before == {TORCH} and chosen.library != TORCH:
        return torch_products(settings.products, settings.precision, device)
    if before and before != {chosen.library}:
        console.print(f"products: the last session had {' and '.join(sorted(before))}, which is not {BITS_MAY_DIFFER}")
    return chosen


def compile_if_wanted(
    module: ReplicaModule, states: Sequence[RunState], settings: Settings, device: torch.device, console: Console
) -> bool:
    """Compile the gradients of a batch if its runs' latest sessions or its settings say so; returns whether they are.

    Raises:
        UserError: in the first batch, a shape is wrong.
    """
    before = _latest(states, "compiled")
    if not (before == {True} or (not before and _is_worthwhile(settings, len(states)))):
        return False
    reason = why_not_compiled(module.model, device)
    if not reason:
        try:
            module.compile_gradients(device)
            return True
        except UserError:
            raise
        except Exception as error:  # torch's compiler raises many kinds
            module.compiled = None
            reason = " ".join(str(error).split())[:100] or type(error).__name__
    if before:
        console.print(f"compile: the last session was compiled, but {reason} {BITS_MAY_DIFFER}")
    elif settings.compile != "auto":
        console.print(f"compile={settings.compile}: {reason}; the steps are not compiled")
    return False


def _is_worthwhile(settings: Settings, n_runs: int) -> bool:
    """Whether the steps of new runs are compiled. Runs that end one by one would be compiled again each time."""
    if settings.compile != "auto":
        return bool(settings.compile)
    return settings.steps >= COMPILE_FROM_STEPS and not (settings.stop_when_grokked and n_runs > 1)


def _latest(states: Sequence[RunState], name: str) -> set[Any]:
    """The values that the latest sessions of the runs have; empty if no run has one."""
    saved = [state.checkpoint["grok"]["sessions"] if state.checkpoint else () for state in states]
    sessions = [state.sessions or each for state, each in zip(states, saved, strict=True)]
    return {each[-1][name] for each in sessions if each and name in each[-1]}
