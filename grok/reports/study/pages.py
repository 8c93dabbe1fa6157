"""The pages of results: `results/README.md`, the ledger of claims, and `results/<study>/README.md`.

A page is written by hand, except for the part between two markers, which follows from the verdicts. A study without a
page gets one that has the figures and this part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grok.checks import UserError
from grok.reports.study.verdicts import Verdict, claim_cells, markdown_row

BEGIN, END = "<!-- claims: written by python -m grok.reports.study.ledger results/ -->", "<!-- end of claims -->"
OWN = re.compile(r"\w+ of this project")  # how the source of our own prediction begins


@dataclass(frozen=True, kw_only=True)
class JudgedResult:
    """The verdicts on a study at one scale, with what the study declares and the command that made its sweep."""

    study: str
    scale: str
    title: str
    papers: Sequence[str]
    mechanism: str
    task: str
    command: str
    verdicts: Sequence[Verdict]


def pages(results: Path, judged: Sequence[JudgedResult]) -> dict[Path, str]:
    """The text of every page of the folder of results, with the generated parts up to date."""
    by_study: dict[str, list[JudgedResult]] = {}
    for each in judged:
        by_study.setdefault(each.study, []).append(each)
    found = {results / "README.md": _filled(results / "README.md", "# Results\n\n## Claims\n", ledger_part(judged))}
    for study, own in by_study.items():
        path = results / study / "README.md"
        found[path] = _filled(path, _new_page(own), study_part(own))
    return found


def ledger_part(judged: Sequence[JudgedResult]) -> str:
    """How many claims hold, in total and by paper, mechanism and task; and one line for each claim, by paper."""
    verdicts = [verdict for each in judged for verdict in each.verdicts]
    own, hold, *_ = _counts([each for each in verdicts if OWN.match(each["source"])])
    lines = [f"{counts_sentence(verdicts)} {own} of the judged ones are predictions of this project: {hold} hold."]
    for kind in ("paper", "mechanism", "task"):
        groups = _grouped(judged, kind)
        rows = [(name, *_counts([verdict for each in group for verdict in each.verdicts])) for name, group in groups]
        lines += ["", *_table((kind, "judged", "hold", "do not hold", "need another scale"), rows)]
    for name, group in _grouped(judged, "paper"):
        claims = [(_study_link(each), *_ledger_cells(verdict)) for each in group for verdict in each.verdicts]
        lines += ["", f"### {name}", "", *_table(("study", "claim", "published", "agrees if", "ours", "holds"), claims)]
    return "\n".join(lines)


def selected(judged: Sequence[JudgedResult], **wanted: str | None) -> list[JudgedResult]:
    """The results with this `paper`, `mechanism` and `task`; None: any. A part of the name of a paper is enough.

    Raises:
        UserError: there is no such result.
    """
    found = list(judged)
    for kind, name in wanted.items():
        found = [each for each in found if name is None or any(name in text for text in _names(each, kind))]
        if not found:
            options = ", ".join(dict.fromkeys(text for each in judged for text in _names(each, kind)))
            raise UserError(f"--{kind}={name}: no result; the results have {options}")
    return found


def study_part(judged: Sequence[JudgedResult]) -> str:
    """For each scale of one study: the command, how many claims hold, and all verdicts."""
    lines = []
    head = ("claim", "source", "published", "agrees if", "ours (interval over seeds)", "seeds", "holds")
    for each in judged:
        lines += [f"### Scale {each.scale}", "", "Made by", "", "```", *each.command.split("; "), "```", ""]
        lines += [counts_sentence(each.verdicts), "", *_table(head, map(claim_cells, each.verdicts)), ""]
    return "\n".join(lines).rstrip()


def insert(page: str, part: str) -> str:
    """The page with the generated part between its markers."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{part}\n{END}{rest.partition(END)[2]}"


def _filled(path: Path, new_page: str, part: str) -> str:
    """The page at the path, or a new one, with the generated part.

    Raises:
        UserError: the page does not have each marker once, in order.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else f"{new_page}\n{BEGIN}\n{END}\n"
    if re.findall(f"{re.escape(BEGIN)}|{re.escape(END)}", page) != [BEGIN, END]:
        raise UserError(f"{path}: must have the lines {BEGIN} and {END}, between which the claims are written")
    return insert(page, part)


def _new_page(judged: Sequence[JudgedResult]) -> str:
    """The beginning of the page of a study that has none: its title and figures, to which its discussion is added."""
    figures = [f"![{each.title}, at scale {each.scale}]({each.scale}/figure.png)\n" for each in judged]
    return "\n".join([f"# {judged[0].study}\n", f"{judged[0].title}.\n", *figures, "## Claims\n"])


def _names(result: JudgedResult, kind: str) -> Sequence[str]:
    """The papers, the mechanism or the task of a study."""
    return {"paper": result.papers, "mechanism": [result.mechanism], "task": [result.task]}[kind]


def _grouped(judged: Sequence[JudgedResult], kind: str) -> list[tuple[str, list[JudgedResult]]]:
    """The results by first paper, mechanism or task, in the order of the years and names."""
    groups: dict[str, list[JudgedResult]] = {}
    for each in judged:
        groups.setdefault(_names(each, kind)[0], []).append(each)
    return sorted(groups.items(), key=lambda group: (re.findall(r"\d{4}", group[0]), group[0]))


def _study_link(result: JudgedResult) -> str:
    return f"[{result.study}]({result.study}/README.md), {result.scale}"


def _ledger_cells(verdict: Verdict) -> tuple[str, ...]:
    claim, _, published, bounds, ours, _, holds = claim_cells(verdict)
    return claim, published, bounds, ours, "not judged" if verdict["holds"] is None else holds


def _counts(verdicts: Sequence[Verdict]) -> tuple[int, int, int, int]:
    """The numbers of claims that are judged, hold, do not hold, and are not judged."""
    hold, fail, not_judged = (sum(each["holds"] is word for each in verdicts) for word in (True, False, None))
    return hold + fail, hold, fail, not_judged


def counts_sentence(verdicts: Sequence[Verdict]) -> str:
    judged, hold, fail, not_judged = _counts(verdicts)
    more = f" {not_judged} more need another scale." if not_judged else ""
    return f"Claims judged: {judged}. {hold} hold, {fail} do not.{more}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    return [markdown_row(*head), "|" + "---|" * len(head), *(markdown_row(*row) for row in rows)]
