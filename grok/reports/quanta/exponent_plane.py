"""The plane of exponents (Michaud et al. 2023, App.): published studies as printed and as corrected, and sparse parity.

Beside the figure, `report.html` has the same drawing, in which each point names its source under the pointer.
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.records.files import write_text
from grok.reports.quanta.loss_panels import Published
from grok.reports.style import FINITE_STYLE, GRAY, INFINITE_STYLE, PALETTE, RC, save_figure
from grok.reports.template import fill_template, table_rows
from grok.science.quanta.exponent_plane import model_line

LIMIT = 1.25  # of both axes; a point beyond it is drawn at the edge, with its exponents
OWN_LIMIT = 0.7
RIGHT = (5, -2.5, "left")
LABELS = {  # the offset of a name from its point, in points, and its alignment, where it would overlap others
    ("printed", "CIFAR-10"): (-5, -6, "right"),
    ("printed", "CIFAR-100"): (0, -11, "right"),
    ("printed", "Aircraft"): (-5, 3, "right"),
    ("printed", "WikiText-2"): (4, 4, "left"),
    ("printed", "WikiText-103"): (-4, 1, "right"),
    ("printed", "Chinchilla"): (5, -8, "left"),
    ("corrected", "CIFAR-10"): (5, -8, "left"),
    ("corrected", "CIFAR-100"): (-5, -2.5, "right"),
    ("corrected", "WikiText-103"): (-5, 2, "right"),
    ("corrected", "Chinchilla"): (8, -4.5, "left"),
    ("corrected", "DLRM"): (-6, 3, "right"),
    **{(version, "De-En"): (5, -8, "left") for version in ("printed", "corrected")},
    **{(version, "Kaplan"): (-8, 7, "left") for version in ("printed", "corrected")},
}


def draw(dataset: xr.Dataset, path: Path, *, sparse_parity: Published) -> Path:
    """Draw three planes: the published points as printed, as corrected, and those of sparse parity."""
    dataset = dataset.isel(seed=0)
    sources: dict[str, str] = {}
    with matplotlib.rc_context(RC | {"axes.spines.right": False, "svg.hashsalt": path.name}):
        figure = Figure(figsize=(11.4, 4.6), layout="constrained")
        printed, corrected, own = figure.subplots(1, 3)
        _published(printed, dataset, "printed", sources)
        _published(corrected, dataset, "corrected", sources)
        _sparse_parity(own, dataset, sparse_parity, sources)
        _legend(figure, [*printed.get_legend_handles_labels()[0], *own.get_legend_handles_labels()[0][2:]])
        save_figure(figure, path)
        write_text(path.with_name("report.html"), _page(figure, sources))
    return path


def _published(axes: Axes, dataset: xr.Dataset, version: str, sources: dict[str, str]) -> None:
    """Draw the published points, as `printed` or as `corrected`."""
    _lines(axes, LIMIT)
    papers = list(dict.fromkeys(dataset["paper"].values.tolist()))
    for name in dataset["point"].values.tolist():
        point = dataset.sel(point=name)
        color = PALETTE[papers.index(str(point["paper"].values)) % len(PALETTE)]
        at = np.array([float(point[f"{version}_{axis}"]) for axis in "nd"])
        place = np.minimum(at, LIMIT)
        (marker,) = axes.plot(*place, _marker(at), color=color, ms=5, mew=0, clip_on=False, zorder=3)
        correction = str(point["correction"].values)
        note = f"; corrected: {correction}" if correction and version == "corrected" else ""
        _explain(marker, f"{version}-{name}", f"{name} ({at[0]:g}, {at[1]:g}): {point['source'].values}{note}", sources)
        label = name if (at <= LIMIT).all() else f"{name} ({at[0]:g}, {at[1]:g})"
        x, y, align = LABELS.get((version, name), RIGHT)
        style: Any = {"xytext": (x, y), "textcoords": "offset points", "ha": align, "fontsize": 7, "color": color}
        axes.annotate(label, place, **style)
    if version == "printed":
        for paper, color in zip(papers, PALETTE, strict=False):
            axes.plot([], [], "o", color=color, ms=4, mew=0, label=paper)
    n_below = int((dataset[f"{version}_d"] < dataset[f"{version}_n"]).sum())
    axes.set_title(f"as {version}: {n_below} of {dataset.sizes['point']} below the equal line", fontsize=9)


def _sparse_parity(axes: Axes, dataset: xr.Dataset, published: Published, sources: dict[str, str]) -> None:
    """Draw the published points of sparse parity, and ours with intervals over seeds."""
    _lines(axes, OWN_LIMIT)
    for number, at in enumerate(published.points):
        (marker,) = axes.plot(*at, "o", mfc="white", mec=GRAY, ms=4.5, zorder=2)
        _explain(marker, f"published-{number}", f"({at[0]:g}, {at[1]:g}): {published.name}", sources)
    for name in dataset["own"].values.tolist():
        point = dataset.sel(own=name)
        (x, low_x, high_x), (y, low_y, high_y) = (
            [float(point[f"own_{axis}{part}"]) for part in ("", "_low", "_high")] for axis in "nd"
        )
        errors: Any = {"xerr": [[x - low_x], [high_x - x]], "yerr": [[y - low_y], [high_y - y]]}
        color, side, align = (PALETTE[0], -3, "right") if "steps" in name else (PALETTE[1], 3, "left")
        marker = axes.errorbar(x, y, **errors, fmt="o", color=color, ms=5, mew=0, elinewidth=0.9, zorder=3).lines[0]
        _explain(marker, f"own-{name}", f"{name}: ({x:.3f}, {y:.3f}), {point['own_source'].values}", sources)
        place: Any = {"xytext": (side, 3), "textcoords": "offset points", "ha": align, "fontsize": 7}
        axes.annotate(name.split(",")[0], (x, y), **place, color=color)
    axes.plot([], [], "o", color=PALETTE[0], ms=4, mew=0, label="ours, 100 subtasks, from steps")
    axes.plot([], [], "o", color=PALETTE[1], ms=4, mew=0, label="ours, 100 subtasks, from examples")
    axes.plot([], [], "o", mfc="white", mec=GRAY, ms=4.5, label="published, 500 subtasks")
    axes.set_title("sparse parity, 95 % over seeds", fontsize=9)


def _lines(axes: Axes, limit: float) -> None:
    """Draw the equal line and the line of the quantization model, and set up the axes."""
    grid = np.linspace(0, limit, 200)
    axes.plot(grid, grid, color="black", lw=1.0, ls=INFINITE_STYLE, label=r"$\alpha_D = \alpha_N$")
    label = r"$\alpha_D = \alpha_N / (1 + \alpha_N)$"
    axes.plot(grid, model_line(grid), color="black", lw=1.2, ls=FINITE_STYLE, label=label)
    axes.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
    axes.set(xlabel=r"exponent in parameters $\alpha_N$", ylabel=r"exponent in data $\alpha_D$")


def _legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Draw the legend of all planes below them."""
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7.5, frameon=False)


def _marker(at: np.ndarray) -> str:
    """A dot, or an arrow that points to a place beyond the axes."""
    return ">" if at[0] > LIMIT else "^" if at[1] > LIMIT else "o"


def _explain(marker: Any, name: str, text: str, sources: dict[str, str]) -> None:
    """Give a marker a name, under which the page finds its text."""
    marker.set_gid(f"point {name}")
    sources[f"point {name}"] = text


def _page(figure: Figure, sources: dict[str, str]) -> str:
    """The HTML of the drawing, whose points have their sources as titles, and a table of all sources."""
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    svg = drawing.getvalue()[drawing.getvalue().index("<svg") :]
    for name, text in sources.items():
        mark = f'<g id="{html.escape(name)}">'
        svg = svg.replace(mark, f"{mark}<title>{html.escape(text)}</title>")
    rows = dict(text.split(": ", 1) for text in sources.values())
    return fill_template("quanta/exponent_plane", title="Plane of exponents", drawing=svg, sources=table_rows(rows))
