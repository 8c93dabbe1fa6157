"""How the runs of a batch are computed: the library of their products, and whether their steps are compiled.

Both are chosen by the machine, the configuration and the number of batched runs, never by a measured time. They are
noted in each session and used again when the run resumes, so that it ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console

from grok.checks import UserError
from grok.models.model import Model
from grok.sweeps.active_batch import RunState
from grok.tasks.task import Task
from grok.training.compiled_gradients import COMPILE_FROM_BATCH_STEPS, COMPILE_FROM_STEPS, why_not_compiled
from grok.training.instantiation import check_base, instantiate_cached
from grok.training.module import ReplicaModule
from grok.training.products import TORCH, Products, choose_products, torch_products
from grok.training.settings import Settings

MAY_DIFFER = "The last bits may differ from those of an uninterrupted run."


def products_of(states: Sequence[RunState], settings: Settings, device: torch.device, console: Console) -> Products:
    """The products of a batch: with `auto`, torch's own for runs that follow the reference; those of the latest
    sessions, if this machine has them."""
    made = (instantiate_cached(state.run.config["task"], "task") for state in states)
    tasks = [check_base(each, Task, "task") for each in made]
    follow_reference = settings.products == "auto" and any(task.follows_reference for task in tasks)
    setting = "reference" if follow_reference else settings.products
    chosen = choose_products(setting, settings.precision, device)
    if setting == "onednn" and chosen.library == TORCH:
        console.print("products: torch's own; oneDNN's need precision=float32 and a CPU where their error is float32's")
    before = _latest(states, "products")
    if before == {TORCH} and chosen.library != TORCH:
        return torch_products(setting, settings.precision, device)
    if before and before != {chosen.library}:
        console.print(f"products: the last session had those of {' and '.join(sorted(before))}, here not. {MAY_DIFFER}")
    threads = _latest(states, "n_threads")
    if threads and threads != {torch.get_num_threads()}:
        was = " and ".join(map(str, sorted(threads)))
        console.print(f"threads: the last session had {was}, this one has {torch.get_num_threads()}. {MAY_DIFFER}")
    return chosen


def compile_if_wanted(
    module: ReplicaModule,
    states: Sequence[RunState],
    settings: Settings,
    device: torch.device,
    products: Products,
    console: Console,
) -> bool:
    """Compile the gradients of a batch if its runs' latest sessions or its settings say so; returns whether they are.

    Raises:
        UserError: in the first batch, a shape is wrong.
    """
    before = _latest(states, "compiled")
    if not (True in before or (not before and _is_worthwhile(settings, module.model, len(states), device))):
        return False
    reason = "the run follows the reference" if products.reference else why_not_compiled(module.model, device)
    is_expected = not module.model.compilable or module.model.needs_rng or products.reference
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
        console.print(f"compile: the last session was compiled, and this one is not: {reason}. {MAY_DIFFER}")
    elif settings.compile != "auto" or not is_expected:
        console.print(f"compile: the steps are not compiled: {reason}")
    return False


def _is_worthwhile(settings: Settings, model: Model, n_runs: int, device: torch.device) -> bool:
    """Whether the steps of new runs are compiled.

    Runs that end one by one would be compiled again each time. `auto` compiles nothing on a GPU, where it is not tried.
    """
    if settings.compile != "auto":
        return bool(settings.compile)
    ends_early = (settings.stop_when_grokked or settings.stop_when_overfit is not None) and n_runs > 1
    is_long = settings.steps >= COMPILE_FROM_STEPS or settings.steps * n_runs >= COMPILE_FROM_BATCH_STEPS
    return device.type == "cpu" and is_long and model.gains_by_compiling and not ends_early


def _latest(states: Sequence[RunState], name: str) -> set[Any]:
    """The values that the latest sessions of the runs have; empty if no run has one."""
    saved = [state.checkpoint["grok"]["sessions"] if state.checkpoint else () for state in states]
    sessions = [state.sessions or each for state, each in zip(states, saved, strict=True)]
    return {each[-1][name] for each in sessions if each and name in each[-1]}
