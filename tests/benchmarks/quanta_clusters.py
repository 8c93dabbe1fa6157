"""How long the clusters of quanta discovery take, and how their sizes fall with rank where the true sizes are known.

    python -m tests.benchmarks.quanta_clusters [--largest 1000] [--zipf-exponent 1.4] [--scale paper] [--all-starts]

On the paper's own model of the bias of its envelope (Michaud et al. 2023, App.): 1,000 subtasks, of the i-th
⌊largest / i^exponent⌋ points with σ = 2 around a centre in 1,000 dimensions. Counts, starts of k-means and ranks of the
fit are the study's at that scale. An exponent of 0 has all subtasks equally large. `--all-starts` clusters with n_init
starts at all counts as well, twice: how far the clusters of fewer starts agree with those, and those with one another.
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

from grok.science import quanta_discovery as qdg
from grok.science.gradient_gram import gram
from tests.conftest import composed


def exponent(clusterings: Mapping[int, np.ndarray], ranks: Mapping[str, int]) -> float:
    """That of the envelope of clusterings."""
    return qdg.envelope_exponent(qdg.envelope([*clusterings.values()]), **ranks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=1000)
    parser.add_argument("--zipf-exponent", type=float, default=1.4)
    parser.add_argument("--scale", choices=["laptop", "paper"], default="paper")
    parser.add_argument("--all-starts", action="store_true")
    given = parser.parse_args()
    study: dict[str, Any] = composed("study=quanta_discovery", f"scale={given.scale}")["measure"]["quanta_discovery"]
    ranks = {name: study[name] for name in ("from_rank", "to_rank")}
    how = {name: study[name] for name in ("counts", "n_init", "all_starts_to")}
    model: dict[str, Any] = {
        "n_subtasks": 1000,
        "n_dimensions": 1000,
        "sigma": 2.0,
        "generator": torch.Generator().manual_seed(0),
    }
    points, subtasks = qdg.toy_clusters(largest=given.largest, zipf_exponent=given.zipf_exponent, **model)
    n, truth = len(points), subtasks.numpy()
    similarity = qdg.angular_similarity(gram(points.double())).numpy()
    begun = time.perf_counter(), time.process_time()
    found = qdg.spectral_clusterings(similarity, **how, seed=0)
    taken = time.perf_counter() - begun[0], time.process_time() - begun[1]
    null = qdg.random_clusterings(n, how["counts"], torch.Generator().manual_seed(0))
    best = max(found, key=lambda count: qdg.agreement(found[count], truth))
    rows = {
        "seconds": f"{taken[0]:.0f}",
        "seconds of processor time": f"{taken[1]:.0f}",
        "peak memory of this process, GB": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}",
        "adjusted Rand index with the truth, at best": f"{qdg.agreement(found[best], truth):.2f}, of {best:,} clusters",
        f"exponent of the envelope, ranks {study['from_rank']} – {study['to_rank']}": f"{exponent(found, ranks):.3f}",
        "… of clusters drawn at random": f"{exponent(dict(enumerate(null)), ranks):.3f}",
        "… of the subtasks": f"{-given.zipf_exponent:.3f}",
    }
    if given.all_starts:
        all_starts = how | {"all_starts_to": how["counts"][-1]}
        full, other = (qdg.spectral_clusterings(similarity, **all_starts, seed=seed) for seed in (1, 2))
        beyond = [count for count in how["counts"] if count > how["all_starts_to"]]
        for name, clusterings in (("ours and of", found), ("and of two", other)):
            indices = [qdg.agreement(clusterings[count], full[count]) for count in beyond]
            rows[f"index of clusters, {name} all starts, median of counts"] = f"{np.median(indices):.3f}"
        rows["exponent of the envelope, all starts"] = f"{exponent(full, ranks):.3f}, {exponent(other, ranks):.3f}"
    title = f"{n:,} points of {len(np.unique(truth)):,} subtasks, {len(how['counts'])} counts to {how['counts'][-1]:,}"
    table = Table("", "", title=f"{title}, {torch.get_num_threads()} threads", show_header=False)
    for row in rows.items():
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
