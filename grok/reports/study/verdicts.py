"""Verdicts as text and tables: on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

Verdict = Mapping[str, Any]  # of one claim, as `Claim.judge` returns it
INDENT = "  "  # of a claim's second line on the terminal


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


def terminal_lines(title: str, judged: Sequence[Verdict], width: int) -> list[Text]:
    """The verdicts for a terminal of this width: the title, at most two lines per claim, and the counts."""
    lines = [Text(_cut(title, width), style="bold")]
    for each in judged:
        mark, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "dim")}[each["holds"]]
        lines.append(Text.assemble((mark, style), " ", _cut(each["claim"], width - 2)))
        lines.append(Text(INDENT + _result_text(each, width - len(INDENT)), style="" if each["holds"] else style))
    return [*lines, Text(_counts_text(judged))]


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


def _result_text(verdict: Verdict, width: int) -> str:
    """Our value, the published one, the bounds and the number of seeds, or why the claim is not judged.

    If the line is too long, the published value is cut, or left out.
    """
    if verdict["holds"] is None:
        return _cut(f"not judged: {verdict['not_judged_because']}", width)
    seeds = f"{verdict['n']} seed{'' if verdict['n'] == 1 else 's'}"
    ours, rest = f"ours {measured_text(verdict)}", f"; bounds {bounds_text(verdict)}; {seeds}"
    published = _cut(f"; published {verdict['published']}", width - cell_len(ours + rest))
    return _cut(f"{ours}{'' if published in ('…', '; …', '; published …') else published}{rest}", width)


def _counts_text(judged: Sequence[Verdict]) -> str:
    """How many claims hold, need another scale, or cannot be measured on the sweep."""
    hold, fail = (sum(each["holds"] is word for each in judged) for word in (True, False))
    others = [each["n"] > 0 for each in judged if each["holds"] is None]
    n_judged, n_elsewhere, n_unmeasured = hold + fail, sum(others), len(others) - sum(others)
    words = "claim" if n_judged == 1 else "claims"
    parts = [f"{hold} of {n_judged} judged {words} {_verb(hold, 'hold')}" if n_judged else "no claim is judged"]
    parts += [f"{n_elsewhere} {_verb(n_elsewhere, 'need')} another scale"] if n_elsewhere else []
    parts += [f"{n_unmeasured} cannot be measured on this sweep"] if n_unmeasured else []
    return "; ".join(parts)


def _verb(number: int, plural: str) -> str:
    return f"{plural}s" if number == 1 else plural


def _cut(text: str, width: int) -> str:
    """The text on one line; if it is wider, its first words and an ellipsis."""
    text = " ".join(text.split())
    if cell_len(text) <= width:
        return text
    kept = ""
    for word in text.split():
        longer = f"{kept} {word}".lstrip()
        if cell_len(longer) > width - 2:
            break
        kept = longer
    return f"{kept} …".lstrip()
