"""Filling the HTML templates of pages, which share one head."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).parent


def fill_template(template: str, **parts: str) -> str:
    """The template with this name, such as `run/page`, with each {{mark}} replaced by the part with that name.

    Parts are HTML or JSON and are not escaped.
    """
    text, head = ((REPORTS / f"{name}.html").read_text(encoding="utf-8") for name in (template, "head"))
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], text.replace("{{head}}\n", head))


def script_json(content: Any) -> str:
    """JSON for a script element. `</` is escaped, so that no text in it can close the element."""
    return json.dumps(content, allow_nan=False).replace("</", "<\\/")


def table_rows(facts: Mapping[str, Any]) -> str:
    """The HTML rows of a table, one fact per row."""
    return "".join(f"<tr><th>{html.escape(str(key))}<td>{html.escape(str(value))}" for key, value in facts.items())
