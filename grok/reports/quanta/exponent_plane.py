"""The plane of exponents (Michaud et al. 2023, App.): published studies as printed and as corrected, and sparse parity.

Beside the figure, `report.html` has the same drawing, in which each point names its source under the pointer.
"""

from __future__ import annotations

import html
import io
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
from grok.science.quanta.exponent_plane import model_line, n_below_equal

LIMIT = 1.25  # of both axes; a point beyond it is drawn at the edge, with its exponents
OWN_LIMIT = 0.8
LAW = "#882255"  # the color of the laws for our number of subtasks; papers have those of the palette
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

OWN_LABELS = {
    "α = 0.4, steps": (4, 4, "left"),
    "α = 0.4, examples": (-5, -9, "right"),
    "α = 0.8, examples": (6, 3, "left"),
}


def draw(dataset: xr.Dataset, path: Path, *, sparse_parity: Published) -> Path:
    """Draw three planes: the published points as printed, as corrected, and those of sparse parity."""
    sources: dict[str, str] = {}
    with matplotlib.rc_context(RC | {"axes.spines.right": False, "svg.hashsalt": path.name}):
        figure = Figure(figsize=(11.4, 4.6), layout="constrained")
        printed, corrected, own = figure.subplots(1, 3)
        _published(printed, dataset, "printed", sources)
        _arrows(corrected, dataset)
        _published(corrected, dataset, "corrected", sources)
        counts = {name: _n_below(dataset, name) for name in ("printed", "corrected", "refit")}
        n_points = dataset.sizes["point"]
        printed.set_title(f"as printed: {counts['printed']} of {n_points} below the equal line", fontsize=9)
        title = f"as corrected: {counts['corrected']} below; {counts['refit']} if open points stay as printed"
        corrected.set_title(title, fontsize=9)
        _sparse_parity(own, dataset, sparse_parity, sources)
        handles = [*printed.get_legend_handles_labels()[0], *own.get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7.5, frameon=False)
        save_figure(figure, path)
        write_text(path.with_name("report.html"), _page(figure, sources))
    return path


def _published(axes: Axes, dataset: xr.Dataset, version: str, sources: dict[str, str]) -> None:
    """Draw the published points, as `printed` or as `corrected`; points with an unverified correction are open."""
    _lines(axes, LIMIT)
    papers = list(dict.fromkeys(dataset["paper"].values.tolist()))
    for name in dataset["point"].values.tolist():
        point = dataset.sel(point=name)
        color = PALETTE[papers.index(str(point["paper"].values)) % len(PALETTE)]
        at = _place(point, version)
        is_open = version == "corrected" and point["evidence"].item() == "unverified"
        style: Any = {"mfc": "white" if is_open else color, "mec": color, "mew": 1.2 if is_open else 0}
        x_at, y_at = at.clip(max=LIMIT)
        (marker,) = axes.plot(x_at, y_at, _marker(at), color=color, ms=5, clip_on=False, zorder=3, **style)
        note = f"; {point['evidence'].item()}: {point['correction'].item()}" if version == "corrected" else ""
        text = f"{name} ({at[0]:g}, {at[1]:g}): {point['source'].item()}{note if point['correction'].item() else ''}"
        _explain(marker, f"{version}-{name}", text, sources)
        label = name if (at <= LIMIT).all() else f"{name} ({at[0]:g}, {at[1]:g})"
        x, y, align = LABELS.get((version, name), RIGHT)
        place: Any = {"xytext": (x, y), "textcoords": "offset points", "ha": align, "fontsize": 7, "color": color}
        axes.annotate(label, (x_at, y_at), **place)
    if version == "printed":
        for paper, color in zip(papers, PALETTE, strict=False):
            axes.plot([], [], "o", color=color, ms=4, mew=0, label=paper)


def _arrows(axes: Axes, dataset: xr.Dataset) -> None:
    """Draw thin arrows from the printed to the corrected points."""
    for name in dataset["point"].values.tolist():
        start, end = (_place(dataset.sel(point=name), each).clip(max=LIMIT) for each in ("printed", "corrected"))
        if (start != end).any():
            arrow: dict[str, Any] = {
                "arrowstyle": "->",
                "color": GRAY,
                "lw": 0.6,
                "alpha": 0.6,
                "shrinkA": 0,
                "shrinkB": 3,
            }
            axes.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=arrow)


def _sparse_parity(axes: Axes, dataset: xr.Dataset, published: Published, sources: dict[str, str]) -> None:
    """Draw the published points of sparse parity, ours with intervals over seeds, and the laws for our subtasks."""
    _lines(axes, OWN_LIMIT)
    for number, at in enumerate(published.points):
        (marker,) = axes.plot(*at, "o", mfc="white", mec=GRAY, ms=4.5, zorder=2)
        _explain(marker, f"published-{number}", f"({at[0]:g}, {at[1]:g}): {published.name}", sources)
    for name in dataset["own"].values.tolist():
        point = dataset.sel(own=name)
        (x, low_x, high_x), (y, low_y, high_y) = (
            [point[f"own_{axis}{part}"].item() for part in ("", "_low", "_high")] for axis in "nd"
        )
        errors: Any = {"xerr": [[x - low_x], [high_x - x]], "yerr": [[y - low_y], [high_y - y]]}
        is_steps = "steps" in name
        style: Any = {"fmt": "s" if is_steps else "D", "mfc": "black" if is_steps else "white", "ms": 4.5}
        marker = axes.errorbar(x, y, **errors, **style, color="black", elinewidth=0.8, zorder=3).lines[0]
        law = [point[f"law_{axis}"].item() for axis in "nd"]
        axes.plot([x, law[0]], [y, law[1]], color=LAW, lw=0.6, alpha=0.7)
        (of_law,) = axes.plot(*law, "x" if is_steps else "+", color=LAW, ms=5.5, mew=1.3, zorder=3)
        interval = f"{x:.2f} ({low_x:.2f} – {high_x:.2f}), {y:.2f} ({low_y:.2f} – {high_y:.2f}), 95 % over seeds"
        _explain(marker, f"own-{name}", f"{name}: {interval}; {point['own_source'].item()}", sources)
        text = f"{name}, law: {law[0]:.2f}, {law[1]:.2f}, fitted to the law for 100 subtasks at the same points"
        _explain(of_law, f"law-{name}", text, sources)
        dx, dy, align = OWN_LABELS.get(name, (-4, 4, "right"))
        axes.annotate(name.split(",")[0], (x, y), xytext=(dx, dy), textcoords="offset points", ha=align, fontsize=7)
    for mark, color, label in (
        ("s", "black", "ours, 100 subtasks, from steps"),
        ("D", "black", "ours, from examples"),
        ("x", LAW, "laws for 100 subtasks, steps"),
        ("+", LAW, "laws, examples"),
        ("o", GRAY, "published, 500 subtasks"),
    ):
        axes.plot([], [], mark, color=color, mfc="white" if mark in "Do" else color, ms=4.5, label=label)
    axes.set_title("sparse parity, 95 % over seeds", fontsize=9)


def _lines(axes: Axes, limit: float) -> None:
    """Draw the equal line and the line of the quantization model, with their names, and set up the axes."""
    grid = np.linspace(0, limit, 200)
    axes.plot(grid, grid, color="black", lw=1.0, ls=INFINITE_STYLE)
    axes.plot(grid, model_line(grid), color="black", lw=1.2, ls=FINITE_STYLE)
    axes.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
    axes.set(xlabel=r"exponent in parameters $\alpha_N$", ylabel=r"exponent in data $\alpha_D$")
    at, slope = 0.97 * limit, 1 / (1 + 0.9 * limit) ** 2
    place: Any = {"textcoords": "offset points", "rotation_mode": "anchor", "fontsize": 7.5}
    axes.annotate(r"$\alpha_D = \alpha_N$", (at, at), xytext=(0, 3), ha="right", rotation=45, **place)
    name, angle = r"$\alpha_D = \alpha_N / (1 + \alpha_N)$", np.degrees(np.arctan(slope))
    axes.annotate(
        name, (limit, float(model_line(np.array(limit)))), xytext=(0, -11), ha="right", rotation=angle, **place
    )


def _place(point: xr.Dataset, version: str) -> np.ndarray:
    """The exponents of a published point in a version of the plane."""
    return np.array([point[f"{version}_{axis}"].item() for axis in "nd"])


def _n_below(dataset: xr.Dataset, version: str) -> int:
    return int(n_below_equal(dataset["point"].values, *[dataset[f"{version}_{axis}"].values for axis in "nd"]))


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
