"""A measured quantity: values of every replica with named axes, a unit, and the chart it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Quantity:
    """Values [replica, *dims] of one quantity at one evaluation step."""

    values: Tensor
    title: str  # for axes and hover texts
    unit: str = "1"
    chart: str = ""  # quantities with the same chart are drawn together on the page
    log_scale: bool = False  # whether the chart's value axis is logarithmic
    dims: tuple[str, ...] = ()
    coordinates: Mapping[str, Sequence[str | int | float]] = field(default_factory=dict)
    recorded: bool = True  # False: kept during training only, for quantities computed at the end
