"""Plots that a task's configuration adds to the figure of every run. Each plot is one class and one YAML."""

from __future__ import annotations

import base64
import html
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import ClassVar

import xarray as xr

from grok.checks import UserError


class Plot(ABC):
    """A plot of a record. Its constructor takes the keys of its YAML."""

    title: ClassVar[str]
    needs: ClassVar[Collection[str]]  # the record's variables that the plot shows
    over_steps: ClassVar[bool] = True  # whether it needs a step after 0, as a log axis of steps does

    @abstractmethod
    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a record as a PNG at `path`."""

    def section(self, record: xr.Dataset) -> str | None:
        """The HTML on the page of the run; None for the PNG."""
        return None


def draw_all(
    plots: Mapping[str, Plot],
    record: xr.Dataset,
    folder: Path,
    *,
    embedded: bool,
    warn: Callable[[str], object],
) -> dict[str, tuple[Path, str]]:
    """Draw the plots; returns each plot's file in the folder, and its section of the page.

    Skips plots whose variables the record lacks, and those over steps if the run ended at step 0. If a plot fails, a
    warning is printed and the others are drawn.

    Raises:
        UserError: the folder cannot be written.
    """
    drawn, has_steps = {}, bool(record["step"].values.any())
    for name, plot in plots.items():
        try:
            if all(each in record for each in plot.needs) and (has_steps or not plot.over_steps):
                path = plot.draw(record, folder / f"{name}.png")
                drawn[name] = path, _section(plot, record, path, embedded=embedded)
        except UserError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            warn(f"warning: plot {name} was not drawn: {reason} (in {folder})")
    return drawn


def _section(plot: Plot, record: xr.Dataset, path: Path, *, embedded: bool) -> str:
    """A plot's section of the page: its own HTML if it has some, else its PNG, embedded in the page or linked."""
    content = plot.section(record)
    if content is None:
        source = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}" if embedded else path.name
        content = f'<img src="{source}" alt="{html.escape(plot.title)}">'
    return f"<section><h2>{html.escape(plot.title)}</h2>{content}</section>"
