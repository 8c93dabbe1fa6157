"""Ticks and label positions that figures share."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from grok.reports.style import set_log_ticks, spread_heights


@pytest.mark.parametrize(
    ("low", "high", "plain"), [(0.7, 1.1, True), (0.2, 0.9, True), (0.002, 0.018, True), (1e-3, 1, False)]
)
def test_a_loss_within_a_decade_has_at_least_two_plain_tick_labels(low, high, plain):
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2], [low, high])
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    set_log_ticks(axes.yaxis)
    FigureCanvasAgg(figure).draw()
    shown = [label.get_text() for label in axes.yaxis.get_ticklabels() if low <= label.get_position()[1] <= high]
    assert (len(shown) >= 2 and not axes.yaxis.get_minorticklabels()) or not plain
    assert all(text.replace(".", "").isdigit() for text in shown) == plain


def test_spread_heights_are_at_least_a_gap_apart_and_move_only_if_they_must():
    assert list(spread_heights([0, 0, 0.5, 3], gap=1)) == [0, 1, 2, 3]
