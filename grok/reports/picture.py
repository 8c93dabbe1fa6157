"""Pictures that a task's configuration asks for besides the figure of every run: one class and one YAML each."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

import xarray as xr

from grok.checks import UserError


class Picture(Protocol):
    """Something to look at in a record. One with a method `section(record)` has HTML of its own on the page."""

    title: str
    needs: Collection[str]  # the record's variables without which there is nothing to draw

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a record as a PNG at `path`."""


def draw_all(
    pictures: Mapping[str, Picture],
    record: xr.Dataset,
    folder: Path,
    *,
    embedded: bool,
    warn: Callable[[str], object],
) -> dict[str, tuple[Path, str]]:
    """Draw what the record has the variables for, each under its name in the folder, and make its section of the page;
    nothing of a run that ended before its first step, as log axes have no place for it.

    A picture that fails is told by a line, and the others are drawn.

    Raises:
        UserError: the folder cannot be written.
    """
    drawn = {}
    for name, picture in pictures.items() if record["step"].values.any() else ():
        try:
            if all(each in record for each in picture.needs):
                path = picture.draw(record, folder / f"{name}.png")
                drawn[name] = path, _section(picture, record, path, embedded=embedded)
        except UserError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            warn(f"warning: picture {name} was not drawn: {reason} (in {folder})")
    return drawn


def _section(picture: Picture, record: xr.Dataset, drawn: Path, *, embedded: bool) -> str:
    """The picture on the page: its own HTML if it has some, else the PNG, in the page itself or beside it."""
    if hasattr(picture, "section"):
        content = picture.section(record)
    else:
        data = f"data:image/png;base64,{base64.b64encode(drawn.read_bytes()).decode()}" if embedded else drawn.name
        content = f'<img src="{data}" alt="{html.escape(picture.title)}">'
    return f"<section><h2>{html.escape(picture.title)}</h2>{content}</section>"
