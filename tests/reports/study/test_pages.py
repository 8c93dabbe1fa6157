"""The pages of results: their generated parts follow from the kept verdicts."""

import pytest

from grok.checks import UserError
from grok.reports.study.ledger import judged_results, main
from grok.reports.study.pages import BEGIN, END, JudgedResult, ledger_part, pages, selected, study_part
from tests.conftest import ROOT
from tests.reports.study.conftest import claim


def judged_result(*verdicts, **changes) -> JudgedResult:
    fields = dict(study="norms", scale="laptop", title="Norms", command="python train.py study=norms")
    declared = dict(papers=["Liu et al. 2023"], mechanism="weight norm", task="mnist_grok")
    return JudgedResult(**fields | declared | changes, verdicts=verdicts)


def test_the_generated_parts_of_all_pages_are_up_to_date():
    for path, text in pages(ROOT / "results", judged_results(ROOT / "results")).items():
        assert path.exists() and path.read_text() == text, f"{path}: run python -m grok.reports.study.ledger results/"


def test_the_ledger_counts_claims_by_paper_mechanism_and_task_and_has_one_line_per_claim(dataset):
    ours = claim(source="prediction of this project")
    holds, not_judged = ours.judge(dataset, "laptop"), claim().judge(dataset, "smoke")
    fails = claim(bound_max=0.5).judge(dataset, "laptop")
    circuits = {"papers": ["Nanda et al. 2021", "Liu et al. 2023"], "mechanism": "circuits", "study": "rings"}
    part = ledger_part([judged_result(holds, fails), judged_result(not_judged, holds, scale="smoke", **circuits)])
    assert part.startswith(
        "Claims judged: 3. 2 hold, 1 do not. 1 more need another scale. "
        "2 of the judged ones are predictions of this project: 2 hold.\n"
    )
    assert "| Liu et al. 2023 | 2 | 1 | 1 | 0 |" in part and "| Nanda et al. 2021 | 1 | 1 | 0 | 1 |" in part
    assert "| circuits | 1 | 1 | 0 | 1 |" in part and "| mnist_grok | 3 | 2 | 1 | 1 |" in part
    assert part.index("### Nanda et al. 2021") < part.index("### Liu et al. 2023")  # by year
    assert "| [norms](norms/README.md), laptop | c | p | ≤ 5 | 3 (1 – 5) | yes |" in part
    assert "| [norms](norms/README.md), laptop | c | p | ≤ 0.5 | 3 (1 – 5) | **no** |" in part
    assert "| [rings](rings/README.md), smoke | c | p | ≤ 5 | – | not judged |" in part


def test_results_are_selected_by_paper_mechanism_and_task():
    norms, rings = judged_result(), judged_result(papers=["Nanda et al. 2023", "Liu et al. 2023"], mechanism="circuits")
    assert selected([norms, rings], paper="Liu", mechanism=None, task=None) == [norms, rings]
    assert selected([norms, rings], paper="Liu", mechanism="circuits", task="mnist_grok") == [rings]
    with pytest.raises(UserError, match="--mechanism=quanta: no result; the results have weight norm, circuits"):
        selected([norms, rings], paper=None, mechanism="quanta", task=None)


def test_the_command_prints_the_claims_of_a_mechanism_and_writes_nothing(capsys):
    before = (ROOT / "results" / "README.md").stat().st_mtime_ns
    main([str(ROOT / "results"), "--mechanism", "circuits", "--task", "modular_addition"])
    output = capsys.readouterr().out
    assert (
        "modular_addition, laptop: " in output
        and "quanta" not in output
        and "In all studies: Claims judged: " in output
    )
    assert (ROOT / "results" / "README.md").stat().st_mtime_ns == before


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
