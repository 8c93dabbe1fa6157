"""Verdicts as text and tables: on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

Verdict = Mapping[str, Any]  # of one claim, as `Claim.judge` returns it


def holds_text(verdict: Verdict) -> str:
    """Whether the claim holds: yes, no, or why it is not judged."""
    if verdict["holds"] is None:
        return f"not judged at scale {verdict['scale']}: {verdict['not_judged_because']}"
    return "yes" if verdict["holds"] else "no"


def measured_text(verdict: Verdict) -> str:
    """The measured value with its interval over seeds; a dash for a claim that is not judged.

    A single seed has no interval, nor does a value measured on all seeds together. `verdict.json` has the value of a
    claim that is not judged; it is not shown, because the run does not test the claim.
    """
    if verdict["holds"] is None:
        return "–"
    if verdict["measured"] is None:
        return "none"
    interval = "" if verdict["low"] is None else f" ({_number(verdict['low'])} – {_number(verdict['high'])})"
    return f"{_number(verdict['measured'])}{interval}"


def bounds_text(verdict: Verdict) -> str:
    """The bounds of agreement."""
    minimum, maximum = (None if verdict[key] is None else _number(verdict[key]) for key in ("bound_min", "bound_max"))
    if minimum is None or maximum is None:
        return f"≥ {minimum}" if minimum is not None else f"≤ {maximum}" if maximum is not None else "any"
    return f"{minimum} – {maximum}"


def terminal_table(title: str, judged: Sequence[Verdict]) -> Table:
    """The verdicts as a table on the terminal."""
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("claim", "source", "published", "ours (interval over seeds)", "seeds", "holds?"):
        table.add_column(column, overflow="fold")
    for each in judged:
        table.add_row(
            each["claim"], each["source"], each["published"], measured_text(each), str(each["n"]), holds_text(each)
        )
    return table


def markdown_table(judged: Sequence[Verdict]) -> str:
    """The number of claims that hold, in total and by study, and all verdicts in a folded Markdown table."""
    hold, fail, not_judged = (sum(each["holds"] is word for each in judged) for word in (True, False, None))
    lines = [
        f"{hold + fail} claims are judged: {hold} hold, {fail} do not. {not_judged} more claims need another scale.",
        "",
        "| study | judged | hold |",
        "|---|---|---|",
        *_counts_by_study(judged),
        "",
        f"<details><summary>All {len(judged)} claims</summary>",
        "",
        "| study | claim | source | published | agrees if | ours (interval over seeds) | seeds | holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [markdown_row(f"{each['study']}, {each['scale']}", *claim_cells(each)) for each in judged]
    return "\n".join([*lines, "", "</details>"])


def claim_cells(verdict: Verdict) -> tuple[str, ...]:
    """What a table shows of a verdict: claim, source, published value, bounds, ours, seeds, and whether it holds."""
    texts = (verdict["claim"], verdict["source"], verdict["published"], bounds_text(verdict), measured_text(verdict))
    return *texts, str(verdict["n"]), "**no**" if verdict["holds"] is False else holds_text(verdict)


def markdown_row(*cells: object) -> str:
    """A row of a Markdown table; a bar inside a cell is escaped."""
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _counts_by_study(judged: Sequence[Verdict]) -> list[str]:
    """One table row per study: how many of its claims are judged, and how many hold."""
    words: dict[str, list[bool]] = {}
    for each in judged:
        own = words.setdefault(f"{each['study']}, {each['scale']}", [])
        own += [] if each["holds"] is None else [each["holds"]]
    return [f"| {study} | {len(own)} | {sum(own)} |" for study, own in words.items()]


def _number(value: float | None) -> str:
    """Numbers from 1,000 without decimals, others with three digits; `none` for a missing value, such as a step that
    was never reached."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
