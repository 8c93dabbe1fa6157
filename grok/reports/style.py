"""Colors, number formats, ticks and file formats that figures and pages share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullLocator

from grok.records.files import write_atomically
from grok.science.statistics.power_law import PowerLaw

# The palette of Okabe and Ito: colors that differ for color-blind readers, and in lightness when printed in gray.
TRAIN = "#0072B2"
TEST = "#D55E00"
TEST_STYLE = (0, (4, 1.5))  # line style of test curves; training curves are solid
GRAY = "#767676"  # readable on white and on dark
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Colors of the phases of learning; they go from light to dark when printed in gray.
PHASE_COLORS = {"comprehension": "#F0E442", "grokking": "#E69F00", "memorization": "#56B4E9", "confusion": "#3B4A59"}
# From dark to light; all colors are visible on white and differ in lightness.
SEQUENTIAL = LinearSegmentedColormap.from_list("sequential", colormaps["viridis"](np.linspace(0, 0.9, 256)))
# Line styles of scaling laws: for the task's number of subtasks, and for infinitely many subtasks.
FINITE_STYLE, INFINITE_STYLE = (0, (1, 1.2)), (0, (5, 3))
RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "axes.labelsize": 9,
}

NO_SPINES = {f"axes.spines.{side}": False for side in ("left", "right", "bottom")}


def save_figure(figure: Figure, path: Path, *, vector: bool = True) -> None:
    """Write a figure as a PNG at `path` and, if `vector`, as a PDF next to it.

    The PDF has no date, so that the same figure gives the same file.
    """
    write_atomically(path, lambda part: figure.savefig(part, dpi=200))
    if vector:
        undated = {"CreationDate": None}
        write_atomically(path.with_suffix(".pdf"), lambda part: figure.savefig(part, metadata=undated))


def format_signed(value: float) -> str:
    """The number with two decimals and a typographic minus sign; a dash if it is not finite."""
    return f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–"


def format_interval(fit: PowerLaw) -> str:
    """The exponent's 95 % interval over seeds (Student's t) as ± half its width; empty if it has no interval."""
    return f" ± {format_signed((fit.high - fit.low) / 2)} (95 %)" if np.isfinite([fit.low, fit.high]).all() else ""


def set_plain_ticks(axis: Axis, multiples: Sequence[int] = (1, 2, 5)) -> None:
    """Set ticks at these multiples of the powers of ten of a log axis, labeled as plain numbers."""
    axis.set_major_locator(LogLocator(subs=multiples))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def set_log_ticks(axis: Axis) -> None:
    """Label a log axis with plain numbers if it covers at most a decade; otherwise with powers of ten.

    Call it after the curves are drawn.
    """
    low, high = axis.get_view_interval()
    if high <= 10 * low:
        set_plain_ticks(axis)
    if high < 5 * low:  # may have only one of 1, 2 and 5 times a power of ten
        axis.set_major_locator(MaxNLocator(4))


def spread_heights(heights: Sequence[float], *, gap: float) -> Iterator[float]:
    """The heights of labels, lowest first, each raised to at least `gap` above the one below."""
    height = -np.inf
    for each in heights:
        height = max(each, height + gap)
        yield height


def color_bar(axes: Axes, shading: ScalarMappable, label: str, ticks: Locator, tick_format: str) -> None:
    """Draw a color bar to the right of the axes; `tick_format` is the format of the tick labels, {} the value."""
    bar = axes.figure.colorbar(shading, ax=axes, pad=0.02, aspect=25)
    bar.set_label(label, fontsize=8)
    bar.ax.yaxis.set_major_locator(ticks)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_format.format(value)))
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
