"""Figure of a family's token losses: their mean versus N, the shares of sharp and smooth tokens, single tokens."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from grok.reports.language.token_family import TokenFamily
from grok.reports.style import GRAY, PALETTE, RC, TEST, TRAIN, format_signed, save_figure, set_plain_ticks
from grok.science.language.token_scaling import TokenScaling, sharpest_tokens, smoothest_tokens
from grok.science.quanta.emergence import CHANCE_LEVELS, CHANCE_NATS, KNOWN_SHARE, UNKNOWN_SHARE

KNOWN, UNKNOWN = KNOWN_SHARE * CHANCE_NATS, UNKNOWN_SHARE * CHANCE_NATS  # 0.3 and 5 nats
PER_KIND = 3  # examples
COLORS = {"sharp": TEST, "smooth": PALETTE[2], "neither": TRAIN}
TEXT_WIDTH, TEXT_LINES = 30, 2  # of the context above a token's curve


@dataclass(frozen=True, kw_only=True)
class TokenCurve:
    """The losses of one token, in nats."""

    token: int
    kind: str  # sharp, smooth or neither
    losses: np.ndarray  # [seed, model]
    context: str  # the text that ends in the token; empty if it is not known


def example_curves(
    family: TokenFamily, scaling: TokenScaling, *, tokens: Sequence[int], contexts: Mapping[int, str]
) -> list[TokenCurve]:
    """The curves of these tokens; of the sharpest and the smoothest three if there are none."""
    if not tokens:
        sharpest = sharpest_tokens(family.mean, scaling.sharp_from >= 0, n=PER_KIND)
        smoothest = smoothest_tokens(family.mean, family.sizes, scaling.smooth, n=PER_KIND)
        tokens = [int(each) for each in (*sharpest, *smoothest)]
    to_nats = CHANCE_NATS / CHANCE_LEVELS[family.unit]
    return [
        TokenCurve(
            token=each,
            kind=_kind(scaling, each),
            losses=np.asarray(family.losses[:, each], float) * to_nats,
            context=contexts.get(each, ""),
        )
        for each in tokens
    ]


def draw_token_scaling(scaling: TokenScaling, curves: Sequence[TokenCurve], path: Path) -> Path:
    """Left, the mean loss and the shares of sharp and smooth tokens; right, the curves of single tokens."""
    rows = -(-len(curves) // PER_KIND)
    with matplotlib.rc_context(RC | {"axes.spines.right": False}):
        figure = Figure(figsize=(9.2, max(3.6, 2.1 * rows)), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1, 2.1), wspace=0.04)
        top, bottom = left.subplots(2, 1, height_ratios=(1.5, 1))
        mean_loss(top, scaling)
        shares(bottom, scaling)
        grid = right.subplots(rows, PER_KIND, sharex=True, sharey=True, squeeze=False)
        for axes, curve in zip(grid.flat, curves, strict=False):
            token_curve(axes, scaling.sizes, curve)
        for axes in grid.flat[len(curves) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("loss (nats)")
        right.supxlabel("parameters N", fontsize=9)
        save_figure(figure, path)
    return path


def mean_loss(axes: Axes, scaling: TokenScaling) -> None:
    """The mean loss versus N, with the power law through all models."""
    sizes, loss = scaling.sizes, scaling.mean_loss
    axes.plot(sizes, loss, "o-", color=TRAIN, ms=3.5, lw=1.4)
    fitted = np.exp(np.log(loss).mean()) * (sizes / np.exp(np.log(sizes).mean())) ** -scaling.exponent
    axes.plot(sizes, fitted, color=GRAY, ls="--", lw=1)
    label = rf"$\propto N^{{{format_signed(-scaling.exponent)}}}$"
    axes.text(0.96, 0.94, label, transform=axes.transAxes, ha="right", va="top", color=GRAY)
    axes.set(xscale="log", yscale="log", xlabel="parameters N", ylabel="mean loss (nats)")
    set_plain_ticks(axes.yaxis)
    if np.ptp(np.log10(loss)) < 0.5:  # too few of 1, 2 and 5
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 6, 8)))
    _size_axis(axes)


def shares(axes: Axes, scaling: TokenScaling) -> None:
    """The shares of sharp and smooth tokens beside those after permutations; a share of 0 is written at the edge."""
    found = {"sharp": scaling.sharp_share, "smooth": scaling.smooth_share}
    null = {"sharp": scaling.null.sharp.mean(), "smooth": scaling.null.smooth.mean()}
    positive = [each for each in (*found.values(), *null.values()) if each > 0]
    low = min(positive, default=1e-3) / 6
    axes.set(xscale="log", xlim=(low, max(positive, default=1e-2) * 8), ylim=(-0.6, 1.6), xlabel="share of tokens")
    for place, (kind, share) in enumerate(reversed(found.items())):
        axes.plot([max(null[kind], low), max(share, low)], [place, place], color=GRAY, lw=0.8)
        for value, fill, word in ((null[kind], "white", "permuted"), (share, COLORS[kind], kind)):
            axes.plot(max(value, low), place, "o", color=COLORS[kind], mfc=fill, ms=6, clip_on=False)
            text = f"{word} {_percent(value)}"
            offset = (0, 7) if word == kind else (0, -7)
            alignment: Any = {"ha": "left" if value <= low else "center", "va": "bottom" if word == kind else "top"}
            axes.annotate(text, (max(value, low), place), offset, textcoords="offset points", fontsize=7.5, **alignment)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def token_curve(axes: Axes, sizes: np.ndarray, curve: TokenCurve) -> None:
    """A token's loss versus N: the mean over seeds, and each seed as a thin line."""
    color = COLORS[curve.kind]
    for level in (KNOWN, UNKNOWN):
        axes.axhline(level, color=GRAY, lw=0.6, ls=":")
    if len(curve.losses) > 1:
        axes.plot(sizes, curve.losses.T, color=color, lw=0.6, alpha=0.6)
    axes.plot(sizes, curve.losses.mean(0), "o-", color=color, ms=3, lw=1.5)
    name = f"token {curve.token:,}: {curve.kind}" if curve.kind != "neither" else f"token {curve.token:,}"
    axes.set_title("\n".join([name, *_context_lines(curve.context)]), fontsize=7.5, loc="left", color="black")
    axes.set(xscale="log", ylim=(0, None))
    _size_axis(axes)


def _size_axis(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_minor_locator(NullLocator())


def _context_lines(context: str) -> list[str]:
    """The end of a context in a few lines, with its newlines visible."""
    if not context:
        return []
    visible = context.replace("\n", "⏎").replace("$", r"\$")
    end = visible if len(visible) <= TEXT_WIDTH * TEXT_LINES else "…" + visible[1 - TEXT_WIDTH * TEXT_LINES :]
    return textwrap.wrap(end, TEXT_WIDTH, drop_whitespace=False)[-TEXT_LINES:]


def _kind(scaling: TokenScaling, token: int) -> str:
    if scaling.sharp_from[token] >= 0:
        return "sharp"
    return "smooth" if scaling.smooth[token] else "neither"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share else "0"
