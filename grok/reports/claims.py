"""Claims held against records: `python -m grok.reports.claims results/` writes the verdicts and the README's table.

A folder of results has a `claims.yaml` that declares its claims, and the records they are measured on. Each claim says
how it is measured, what was published, and which values of ours count as agreement, with the reason; a claim that fails
is shown as failing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hydra.utils import instantiate

from grok.records.files import write_json, write_text
from grok.records.load import load
from grok.science.intervals import mean_interval

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- claims: written by python -m grok.reports.claims results/ -->", "<!-- end of claims -->"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence, what was published, and how ours is measured."""

    claim: str
    source: str
    published: str
    at_least: float | None  # the values of ours that agree with the published one …
    at_most: float | None
    because: str  # … and why these
    runs: str  # a glob for the records it is measured on, one a seed
    quantity: str  # the variable of their records
    measure: Callable[[np.ndarray, np.ndarray], float]  # of steps and values

    def judge(self, folder: Path) -> dict[str, Any]:
        """The verdict on the records under the folder: our mean over seeds, its interval, and whether it agrees."""
        if not any(folder.glob(self.runs)):
            raise ValueError(f"{folder / self.runs}: no record to judge the claim on")
        records = [load(path) for path in sorted(folder.glob(self.runs))]
        values = np.array([self.measure(each["step"].values, each[self.quantity].values) for each in records])
        low, high = mean_interval(values)
        measured = float(values.mean())
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        return {
            "claim": self.claim,
            "source": self.source,
            "published": self.published,
            "measured": _json_number(measured),
            "low": _json_number(low),
            "high": _json_number(high),
            "n": len(values),
            "holds": math.isfinite(measured) and least <= measured <= most,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "because": self.because,
        }


def verdicts(folder: Path) -> list[dict[str, Any]]:
    """The verdicts on all claims that a folder of results declares."""
    declared = yaml.safe_load((folder / "claims.yaml").read_text(encoding="utf-8"))["claims"]
    return [Claim(**instantiate(each, _convert_="all")).judge(folder) for each in declared]


def readme_table(judged: Sequence[dict[str, Any]]) -> str:
    """The verdicts as a table in Markdown."""
    lines = ["| claim | source | published | ours (95 % interval) | seeds | holds |", "|---|---|---|---|---|---|"]
    for each in judged:
        ours = f"{_number(each['measured'])} ({_number(each['low'])} – {_number(each['high'])})"
        holds = "yes" if each["holds"] else "**no**"
        cells = (each["claim"], each["source"], each["published"], ours, str(each["n"]), holds)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(readme: str, table: str) -> str:
    """The README with the table between its markers."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main(results: Path) -> None:
    """Judge every folder of results, write its `verdict.json`, and put the table in the README."""
    judged = []
    for folder in sorted(path.parent for path in results.glob("*/claims.yaml")):
        found = verdicts(folder)
        write_json(folder / "verdict.json", found)
        judged += found
    table = readme_table(judged)
    write_text(README, with_table(README.read_text(encoding="utf-8"), table))
    print(table)


def _number(value: float | None) -> str:
    """Steps as whole numbers, the rest with three digits."""
    if value is None:
        return "never"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
