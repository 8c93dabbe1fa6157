"""Verdicts on the terminal: at most two lines a claim, as wide as the terminal."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from grok.reports.study.study import Study
from grok.reports.study.verdicts import terminal_lines
from tests.reports.study.conftest import DECLARED, claim

LONG = (
    "The number of learned subtasks rises with D as by the law: the largest difference of exponents over all α is 0.07"
)
CLAIMS = {
    "holds": claim(claim="Networks learn", published="about 3"),
    "fails": claim(
        claim=LONG,
        published="a value that is described in many words, because it was read from a figure",
        bound_max=2.0,
    ),
    "tiny": claim(claim="x", measure=lambda steps, loss: loss[-1] * 1.2345e-5, bound_min=1.23e-5, bound_max=9.87e-4),
    "elsewhere": claim(claim="Wide networks learn faster", scales=["paper"], not_judged_because="too narrow"),
}


def printed(dataset, tmp_path, *, width: int, claims=CLAIMS, figure=lambda dataset, path: path) -> list[str]:
    """The lines that a study prints on a terminal of this width."""
    console = Console(width=width, file=StringIO(), highlight=False, soft_wrap=True, markup=False)
    study = Study(title="Scaling", **DECLARED, scales={}, preset={}, figure=figure, claims=claims)
    study.report(dataset.assign_attrs(scale="laptop"), tmp_path, console)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 160])
def test_a_claim_has_two_lines_that_fit_the_terminal(dataset, tmp_path, width):
    lines = printed(dataset, tmp_path, width=width)[:-2]  # without the two paths
    assert len(lines) == 1 + 2 * len(CLAIMS) + 1
    assert all(cell_len(line) <= width for line in lines)
    assert [line[0] for line in lines[1:-1:2]] == ["✓", "✗", "✓", "–"]
    assert lines[:3] == ["Scaling", "✓ Networks learn", "  ours 3 (1 – 5); published about 3; bounds ≤ 5; 3 seeds"]
    assert lines[-3:] == [
        "– Wide networks learn faster",
        "  not judged: too narrow",
        "2 of 3 judged claims hold; 1 needs another scale",
    ]


def test_a_wider_terminal_shows_more_of_a_claim(dataset, tmp_path):
    narrow, wide = (printed(dataset, tmp_path, width=width) for width in (80, 160))
    assert narrow[3] == "✗ The number of learned subtasks rises with D as by the law: the largest …"
    assert narrow[4] == "  ours 3 (1 – 5); published a value that is described in …; bounds ≤ 2; 3 seeds"
    assert wide[3] == f"✗ {LONG}" and "read from a figure; bounds" in wide[4]


def test_a_published_value_without_room_is_left_out(dataset, tmp_path):
    narrow, wide = (printed(dataset, tmp_path, width=width) for width in (80, 160))
    numbers = "ours 3.7e-05 (1.23e-05 – 6.17e-05)"
    assert narrow[6] == f"  {numbers}; bounds 1.23e-05 – 0.000987; 3 seeds"
    assert wide[6] == f"  {numbers}; published p; bounds 1.23e-05 – 0.000987; 3 seeds"


def test_the_last_line_counts_claims_that_cannot_be_measured(dataset):
    def last(dataset, **claims) -> str:
        return terminal_lines("t", [each.judge(dataset, "laptop") for each in claims.values()], 80)[-1].plain

    assert last(dataset, a=claim()) == "1 of 1 judged claim holds"
    altered = dataset.assign_attrs(altered="steps=3")
    assert last(altered, a=claim(), b=claim()) == "no claim is judged; 2 cannot be measured on this sweep"


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (lambda dataset, path: dataset["tst_loss"], "the sweep has no quantity tst_loss (did you mean test_loss?)"),
        (lambda dataset, path: dataset.sel(width=3), "the sweep is not over width; it is over init_scale, seed"),
        (
            lambda dataset, path: dataset.sel(init_scale=[7]),
            "the sweep lacks a value of init_scale that the figure shows",
        ),
        (
            lambda dataset, path: dataset.transpose("width"),
            "its quantity does not vary over 'width'; the sweep is over",
        ),
        (lambda dataset, path: {}["label"], "the figure's settings lack label"),
    ],
)
def test_a_figure_that_cannot_be_drawn_says_what_is_missing(dataset, tmp_path, figure, words):
    lines = printed(dataset, tmp_path, width=80, figure=figure)
    assert any(line.startswith(f"the study's figure is not drawn: {words}") for line in lines)
