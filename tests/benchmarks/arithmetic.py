"""The arithmetic limit of a step: the time of its floating-point operations at the machine's rate of products."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

SIZE = 1024  # of the square products that measure the rate


def operations(step: Callable[[], object]) -> int:
    """The floating-point operations of a step's matrix products: two for each multiplication with its addition."""
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: _in_place}) as counter:
        step()
    return counter.get_total_flops()


def _in_place(_total: Sequence[int], left: Sequence[int], right: Sequence[int], **_options: Any) -> int:
    """The operations of a product that is added in place, by shapes; torch does not count them."""
    return 2 * math.prod(left) * right[-1]


def operations_per_second(device: torch.device, rounds: int = 5) -> float:
    """The median rate of square products in float32, as the active library computes them."""
    left, right = (torch.randn(SIZE, SIZE, device=device) for _ in range(2))
    rates = []
    for _ in range(rounds + 1):
        torch.get_device_module(device).synchronize()
        start = time.perf_counter()
        left @ right
        torch.get_device_module(device).synchronize()
        rates.append(2 * SIZE**3 / (time.perf_counter() - start))
    return statistics.median(rates[1:])  # the first one warms up
