"""Clusters of tokens with similar gradients, as text (Michaud et al. 2023, Fig. 1), with similarities and sizes."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from grok.records.files import write_atomically
from grok.reports.run.plots import Plot
from grok.reports.style import GRAY, PALETTE, RC, TRAIN, format_signed, save_figure
from grok.science.quanta.clusters import MIN_BIGRAMS, MIN_COSINE, MIN_SAMPLES

N_DRAWN, N_LINES, LINE = 6, 5, 58  # clusters in the figure, samples of each, characters before the token
N_LISTED = 60  # clusters on the page
VISIBLE = str.maketrans({"\n": "↵", "\t": "→", "\r": None})  # one line per sample
HIGHLIGHT = "#F8C9A0"


@dataclass(frozen=True)
class Cluster:
    """A cluster: its number by coherence, and the texts before each token and of it, the most typical first."""

    number: int
    coherent: bool
    cosine: float
    samples: Sequence[tuple[str, str]]

    @property
    def caption(self) -> str:
        """Number, size and coherence."""
        return f"{self.number}: {len(self.samples)} tokens, mean cosine {self.cosine:.2f}"


def clusters_of(record: xr.Dataset) -> list[Cluster]:
    """The clusters of a run's record, the most coherent first; empty if it has none."""
    if not np.isfinite(record["quanta_coherent"]):
        return []
    numbers = record["quanta_sample_cluster"].values
    contexts = [context_of(row) for row in record["quanta_context"].values]
    tokens = [token_of(row) for row in record["quanta_token"].values]
    found = []
    for number in record["cluster"].values:
        samples = [(contexts[each], tokens[each]) for each in np.flatnonzero(numbers == number)]
        coherent, cosine = (
            record[name].sel(cluster=number).item() for name in ("quanta_is_coherent", "quanta_coherence")
        )
        found.append(Cluster(int(number), bool(coherent), cosine, samples))
    return found


def too_few(record: xr.Dataset) -> str:
    """Why a record has no clusters."""
    settings = json.loads(record.attrs["config"])["measure"]["token_quanta"]
    n, level = int(record["quanta_samples"]), f"a loss below {settings['max_loss']} nats"
    if not n:
        return f"No token has {level}, so there are no clusters."
    needed = max(settings["n_clusters"], *settings["cluster_counts"]) + 1
    return f"Only {n:,} tokens have {level}; {needed:,} are needed for the clusters."


def as_text(clusters: Sequence[Cluster], *, n_lines: int) -> str:
    """The clusters as plain text, the token of each line between ⟦ and ⟧."""
    blocks = []
    for cluster in clusters:
        lines = [f"  …{_visible(before)[-60:]}⟦{_visible(token)}⟧" for before, token in cluster.samples[:n_lines]]
        blocks.append("\n".join([f"Cluster {cluster.caption}", *lines]))
    return "\n\n".join(blocks) + "\n"


class TokenClusters(Plot):
    """The similarity matrix sorted by cluster, cluster sizes by rank, and the most coherent clusters as text.

    It also writes all coherent clusters as a text file.
    """

    title = "Clusters of tokens with similar gradients"
    needs = ("quanta_context", "quanta_token", "quanta_coherence")
    over_steps: ClassVar = False

    def draw(self, record: xr.Dataset, path: Path) -> Path:
        """Draw both panels above the texts."""
        clusters = clusters_of(record)
        with matplotlib.rc_context(RC | {"axes.spines.right": False}):
            if clusters:
                figure = Figure(figsize=(9.6, 7.8), layout="constrained")
                top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.05))
                left, right = top.subplots(1, 2, width_ratios=(1, 1.15))
                _matrix(top, left, record)
                _sizes(right, record)
                draw_texts(bottom, clusters[:N_DRAWN])
                coherent = [each for each in clusters if each.coherent]
                text = as_text(coherent, n_lines=12)
                write_atomically(path.with_suffix(".txt"), lambda part: part.write_text(text, encoding="utf-8"))
            else:
                figure = Figure(figsize=(6, 1))
                figure.text(0.5, 0.5, too_few(record), ha="center", va="center")
            save_figure(figure, path, vector=False)
        return path

    def section(self, record: xr.Dataset) -> str | None:
        """The clusters as text that can be opened, below a summary."""
        clusters = clusters_of(record)
        if not clusters:
            return f"<p>{html.escape(too_few(record))}</p>"
        listed = "".join(_details(each) for each in clusters[:N_LISTED])
        return f"{STYLE}<p>{html.escape(_summary(record))}</p>{listed}"


STYLE = (
    "<style>.cluster p { font: 12px/1.5 monospace; margin: 0 0 .15rem; overflow-wrap: anywhere; }"
    f".cluster mark {{ background: {HIGHLIGHT}; color: #000; }} "
    ".cluster summary span { color: #767676; }</style>"
)


def _summary(record: xr.Dataset) -> str:
    """Counts and controls in two sentences."""
    n = {name: record[f"quanta_{name}"].item() for name in ("coherent", "coherent_null", "coherent_random", "samples")}
    return (
        f"{n['coherent']:.0f} of {record.sizes['cluster']} clusters of {n['samples']:,.0f} tokens are coherent: at "
        f"least {MIN_SAMPLES} tokens and {MIN_BIGRAMS} bigrams, and a mean cosine above {MIN_COSINE} (median over "
        f"k-means seeds). With shuffled similarities: {n['coherent_null']:.0f}; of random tokens: "
        f"{n['coherent_random']:.0f}. The predicted token is marked."
    )


def _details(cluster: Cluster) -> str:
    """A cluster that can be opened: the texts of its samples; closed, its most frequent tokens."""
    tokens, counts = np.unique([_visible(token) for _, token in cluster.samples], return_counts=True)
    frequent = " ".join(html.escape(tokens[each]) for each in np.argsort(-counts, kind="stable")[:6])
    lines = "".join(
        f"<p>…{html.escape(_visible(before))}<mark>{html.escape(_visible(token))}</mark></p>"
        for before, token in cluster.samples
    )
    name = html.escape(f"Cluster {cluster.caption}{'' if cluster.coherent else ' (not coherent)'}")
    return f'<details class="cluster"><summary>{name} <span>{frequent}</span></summary>{lines}</details>'


def _matrix(figure: SubFigure, axes: Axes, record: xr.Dataset) -> None:
    """The similarity matrix."""
    similarity = record["quanta_similarity"].values.astype(float)
    low, high = np.nanpercentile(similarity[~np.eye(len(similarity), dtype=bool)], [1, 99.5])
    mesh = axes.imshow(similarity, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(mesh, ax=axes, label="angular similarity (1/2: orthogonal)", shrink=0.85, extend="both")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{int(record['quanta_samples']):,} tokens, sorted by cluster", fontsize=9)


def _sizes(axes: Axes, record: xr.Dataset) -> None:
    """Cluster sizes by rank, the envelope over numbers of clusters, and that of random clusters."""
    ranks = record["rank"].values
    curves = {
        "quanta_cluster_size": (f"the {record.sizes['cluster']} clusters", PALETTE[2], "-"),
        "quanta_envelope": ("envelope", TRAIN, "-"),
        "quanta_envelope_null": ("envelope of random clusters", "black", ":"),
    }
    for index, (name, (label, color, style)) in enumerate(curves.items()):
        sizes = record[name].values
        axes.plot(ranks[sizes > 0], sizes[sizes > 0], color=color, ls=style, lw=1.4)
        fitted = f"{name}_exponent"
        label += f": rank^{format_signed(record[fitted].item())}" if fitted in record else ""
        axes.annotate(
            label, (1, 0.98 - 0.07 * index), xycoords="axes fraction", ha="right", va="top", color=color, size=8
        )
    axes.axvspan(*record["quanta_fitted_ranks"].values, color=GRAY, alpha=0.12, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="rank", ylabel="cluster size (tokens)")


def draw_texts(figure: SubFigure, clusters: Sequence[Cluster]) -> None:
    """The most typical samples of each cluster, with the predicted token highlighted."""
    for axes, cluster in zip(figure.subplots(-(-len(clusters) // 2), 2, squeeze=False).flat, clusters, strict=False):
        axes.set_axis_off()
        axes.set_title(f"Cluster {cluster.caption}", fontsize=8.5, loc="left")
        for line, (before, token) in enumerate(cluster.samples[:N_LINES]):
            style = {
                "y": 0.9 - line / N_LINES,
                "fontsize": 7,
                "family": "monospace",
                "va": "center",
                "parse_math": False,
            }
            axes.text(0.88, s="…" + _visible(before)[-LINE:], ha="right", **style)
            axes.text(0.89, s=_visible(token), ha="left", bbox={"fc": HIGHLIGHT, "ec": "none", "pad": 1.2}, **style)


def context_of(row: np.ndarray) -> str:
    """The text of UTF-8 bytes, filled up with zeros or all NaN; a character that is cut at either end is left out."""
    return _bytes_of(row).decode(errors="ignore")


def token_of(row: np.ndarray) -> str:
    """The same of a token; the bytes of an incomplete character are escaped, such as \\xc3."""
    return _bytes_of(row).decode(errors="backslashreplace")


def _bytes_of(row: np.ndarray) -> bytes:
    found: bytes = np.nan_to_num(row).astype(np.uint8).tobytes()
    return found.rstrip(b"\0")


def _visible(text: str) -> str:
    """The text in one line, with newlines and tabs as symbols."""
    return text.translate(VISIBLE)
