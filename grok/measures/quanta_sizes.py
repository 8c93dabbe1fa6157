"""Sizes of clusters by rank, their envelope, and the settings of the clustering, for measures of quanta discovery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from torch import Generator

from grok.checks import UserError, check_int
from grok.science.quanta import discovery as qdg

MAX_RANKS = 150  # maximum number of log-spaced ranks at which cluster sizes are recorded
# Title and axes of the quantities that `QuantaSizes` gives.
QUANTITIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "quanta_envelope": ("size of the largest cluster at this rank", ("rank",)),
    "quanta_envelope_exponent": ("exponent of the envelope", ()),
    "quanta_envelope_null": ("size of the largest cluster at this rank, random clusters", ("rank",)),
    "quanta_envelope_null_exponent": ("exponent of the envelope, random clusters", ()),
    "quanta_fitted_ranks": ("ranks over which the exponent is fitted", ("end",)),
}


class QuantaSizes:
    """The numbers of clusters, and the ranks at which the sizes of clusters are recorded and fitted."""

    def __init__(
        self, key: str, *, n_samples: int, cluster_counts: Sequence[int], from_rank: int, to_rank: int
    ) -> None:
        for count in cluster_counts:
            check_int(f"{key}.cluster_counts", count, minimum=1, maximum=n_samples - 1)
        if not cluster_counts or [*cluster_counts] != sorted({*cluster_counts}):
            raise UserError(f"{key}.cluster_counts={[*cluster_counts]}: must be a list of increasing integers")
        check_int(f"{key}.to_rank", to_rank, minimum=2, maximum=cluster_counts[-1])
        check_int(f"{key}.from_rank", from_rank, minimum=1, maximum=to_rank - 1)
        self.cluster_counts = cluster_counts
        self.fit_range = {"from_rank": from_rank, "to_rank": to_rank}
        self.ranks = np.unique(np.geomspace(1, cluster_counts[-1], MAX_RANKS).round().astype(int))
        self.ticks: dict[str, Sequence[str | int]] = {"rank": self.ranks.tolist(), "end": ("first", "last")}

    def envelope(self, name: str, clusterings: Sequence[Int[np.ndarray, " sample"]]) -> dict[str, np.ndarray]:
        """The envelope of the cluster sizes, and its exponent."""
        sizes = qdg.envelope(clusterings)
        exponent = qdg.envelope_exponent(sizes, **self.fit_range)
        return {name: self.at_ranks(sizes), f"{name}_exponent": np.array(exponent)}

    def random_envelope(self, n_samples: int, generator: Generator) -> dict[str, np.ndarray]:
        """The envelope of random clusters, and the fitted ranks."""
        clusterings = qdg.random_clusterings(n_samples, self.cluster_counts, generator)
        fitted = {"quanta_fitted_ranks": np.array([*self.fit_range.values()])}
        return self.envelope("quanta_envelope_null", clusterings) | fitted

    def at_ranks(self, sizes: Int[np.ndarray, " cluster"]) -> Int[np.ndarray, " rank"]:
        """The sizes at the recorded ranks; 0 beyond the last cluster."""
        values: np.ndarray = np.pad(sizes, (0, max(0, self.cluster_counts[-1] - sizes.size)))[self.ranks - 1]
        return values
