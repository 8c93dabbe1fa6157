"""What a command would train: its runs, their batches, memory and estimated time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import torch
from rich.console import Console
from rich.table import Table

from grok.checks import UserError
from grok.records.file_names import SUMMARY
from grok.sweeps.active_batch import RunState
from grok.sweeps.compute import products_of
from grok.sweeps.run import Run
from grok.sweeps.schedule import estimated_bytes, split_to_fit_memory
from grok.training.build import build, select_device
from grok.training.free_memory import free_bytes, size_text
from grok.training.settings import Settings

MAX_MEASURED = 20  # batches whose steps are timed; the others are estimated to take as long
TIMED_STEPS, TIMED_SECONDS = 20, 1.0  # a batch is timed for at most so long, after one step that is not


def print_plan(batches: Sequence[Sequence[Run]]) -> None:
    """Print a line for each batch, and the sum. Steps that a run would compile are timed as they are before."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    table = Table(box=None, padding=(0, 2))
    seconds: list[float] = []
    refused: list[str] = []
    for name in ("batch", "runs", "steps", "memory", "time"):
        table.add_column(name, justify="right")
    parts = [part for batch in batches for part in split_to_fit_memory(batch)]
    for number, part in enumerate(parts):
        mean = sum(seconds) / len(seconds) if len(seconds) >= MAX_MEASURED else None
        try:
            memory = size_text(estimated_bytes(part))
            each = _estimated_seconds(part, console) if mean is None else mean
        except UserError as error:
            refused.append(f"batch {number}: {error}")
            continue
        seconds.append(each)
        table.add_row(str(number), str(len(part)), f"{part[0].config['steps']:,}", memory, _duration(each))
    runs = [run for part in parts for run in part]
    n_finished = sum((run.folder / SUMMARY).exists() for run in runs)
    console.print(table)
    for line in refused:
        console.print(f"refused: {line}")
    free = size_text(free_bytes(select_device(runs[0].config))) if len(refused) < len(parts) else "unknown"
    console.print(
        f"about {_duration(sum(seconds))} for {len(runs)} runs one batch after the other; free memory: {free}"
    )
    console.print(f"finished before: {n_finished}; dry_run=true trains nothing")


def _estimated_seconds(runs: Sequence[Run], console: Console) -> float:
    """The time in which a batch trains, from its first steps and one evaluation."""
    settings, device = Settings.from_config(runs[0].config), select_device(runs[0].config)
    with products_of([RunState(run, None) for run in runs], settings, device, console).active():
        module = build([run.config for run in runs])[0].to(device)
        module.on_fit_start()
        optimizer = module.configure_optimizers()
        start = time.perf_counter()
        module.evaluate()
        per_evaluation = time.perf_counter() - start
        module.train_step(optimizer)
        start, first = time.perf_counter(), module.step
        while module.step < first + TIMED_STEPS and time.perf_counter() - start < TIMED_SECONDS:
            module.train_step(optimizer)
        if device.type == "cuda":
            torch.cuda.synchronize()
        per_step = (time.perf_counter() - start) / (module.step - first)
    return per_step * settings.steps + per_evaluation * len(module.evaluation_steps)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=max(1, round(seconds))))
