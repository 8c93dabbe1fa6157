"""Free memory, and one line for what does not fit into it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from grok.checks import UserError
from grok.configuration import leaves

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
# What torch, numpy and Python say of sizes that no integer of 64 bits holds.
BEYOND_64_BITS = re.compile(
    r"overflow|out of bounds|too large|too big|maximum allowed|exceeds the limit|out of range", re.I
)


def free_bytes(device: torch.device | None = None) -> int:
    """Free memory on a device, by default the CPU."""
    if device is not None and device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def size_text(n_bytes: float) -> str:
    """A size such as `51.2 GB`, in units of a thousand."""
    if n_bytes >= 2**63:
        return "more than 9 EB"
    power = int(math.log(max(n_bytes, 1), 1000))
    return f"{n_bytes / 1000**power:,.3g} {UNITS[power]}"


@contextmanager
def refuse_too_large(group: str, config: Mapping[str, Any]) -> Iterator[None]:
    """Within this context, refuse a tensor that is larger than the free memory, before it is made.

    The system would grant the memory, and end the process when it is filled. The line names the largest integer in the
    configuration of the group.

    Raises:
        UserError: a tensor or an array is too large.
    """
    free = free_bytes()
    try:
        with _AllocationGuard(free):
            yield
    except Exception as error:
        needed = needed_bytes(error)
        if needed is None:
            raise
        numbers = {f"{group}.{key}": each for key, each in leaves(config) if type(each) is int}
        given = max(numbers, key=lambda key: numbers[key], default=group)
        value = f"={numbers[given]}" if given in numbers else ""
        raise UserError(
            f"{given}{value}: needs at least {size_text(needed)} of memory, and {size_text(free)} are free"
        ) from error


def check_weights_fit(model: nn.Module, device: torch.device) -> None:
    """Require memory for the gradients and the two moments of a model that is in memory.

    Raises:
        UserError: they do not fit.
    """
    n_parameters = sum(each.numel() for each in model.parameters())
    weights, free = sum(each.nbytes for each in model.parameters()), free_bytes(device)
    if 3 * weights > free:
        raise UserError(
            f"model: training {n_parameters:,} parameters needs at least {size_text(4 * weights)} of memory, and "
            f"{size_text(free)} are free"
        )


def as_user_error(error: Exception) -> Exception:
    """The line for an allocation that failed in training; any other error itself."""
    needed = needed_bytes(error)
    if needed is None or not math.isfinite(needed):
        return error
    return UserError(f"memory: {size_text(needed)} more were needed; a smaller batch_size, model or task needs less")


def needed_bytes(error: Exception) -> float | None:
    """The memory that was asked for, if the error says that it is too much; None for another error."""
    text = str(error)
    if isinstance(error, _TooLargeError):
        return float(error.n_bytes)
    if found := re.search(r"tried to allocate (\d+) bytes", text):
        return float(found[1])
    if found := re.search(r"(?:Unable to|Tried to) allocate ([\d.]+) ([KMGTPE]?)i?B", text):
        return float(found[1]) * float(1024 ** " KMGTPE".index(found[2] or " "))
    if isinstance(error, (OverflowError, MemoryError)):
        return math.inf
    is_beyond = isinstance(error, (RuntimeError, ValueError, TypeError)) and BEYOND_64_BITS.search(text)
    return math.inf if is_beyond else None


class _TooLargeError(Exception):
    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes


class _AllocationGuard(TorchDispatchMode):
    """Raises before torch makes a tensor, from sizes, that is larger than this number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.max_bytes = max_bytes

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        first = func._schema.arguments[0].name if func._schema.arguments else ""
        if first in ("size", "n", "end"):  # of empty, randn, …; randperm; arange
            item = (kwargs.get("dtype") or torch.get_default_dtype()).itemsize
            n_bytes = item * (math.prod(args[0]) if first == "size" else int(args[0]))
            if n_bytes > self.max_bytes:
                raise _TooLargeError(n_bytes)
        return func(*args, **kwargs)
