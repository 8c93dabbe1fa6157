"""The visible range of the x axis of scaling panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from grok.reports.quanta.scaling import ScalingFit, SeedLosses


def set_x_limits(axes: Axes, scaling: ScalingFit, seeds: Sequence[SeedLosses]) -> None:
    """Show all points; over steps, at most one decade before the fit, where nothing is learned."""
    x = np.concatenate([each.x for each in seeds])
    from_x = scaling.fit.get("from_x", 0.0) / 10 if scaling.key == "step" else 0.0
    axes.set_xlim(max(from_x, x.min() / 1.1), 1.1 * x.max())
    axes.xaxis.set_minor_formatter(NullFormatter())
