"""Panels on what networks of several sizes learn of classes of tokens, and of single tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from grok.records.per_run import final_values
from grok.reports.language.token_classes import class_losses, class_styles, learning_order
from grok.reports.style import GRAY, PALETTE, TRAIN, format_signed, set_log_ticks
from grok.science.language.token_learning import frequency_and_step, halfway_points, token_shares
from grok.science.language.token_scaling import complete_seeds

BY_CLASS = ("class_loss", "class_unigram_loss", "class_share")
RULE_LABELS = {"smooth": "smooth (polygenic)", "sharp": "sharp (monogenic)"}
KIND_LABELS = {"": "mean of seeds", ", one seed": "one seed", ", permuted": "sizes permuted"}


def classes_over_steps(axes: Axes, dataset: xr.Dataset, *, where: Mapping[str, Any]) -> None:
    """The loss of each class over steps, and of all tokens: means over seeds."""
    class_losses(axes, dataset.sel(where).mean("seed", keep_attrs=True))


def classes_by_size(axes: Axes, dataset: xr.Dataset, *, order_of: Mapping[str, Any]) -> None:
    """The final loss of each class versus the parameters without embeddings: means over seeds, bars from the lowest to
    the highest.

    Colors and line styles are those of the classes over steps in the runs `order_of`.
    """
    n = dataset["n_without_embeddings"].mean("seed").sortby("size").values
    losses = final_values(dataset, "class_loss").transpose("size", "seed", "class")
    names = learning_order(dataset.sel(order_of).mean("seed", keep_attrs=True))
    for name, style in class_styles(names).items():
        values = losses.sel({"class": name}).values
        ends = np.abs(np.stack([values.min(1), values.max(1)]) - values.mean(1))
        axes.errorbar(n, values.mean(1), ends, lw=1.3, elinewidth=0.8, marker="o", ms=2.5, **style)
    axes.plot(n, final_values(dataset, "test_loss").mean("seed"), color="black", lw=2.4)
    axes.set(xscale="log", xlabel="parameters without embeddings", ylabel="final test loss (nats)", ylim=(0, None))
    axes.xaxis.set_minor_formatter(NullFormatter())


def learning_step_versus_share(axes: Axes, dataset: xr.Dataset, *, where: Mapping[str, Any]) -> None:
    """The halfway step of each class versus its share of the test tokens: a dot for each seed.

    Colors are those of the classes over steps. Dots are hollow where these have a broken line.
    """
    chosen, correlations = dataset.sel(where), []
    styles = class_styles(learning_order(chosen.mean("seed", keep_attrs=True)))
    for seed in chosen["seed"].values:
        record = chosen.sel(seed=seed).dropna("step", subset=["test_loss"])
        steps, classes = record["step"].values, record["class"].values.tolist()
        losses, unigram, shares = (record[each].transpose("step", "class").values for each in BY_CLASS)
        correlations.append(frequency_and_step(steps, np.array(classes), losses, unigram, shares))
        for name, share, step in zip(classes, shares[0], halfway_points(steps, losses, unigram), strict=True):
            if name in styles and np.isfinite(step):
                color, is_broken = styles[name]["color"], styles[name]["ls"] != "-"
                axes.loglog(share, step, "o", color=color, mfc="none" if is_broken else color, ms=4.5)
    axes.set(xlabel="share of the test tokens", ylabel="step at which it is halfway")
    axes.set_title(f"Spearman {format_signed(float(np.mean(correlations)))}", fontsize=8.5, color=GRAY, loc="left")
    axes.yaxis.set_minor_formatter(NullFormatter())
    set_log_ticks(axes.yaxis)


def smooth_and_sharp_tokens(axes: Axes, dataset: xr.Dataset) -> None:
    """Percent of single tokens that are smooth and sharp by the published rules.

    Only complete seeds count. Bars are by their mean losses, by those of one seed, and by the losses of each token in
    random order.
    """
    losses = dataset["token_loss"].transpose("size", "token", "seed").values.astype(float)
    shares = token_shares(losses, dataset["n_without_embeddings"].transpose("size", "seed").values)
    complete = losses[-1][:, complete_seeds(losses.transpose(2, 1, 0))]  # of the largest network
    for number, (suffix, kind) in enumerate(KIND_LABELS.items()):
        heights = [100 * shares[f"{rule}{suffix}"] for rule in RULE_LABELS]
        places = np.arange(len(RULE_LABELS)) + 0.27 * (number - 1)
        axes.bar(places, heights, 0.25, color=(TRAIN, PALETTE[5], GRAY)[number], label=kind)
        for place, height in zip(places, heights, strict=True):
            axes.annotate(
                f"{height:.3g}", (place, height), (0, 2), textcoords="offset points", ha="center", fontsize=7.5
            )
    axes.set_xticks(range(len(RULE_LABELS)), RULE_LABELS.values())
    axes.set_ylabel(f"percent of {losses.shape[1]:,} tokens")
    axes.legend(fontsize=7.5, frameon=False)
    noise = f"std of a token's loss over seeds: {complete.std(1, ddof=1).mean():.2g} nats (largest network)"
    axes.set_title(noise, fontsize=7.5, color=GRAY, loc="left")
