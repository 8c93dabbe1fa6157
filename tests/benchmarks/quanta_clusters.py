"""Time of the clustering in quanta discovery, and how well it recovers a known power law of cluster sizes.

    python -m tests.benchmarks.quanta_clusters [--largest 1000] [--zipf-exponent 1.4] [--scale paper] [--all-starts]

The data are the paper's own model of its envelope's bias (Michaud et al. 2023, App.): 1,000 subtasks, the i-th with
⌊largest / i^exponent⌋ points around a center in 1,000 dimensions, with σ = 2. An exponent of 0 makes all subtasks
equally large. Cluster counts, k-means initializations and fitted ranks are those of the study at that scale.

`--all-starts` also clusters twice with n_init initializations at all counts. It shows how well the clusters of fewer
initializations agree with those, and those with one another.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from grok.science.quanta import discovery as qdg
from grok.science.quanta.gradient_gram import gram
from tests.conftest import composed

Clusterings = Mapping[int, np.ndarray]  # by the number of clusters


def exponent(clusterings: Clusterings, fit_range: Mapping[str, int]) -> float:
    """The exponent of the clusterings' envelope."""
    return qdg.envelope_exponent(qdg.envelope([*clusterings.values()]), **fit_range)


def toy_similarity(largest: int, zipf_exponent: float) -> tuple[np.ndarray, np.ndarray]:
    """The similarities of the model's points, and the subtask of each point."""
    model: dict[str, Any] = {
        "n_subtasks": 1000,
        "n_dimensions": 1000,
        "sigma": 2.0,
        "generator": torch.Generator().manual_seed(0),
    }
    points, subtasks = qdg.toy_clusters(largest=largest, zipf_exponent=zipf_exponent, **model)
    return qdg.angular_similarity(gram(points.double())).numpy(), subtasks.numpy()


def timed_clusterings(similarity: np.ndarray, settings: Mapping[str, Any]) -> tuple[Clusterings, dict[str, str]]:
    """The clusterings, and table rows with their cost."""
    start, processor_start = time.perf_counter(), time.process_time()
    clusterings = qdg.spectral_clusterings(similarity, **settings, seed=0)
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    return clusterings, {
        "seconds": f"{seconds:.0f}",
        "seconds of processor time": f"{processor_seconds:.0f}",
        "peak memory of this process, GB": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}",
    }


def quality(
    clusterings: Clusterings, truth: np.ndarray, fit_range: Mapping[str, int], zipf_exponent: float
) -> dict[str, str]:
    """Table rows with the agreement with the true subtasks, and with exponents."""
    null = qdg.random_clusterings(len(truth), [*clusterings], torch.Generator().manual_seed(0))
    best = max(clusterings, key=lambda count: qdg.agreement(clusterings[count], truth))
    ranks = f"ranks {fit_range['from_rank']} – {fit_range['to_rank']}"
    agreement = qdg.agreement(clusterings[best], truth)
    return {
        "maximum adjusted Rand index with the truth": f"{agreement:.2f}, at {best:,} clusters",
        f"exponent of the envelope, {ranks}": f"{exponent(clusterings, fit_range):.3f}",
        "… of random clusters": f"{exponent(dict(enumerate(null)), fit_range):.3f}",
        "… of the subtasks": f"{-zipf_exponent:.3f}",
    }


def versus_all_starts(
    clusterings: Clusterings, similarity: np.ndarray, settings: Mapping[str, Any], fit_range: Mapping[str, int]
) -> dict[str, str]:
    """Table rows that compare with two clusterings that use n_init initializations at all counts."""
    all_starts = {**settings, "full_n_init_up_to": settings["counts"][-1]}
    full, other = (qdg.spectral_clusterings(similarity, **all_starts, seed=seed) for seed in (1, 2))
    beyond = [count for count in settings["counts"] if count > settings["full_n_init_up_to"]]
    rows = {}
    for name, compared in (("ours and all initializations", clusterings), ("two of all initializations", other)):
        indices = [qdg.agreement(compared[count], full[count]) for count in beyond]
        rows[f"adjusted Rand index of {name}, median over counts"] = f"{np.median(indices):.3f}"
    exponents = f"{exponent(full, fit_range):.3f}, {exponent(other, fit_range):.3f}"
    return rows | {"exponent of the envelope, all initializations": exponents}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=1000)
    parser.add_argument("--zipf-exponent", type=float, default=1.4)
    parser.add_argument("--scale", choices=["laptop", "paper"], default="paper")
    parser.add_argument("--all-starts", action="store_true")
    options = parser.parse_args()
    study: dict[str, Any] = composed("study=quanta_discovery", f"scale={options.scale}")["measure"]["quanta_discovery"]
    fit_range = {name: study[name] for name in ("from_rank", "to_rank")}
    settings = {"counts": study["cluster_counts"], **{name: study[name] for name in ("n_init", "full_n_init_up_to")}}
    similarity, truth = toy_similarity(options.largest, options.zipf_exponent)
    clusterings, rows = timed_clusterings(similarity, settings)
    rows |= quality(clusterings, truth, fit_range, options.zipf_exponent)
    if options.all_starts:
        rows |= versus_all_starts(clusterings, similarity, settings, fit_range)
    counts = f"{len(settings['counts'])} counts to {settings['counts'][-1]:,}"
    title = f"{len(truth):,} points of {len(np.unique(truth)):,} subtasks, {counts}, {torch.get_num_threads()} threads"
    table = Table("", "", title=title, show_header=False)
    for row in rows.items():
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
