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
PAPERS = {  # how a claim's source begins, and the paper's name in the ledger
    "Power et al.": "Power et al. 2022",
    "Liu et al. 2022": "Liu et al. 2022 (effective theory)",
    "Liu et al. 2023": "Liu et al. 2023 (Omnigrok)",
    "Omnigrok": "Liu et al. 2023 (Omnigrok)",
    "Nanda et al.": "Nanda et al. 2023",
    "Michaud et al.": "Michaud et al. 2023",
    "Zhong et al.": "Zhong et al. 2023",
}
OURS = "this project (no published value)"


@dataclass(frozen=True, kw_only=True)
class JudgedResult:
    """The verdicts on a study at one scale, with the study's title and the command that made its sweep."""

    study: str
    scale: str
    title: str
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


def paper(source: str) -> str:
    """The paper that a claim's source names at its beginning."""
    if re.match(r"\w+ of this project", source):
        return OURS
    known = (name for start, name in PAPERS.items() if source.startswith(start))
    return next(known, re.split("[,;:]", source)[0])


def ledger_part(judged: Sequence[JudgedResult]) -> str:
    """How many claims hold, in total and by paper, and one line for each claim, ordered by paper."""
    by_paper: dict[str, list[tuple[JudgedResult, Verdict]]] = {name: [] for name in [*PAPERS.values(), OURS]}
    for result in judged:
        for verdict in result.verdicts:
            by_paper.setdefault(paper(verdict["source"]), []).append((result, verdict))
    by_paper = {name: own for name, own in by_paper.items() if own}
    rows = [(name, *_counts([verdict for _, verdict in own])) for name, own in by_paper.items()]
    lines = [
        _counts_sentence([verdict for each in judged for verdict in each.verdicts]),
        "",
        *_table(("paper", "judged", "hold", "do not hold", "need another scale"), rows),
    ]
    for name, own in by_paper.items():
        claims = [(_study_link(result), *_ledger_cells(verdict)) for result, verdict in own]
        lines += ["", f"### {name}", "", *_table(("study", "claim", "published", "ours", "holds"), claims)]
    return "\n".join(lines)


def study_part(judged: Sequence[JudgedResult]) -> str:
    """For each scale of one study: the command, how many claims hold, and all verdicts."""
    lines = []
    head = ("claim", "source", "published", "agrees if", "ours (interval over seeds)", "seeds", "holds")
    for each in judged:
        lines += [f"### Scale {each.scale}", "", "Made by", "", "```", *each.command.split("; "), "```", ""]
        lines += [_counts_sentence(each.verdicts), "", *_table(head, map(claim_cells, each.verdicts)), ""]
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


def _study_link(result: JudgedResult) -> str:
    return f"[{result.study}]({result.study}/README.md), {result.scale}"


def _ledger_cells(verdict: Verdict) -> tuple[str, ...]:
    claim, _, published, _, ours, _, holds = claim_cells(verdict)
    return claim, published, ours, "not judged" if verdict["holds"] is None else holds


def _counts(verdicts: Sequence[Verdict]) -> tuple[int, int, int, int]:
    """The numbers of claims that are judged, hold, do not hold, and are not judged."""
    hold, fail, not_judged = (sum(each["holds"] is word for each in verdicts) for word in (True, False, None))
    return hold + fail, hold, fail, not_judged


def _counts_sentence(verdicts: Sequence[Verdict]) -> str:
    judged, hold, fail, not_judged = _counts(verdicts)
    more = f" {not_judged} more need another scale." if not_judged else ""
    return f"Claims judged: {judged}. {hold} hold, {fail} do not.{more}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    return [markdown_row(*head), "|" + "---|" * len(head), *(markdown_row(*row) for row in rows)]
