"""The embedding over training: every token's position (Liu et al. 2022, Fig. 1 and 4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from grok.reports.run.plots import Plot
from grok.reports.style import RC, SEQUENTIAL, save_figure, spread_heights
from grok.reports.template import fill_template, script_json
from grok.science.effective_theory.effective_loss import effective_flow, equation_gram
from grok.science.effective_theory.parallelograms import equations, parallelograms
from grok.science.effective_theory.representation_quality import standardized
from grok.science.effective_theory.toy_operations import toy_table

N_MOMENTS = 4  # panels of a two-dimensional embedding
MAX_FRAMES = 60  # evaluation steps of the slider
N_LABELED = 12  # labeled tokens at most, evenly spaced


class EmbeddingPaths(Plot):
    """One dimension: a curve per token and, for addition, the flow of the effective theory. Two: four scatter plots.

    The page has a slider over evaluation steps.
    """

    title = "The embedding over training"
    needs = ("embedding",)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the positions of the tokens, with colors in the order of the tokens."""
        is_line = record.sizes["dimension"] == 1
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.4, 3.4) if is_line else (2.0 * N_MOMENTS, 2.3), layout="constrained")
            if is_line:
                _paths(figure.add_subplot(), record)
            else:
                for axes, step in zip(figure.subplots(1, N_MOMENTS), _moments(record), strict=True):
                    _plane(axes, record, step)
            save_figure(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str:
        """The tokens with a slider over evaluation steps."""
        positions = record["embedding"].transpose("step", "token", "dimension").values.astype(float)
        finite = np.flatnonzero(np.isfinite(positions).all((1, 2)))
        frames = finite[np.unique(np.linspace(0, finite.size - 1, min(finite.size, MAX_FRAMES)).round().astype(int))]
        if positions.shape[2] == 1:
            positions = np.concatenate([positions, 0 * positions], 2)
        content: dict[str, Any] = {
            "steps": record["step"].values[frames].tolist(),
            "positions": np.round(positions[frames], 4).tolist(),
            "colors": [to_hex(color) for color in _token_colors(positions.shape[1])],
        }
        return fill_template("effective_theory/embedding_paths", content=script_json(content))


def _token_colors(n: int) -> np.ndarray:
    """Colors of n tokens in their order, dark to light; all are visible on white."""
    return np.asarray(SEQUENTIAL(np.linspace(0, 1, n)))


def _labeled_tokens(n: int) -> range:
    return range(0, n, -(-n // N_LABELED))


def _paths(axes: Axes, record: xr.Dataset) -> None:
    """Draw a curve per token, labeled at its end, and the theory's flow as dashed curves."""
    after_start = record["step"].values > 0
    shown = record.isel(step=after_start)
    positions = shown["embedding"].isel(dimension=0).transpose("step", "token").values
    for path, color in zip(positions.T, _token_colors(positions.shape[1]), strict=True):
        axes.plot(shown["step"], path, color=color, lw=1.3)
    _label_tokens(axes, positions[-1])
    if "effective_loss" in record:  # the task is addition
        axes.set_ylim(axes.get_ylim())
        for path, color in zip(theory_flow(record)[after_start].T, _token_colors(positions.shape[1]), strict=True):
            axes.plot(shown["step"], path, color=color, lw=0.9, ls=(0, (4, 2)))
        axes.set_title("dashed: flow of the effective theory, with the network's mean and std", fontsize=8)
    axes.set(xscale="log", xlim=(1, max(2, int(record["step"][-1]))), xlabel="optimizer step", ylabel="embedding")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_locator(NullLocator())


def _label_tokens(axes: Axes, final: np.ndarray) -> None:
    """Label the tokens to the right of the axes at their final positions, apart from each other; none if not finite."""
    colors, finite = _token_colors(len(final)), np.isfinite(final).all()
    tokens = sorted(_labeled_tokens(len(final)), key=lambda token: float(final[token])) if finite else []
    gap = np.ptp(axes.get_ylim()) / 24  # the height of a label
    for token, height in zip(tokens, spread_heights([float(final[token]) for token in tokens], gap=gap), strict=True):
        at: dict[str, Any] = {"xy": (1.01, height), "xycoords": ("axes fraction", "data"), "annotation_clip": False}
        axes.annotate(str(token), **at, va="center", fontsize=8, color=colors[token])


def theory_flow(record: xr.Dataset) -> np.ndarray:
    """Positions [step, token] of the initial embedding under the gradient flow of the effective loss of all of P₀.

    This is the reference's Figure 4. The theory predicts no mean and no standard deviation: both are the network's, at
    each evaluation step.
    """
    embedding = torch.from_numpy(record["embedding"].transpose("step", "token", "dimension").values).double()
    n_tokens = embedding.shape[1]
    pairs, results = toy_table("add", n_tokens)
    quadruples = parallelograms(results)
    matrix = equation_gram(equations(pairs, quadruples, n_tokens), torch.ones(len(quadruples), dtype=torch.bool))
    config = json.loads(record.attrs["config"])
    learning_rate = float(config["optimizer"]["param_groups"]["embeddings"]["lr"])
    flow = [standardized(embedding[0])]
    for steps in np.diff(record["step"].values):
        flow.append(effective_flow(flow[-1], matrix, step_size=learning_rate, steps=int(steps)))
    positions = embedding.mean(1, keepdim=True) + embedding.std(1, keepdim=True) * torch.stack(flow)
    return np.asarray(positions[..., 0].numpy())


def _moments(record: xr.Dataset) -> list[int]:
    """The first evaluation step, and those closest to 1 %, 10 % and 100 % of the last."""
    steps = record["step"].values
    targets = np.geomspace(max(1, steps[-1] / 100), max(1, steps[-1]), N_MOMENTS - 1)
    return [int(steps[0]), *[int(steps[np.abs(steps - target).argmin()]) for target in targets]]


def _plane(axes: Axes, record: xr.Dataset, step: int) -> None:
    """Draw the tokens at their positions in the plane, if these are finite."""
    positions = record["embedding"].sel(step=step).transpose("token", "dimension").values.astype(float)
    axes.set_title(f"step {step:,}", fontsize=8)
    axes.set(xticks=[], yticks=[], aspect="equal")
    if not np.isfinite(positions).all():
        return
    axes.plot(*positions.T, color="#d0d0d0", lw=0.7, zorder=0)
    axes.scatter(*positions.T, c=_token_colors(len(positions)), s=22, linewidths=0)
    for token in _labeled_tokens(len(positions)):
        axes.annotate(str(token), positions[token], xytext=(3, 3), textcoords="offset points", fontsize=7)
    middle, limit = positions.mean(0), 0.65 * max(float(np.ptp(positions, 0).max()), 1e-6)
    axes.set(xlim=(middle[0] - limit, middle[0] + limit), ylim=(middle[1] - limit, middle[1] + limit))
