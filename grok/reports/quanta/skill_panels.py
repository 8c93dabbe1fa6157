"""Panels of the strength of skills, measured and predicted from the most frequent skill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from grok.records.per_run import per_run
from grok.reports.style import GRAY, PALETTE, set_plain_ticks
from grok.science.quanta.quantization_model import zipf_frequencies


def skill_strengths(
    axes: Axes,
    dataset: xr.Dataset,
    *,
    key: str,
    label: str,
    alpha: float,
    predicted: Callable[..., np.ndarray],
    where: Mapping[str, Any],
    log_scale: bool = True,
) -> None:
    """The strength of each skill versus a key, or `step`: dots or thin lines for seeds, and predictions as dashes.

    `predicted` is a function of `grok.science.quanta.skill_curves`, applied to the first skill's mean over seeds.
    """
    strength = per_run(dataset.sel(where), "skill_strength", over_steps=key == "step").transpose(key, "seed", "subtask")
    x, measured = strength[key].values.astype(float), strength.values
    if log_scale:
        measured, x = measured[x > 0], x[x > 0]
    order = np.argsort(x)
    x, measured = x[order], measured[order]
    at = np.geomspace(x[0], x[-1], 300) if log_scale else np.linspace(x[0], x[-1], 300)
    frequencies = zipf_frequencies(measured.shape[2], alpha=alpha)
    laws = predicted(x, measured[:, :, 0].mean(1), frequencies, at=at)
    style: Any = {"lw": 0.9, "alpha": 0.8} if key == "step" else {"ls": "none", "marker": "o", "ms": 4, "mew": 0}
    for number, color in zip(range(frequencies.size), PALETTE, strict=False):
        axes.plot(x, measured[:, :, number], color=color, **style)
        axes.plot(at, laws[:, number], color=color, lw=1.6, ls="--")
        axes.plot([], [], color=color, lw=2, label=f"skill {number + 1}")
    axes.axhline(1, color=GRAY, lw=0.7, ls=":")
    axes.set(xlabel=label, ylabel="strength R / S", ylim=(-0.1, 1.25), xscale="log" if log_scale else "linear")
    if log_scale:
        set_plain_ticks(axes.xaxis, (1, 2, 5) if x[-1] < 300 * x[0] else (1, 3))  # more would overlap
    else:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 10k: five digits would overlap
    axes.plot([], [], color=GRAY, **style, label="measured")
    axes.plot([], [], color=GRAY, lw=1.6, ls="--", label="predicted")
    axes.legend(fontsize=7, frameon=False, ncols=4, loc="upper left", columnspacing=1.0, handlelength=1.8)
