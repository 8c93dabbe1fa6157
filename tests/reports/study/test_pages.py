"""The pages of results: their generated parts follow from the kept verdicts."""

import json

import pytest

from grok.checks import UserError
from grok.reports.study.ledger import read_results
from grok.reports.study.pages import BEGIN, END, OURS, JudgedResult, ledger_part, pages, paper, study_part
from tests.conftest import ROOT
from tests.reports.study.conftest import claim


def judged_result(*verdicts, **changes) -> JudgedResult:
    fields = dict(study="norms", scale="laptop", title="Norms", command="python train.py study=norms")
    return JudgedResult(**fields | changes, verdicts=verdicts)


def kept_results() -> list[JudgedResult]:
    """The kept verdicts of all results."""
    found = []
    for folder, dataset in read_results(ROOT / "results"):
        verdicts = json.loads((folder / "verdict.json").read_text())
        fields = {key: str(dataset.attrs[key]) for key in ("study", "scale", "command")}
        found.append(JudgedResult(**fields, title="", verdicts=verdicts))
    return found


def test_the_generated_parts_of_all_pages_are_up_to_date():
    for path, text in pages(ROOT / "results", kept_results()).items():
        assert path.exists() and path.read_text() == text, f"{path}: run python -m grok.reports.study.ledger results/"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("Omnigrok, Fig. 5b", "Liu et al. 2023 (Omnigrok)"),
        ("Liu et al. 2023 (Omnigrok), Sec. 4", "Liu et al. 2023 (Omnigrok)"),
        ("Liu et al. 2022, Fig. 6", "Liu et al. 2022 (effective theory)"),
        ("Michaud et al., Fig. 8", "Michaud et al. 2023"),
        ("prediction of this project from Omnigrok, Fig. 5b", OURS),
        ("Kumar et al. 2024, Fig. 1", "Kumar et al. 2024"),
    ],
)
def test_the_paper_of_a_claim_is_at_the_beginning_of_its_source(source, name):
    assert paper(source) == name


def test_the_ledger_counts_claims_by_paper_and_has_one_line_per_claim(dataset):
    omnigrok = claim(source="Omnigrok, Fig. 5b")
    holds, not_judged = omnigrok.judge(dataset, "laptop"), omnigrok.judge(dataset, "smoke")
    fails = claim(source="Nanda et al. 2023", bound_max=0.5).judge(dataset, "laptop")
    part = ledger_part([judged_result(holds, fails), judged_result(not_judged, scale="smoke")])
    assert part.startswith("Claims judged: 2. 1 hold, 1 do not. 1 more need another scale.\n")
    assert "| Liu et al. 2023 (Omnigrok) | 1 | 1 | 0 | 1 |" in part
    assert "| Nanda et al. 2023 | 1 | 0 | 1 | 0 |" in part
    assert "| [norms](norms/README.md), laptop | c | p | 3 (1 – 5) | yes |" in part
    assert "| [norms](norms/README.md), laptop | c | p | 3 (1 – 5) | **no** |" in part
    assert "| [norms](norms/README.md), smoke | c | p | – | not judged |" in part


def test_a_studys_part_has_the_command_and_escapes_bars(dataset):
    part = study_part([judged_result(claim(source="|P(D)|").judge(dataset, "laptop"))])
    assert "```\npython train.py study=norms\n```" in part
    assert r"| c | \|P(D)\| | p | ≤ 5 | 3 (1 – 5) | 3 | yes |" in part


def test_a_new_study_gets_a_page_and_later_only_its_generated_part_changes(dataset, tmp_path):
    result = judged_result(claim().judge(dataset, "laptop"))
    first = pages(tmp_path, [result])
    path = tmp_path / "norms" / "README.md"
    assert first.keys() == {tmp_path / "README.md", path}
    assert first[path].startswith("# norms\n\nNorms.\n\n![Norms, at scale laptop](laptop/figure.png)\n")
    path.parent.mkdir()
    path.write_text(f"# Norms\n\n{BEGIN}\nold\n{END}\nWhat failed.\n")
    again = pages(tmp_path, [result])[path]
    assert again.startswith(f"# Norms\n\n{BEGIN}\n### Scale laptop") and again.endswith(f"{END}\nWhat failed.\n")


def test_a_page_without_markers_is_a_one_line_error(dataset, tmp_path):
    (tmp_path / "README.md").write_text(f"# Results\n{END}\n{BEGIN}\n")
    with pytest.raises(UserError, match=r"README.md: must have the lines"):
        pages(tmp_path, [judged_result(claim().judge(dataset, "laptop"))])
