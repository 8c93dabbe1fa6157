"""Pictures that a task's configuration asks for besides the figure of every run: one class and one YAML each."""

from __future__ import annotations

import base64
import html
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

import xarray as xr


class Picture(Protocol):
    """Something to look at in a record. One with a method `section(record)` has HTML of its own on the page."""

    title: str
    needs: Collection[str]  # the record's variables without which there is nothing to draw

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw a record as a PNG at `path`."""


def draw_all(pictures: Mapping[str, Picture], record: xr.Dataset, folder: Path) -> dict[str, Path]:
    """Draw what the record has the variables for, each under its name in the folder; nothing of a run that ended before
    its first step, as log axes have no place for it."""
    if not record["step"].values.any():
        return {}
    able = {name: picture for name, picture in pictures.items() if all(each in record for each in picture.needs)}
    return {name: picture.draw(record, folder / f"{name}.png") for name, picture in able.items()}


def section(picture: Picture, record: xr.Dataset, drawn: Path, *, embedded: bool) -> str:
    """The picture on the page: its own HTML if it has some, else the PNG, in the page itself or beside it."""
    if hasattr(picture, "section"):
        content = picture.section(record)
    else:
        data = f"data:image/png;base64,{base64.b64encode(drawn.read_bytes()).decode()}" if embedded else drawn.name
        content = f'<img src="{data}" alt="{html.escape(picture.title)}">'
    return f"<section><h2>{html.escape(picture.title)}</h2>{content}</section>"
