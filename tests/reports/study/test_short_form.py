"""Functions and dataclasses of a study's YAML, by their short names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from grok.checks import UserError
from grok.reports.panels import versus
from grok.reports.panels.grid import draw as draw_grid
from grok.reports.quanta.scaling import ScalingFit
from grok.reports.study.short_form import function
from grok.science.landscape.reduced_landscape import prediction_error
from grok.science.quanta.deviations import loss_exponent_minus_law, max_over_alpha
from grok.science.statistics.curves import final, first_below, lag


@dataclass(frozen=True, kw_only=True)
class Point:
    x: float
    measure: Callable[..., float] | None = None


def use(*, points: Sequence[Point], by_name: Mapping[str, Callable[..., float]]) -> None:
    """A function with dataclasses in a list and functions in a mapping."""


HERE = f"{__name__}.use"


@pytest.mark.parametrize(
    ("short", "expected", "keywords"),
    [
        ("final", final, {}),
        ({"final": None}, final, {}),
        ({"first_below": 0.1}, first_below, {"level": 0.1}),
        ({"first_below": {"level": 0.1}}, first_below, {"level": 0.1}),
        ({"lag": {"level": 1, "later_level": 2}}, lag, {"level": 1, "later_level": 2}),
        ("grid", draw_grid, {}),
        ("landscape.reduced_landscape.prediction_error", prediction_error, {}),
        ("grok.science.landscape.reduced_landscape.prediction_error", prediction_error, {}),
    ],
)
def test_a_function_is_found_by_its_short_name(short, expected, keywords):
    found = function("f", short)
    assert (found.func, found.keywords) == (expected, keywords) if keywords else found is expected


def test_arguments_that_are_functions_or_dataclasses_are_made():
    deviation = {"quanta.deviations.loss_exponent_minus_law": {"law": "data"}}
    found = function("f", {"quanta.deviations.max_over_alpha": {"deviation": deviation}})
    assert found.func is max_over_alpha and found.keywords["deviation"].func is loss_exponent_minus_law
    scaling = {"key": "step", "label": "s", "law": "steps", "fit": {"from_x": 1}, "reduce": "final"}
    panel = function("f", {"quanta.loss_panels.subtask_losses": {"scaling": scaling, "where": {}}})
    fit = ScalingFit(key="step", label="s", law="steps", fit={"from_x": 1}, reduce=final)
    assert panel.keywords["scaling"] == fit
    line = {"quantity": "delay", "law": {"exponent": -1, "from_x": 1, "to_x": 2}}
    lines = function("f", {"versus": {"lines": [line]}}).keywords["lines"]
    assert lines == [versus.Line(quantity="delay", law=versus.Law(exponent=-1, from_x=1, to_x=2))]
    grid = function("f", {"grid": {"rows": [["quanta.loss_panels.mean_loss"], [{"first_below": 1}]], "size": [1, 2]}})
    assert isinstance(grid.keywords["rows"][1][0], partial) and grid.keywords["size"] == [1, 2]
    points = [{"x": 1}, {"x": 2, "measure": "final"}, {"x": 3, "measure": None}]
    used = function("f", {HERE: {"points": points, "by_name": {"a": {"first_below": 3}}}}).keywords
    assert used["points"] == [Point(x=1), Point(x=2, measure=final), Point(x=3)]
    assert used["by_name"]["a"].keywords == {"level": 3}


@pytest.mark.parametrize(
    ("short", "message"),
    [
        ("first_belw", r"^f: no function first_belw \(did you mean first_below\?\)"),
        (3, r"^f=3: must be a function's name, or \{name: arguments\}"),
        ({"final": None, "lag": None}, "must be a function's name"),
        ("quanta.deviations.max_over", "^f: no function quanta.deviations.max_over; it is searched in grok.science"),
        ("quanta.nothing.at_all", "^f: no function quanta.nothing.at_all"),
        ({"final": 3}, "^f.final=3: final takes no arguments by name"),
        ({"lag": 3}, r"^f.lag=3: lag takes level, later_level; give them as \{name: value\}"),
        ({"versus": {"x": {"lable": "s"}}}, r"^f.versus.x: no key lable \(did you mean label\?\)"),
        ({"versus": {"lines": [{"reduce": "final"}]}}, "^f.versus.lines.0: needs quantity"),
        ({"versus": {"lines": [{"quantity": "a", "reduce": "finl"}]}}, "^f.versus.lines.0.reduce: no function finl"),
        ({"versus": {"x": "step"}}, "^f.versus.x=step: must have the keys label, scale"),
    ],
)
def test_a_mistake_in_a_short_form_is_named(short, message):
    with pytest.raises(UserError, match=message):
        function("f", short)


def test_a_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "figures_of_mine.py").write_text("import nothing_like_this\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"f: figures_of_mine.draw cannot be imported .*nothing_like_this"):
        function("f", "figures_of_mine.draw")
