"""The embedding on its way to a structure: every token's place over training (Liu et al. 2022, Fig. 1 and 4)."""

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

from grok.reports.by_rank import COLOURS
from grok.reports.figure import RC, save
from grok.reports.template import filled, script_json
from grok.science.effective_theory import effective_flow, gram
from grok.science.parallelograms import equations, parallelograms
from grok.science.representation_quality import standardized
from grok.science.toy_operations import toy_table

MOMENTS = 4  # looks that are drawn of an embedding in a plane
MOST_FRAMES = 60  # looks that the slider has
LABELLED = 12  # tokens that are named, evenly


class EmbeddingPaths:
    """On a line: a curve for each token, and for sums where the effective theory has it go. In a plane: the tokens at
    four moments. On the page: at any look."""

    title = "The embedding over training"
    needs = ("embedding",)

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw the places of the tokens, coloured by their order."""
        on_a_line = record.sizes["dimension"] == 1
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            figure = Figure(figsize=(5.4, 3.4) if on_a_line else (2.0 * MOMENTS, 2.3), layout="constrained")
            if on_a_line:
                _paths(figure.add_subplot(), record)
            else:
                for axes, step in zip(figure.subplots(1, MOMENTS), _moments(record), strict=True):
                    _plane(axes, record, step)
            save(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str:
        """The tokens with a slider over the looks."""
        places = record["embedding"].transpose("step", "token", "dimension").values.astype(float)
        finite = np.flatnonzero(np.isfinite(places).all((1, 2)))
        looks = finite[np.unique(np.linspace(0, finite.size - 1, min(finite.size, MOST_FRAMES)).round().astype(int))]
        if places.shape[2] == 1:
            places = np.concatenate([places, 0 * places], 2)
        content: dict[str, Any] = {
            "steps": record["step"].values[looks].tolist(),
            "places": np.round(places[looks], 4).tolist(),
            "colours": [to_hex(colour) for colour in _colours(places.shape[1])],
        }
        return filled("embedding_paths", content=script_json(content))


def _colours(n: int) -> np.ndarray:
    """Of tokens in their order, dark to light; all are seen on white paper."""
    return np.asarray(COLOURS(np.linspace(0, 1, n)))


def _named(n: int) -> range:
    return range(0, n, -(-n // LABELLED))


def _paths(axes: Axes, record: xr.Dataset) -> None:
    """A curve for each token, named at its end, and a dashed one of the theory's flow."""
    after = record["step"].values > 0
    shown = record.isel(step=after)
    places = shown["embedding"].isel(dimension=0).transpose("step", "token").values
    for token, colour in enumerate(_colours(places.shape[1])):
        axes.plot(shown["step"], places[:, token], color=colour, lw=1.3)
        if token in _named(places.shape[1]):
            beside: Any = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": 8}
            axes.annotate(str(token), (float(shown["step"][-1]), places[-1, token]), **beside, color=colour)
    if "effective_loss" in record:  # of sums alone
        axes.set_ylim(axes.get_ylim())
        for places_of, colour in zip(flow_of(record)[after].T, _colours(places.shape[1]), strict=True):
            axes.plot(shown["step"], places_of, color=colour, lw=0.9, ls=(0, (4, 2)))
        axes.set_title("dashed: the flow of the effective theory, with the network's mean and spread", fontsize=8)
    axes.set(xscale="log", xlim=(1, max(2, int(record["step"][-1]))), xlabel="optimiser step", ylabel="embedding")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_locator(NullLocator())


def flow_of(record: xr.Dataset) -> np.ndarray:
    """The places [look, token] to which the embedding of the first look flows down the effective loss of all of P₀, as
    in the reference's Figure 4. The theory knows no mean and no spread: they are the network's own at each look."""
    own = torch.from_numpy(record["embedding"].transpose("step", "token", "dimension").values).double()
    pairs, results = toy_table("add", own.shape[1])
    quadruples = parallelograms(results)
    matrix = gram(equations(pairs, quadruples, own.shape[1]), torch.ones(len(quadruples), dtype=torch.bool))
    rate = float(json.loads(record.attrs["config"])["optimizer"]["parts"]["embeddings"]["lr"])
    flown = [standardized(own[0])]
    for steps in np.diff(record["step"].values):
        flown.append(effective_flow(flown[-1], matrix, step_size=rate, steps=int(steps)))
    found = own.mean(1, keepdim=True) + own.std(1, keepdim=True) * torch.stack(flown)
    return np.asarray(found[..., 0].numpy())


def _moments(record: xr.Dataset) -> list[int]:
    """The first look, the last, and those that are as far apart on a log axis."""
    steps = record["step"].values
    between = np.geomspace(max(1, steps[-1] / 100), max(1, steps[-1]), MOMENTS - 1)
    return [int(steps[0]), *[int(steps[np.abs(steps - each).argmin()]) for each in between]]


def _plane(axes: Axes, record: xr.Dataset, step: int) -> None:
    """The tokens at their places in the plane, if these are finite."""
    places = record["embedding"].sel(step=step).transpose("token", "dimension").values.astype(float)
    axes.set_title(f"step {step:,}", fontsize=8)
    axes.set(xticks=[], yticks=[], aspect="equal")
    if not np.isfinite(places).all():
        return
    axes.plot(*places.T, color="#d0d0d0", lw=0.7, zorder=0)
    axes.scatter(*places.T, c=_colours(len(places)), s=22, linewidths=0)
    for token in _named(len(places)):
        axes.annotate(str(token), places[token], xytext=(3, 3), textcoords="offset points", fontsize=7)
    middle, reach = places.mean(0), 0.65 * max(float(np.ptp(places, 0).max()), 1e-6)
    axes.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
