"""Filling the templates of pages, which share one head."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def filled(template: str, **parts: str) -> str:
    """The template of this name with each {{mark}} replaced by the part of that name, as it is: HTML or JSON."""
    text, head = (Path(__file__).with_name(f"{name}.html").read_text(encoding="utf-8") for name in (template, "head"))
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], text.replace("{{head}}\n", head))


def script_json(content: Any) -> str:
    """JSON that can stand in a script: no text in it ends the script."""
    return json.dumps(content, allow_nan=False).replace("</", "<\\/")


def rows(facts: Mapping[str, Any]) -> str:
    """The rows of a table, a fact a row."""
    return "".join(f"<tr><th>{html.escape(str(key))}<td>{html.escape(str(value))}" for key, value in facts.items())
