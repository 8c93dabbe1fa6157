"""A measured quantity with its labels: values for every replica, named axes, a unit, and the chart it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Labelled:
    """Values [replica, *dims] of one quantity at one look."""

    values: Tensor
    title: str  # what the quantity is, for axes and hover texts
    unit: str = "1"
    chart: str = ""  # quantities of one chart are drawn together on the page
    log_scale: bool = False  # whether the chart's value axis is logarithmic
    dims: tuple[str, ...] = ()
    coordinates: Mapping[str, Sequence[str | int | float]] = field(default_factory=dict)
    recorded: bool = True  # else kept only while training, for what is made of all looks at the end
