"""Quanta discovery from gradients (QDG; Michaud et al. 2023, Sec. 5 and App.) on a network whose quanta are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from grok.checks import UserError, number, whole
from grok.measures.look import Look
from grok.measures.quanta_samples import Samples, learned_samples, perceptron, similarities
from grok.models.controlled_mlp import ControlledMlp
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import quanta_discovery as qdg
from grok.science.parity_gradients import TRUTHS, Perceptron, true_clusters
from grok.streams import Streams
from grok.tasks.sparse_parity import SparseParity
from grok.tasks.task import Task

SHOWN = 300  # samples whose similarities are kept
RANKS = 150  # log-spaced ranks at most, at which sizes are kept
SEED = 0  # of eigensolver and k-means, for all networks
NAMED = "measure.quanta_discovery"
# Titles and axes of the quantities.
QUANTITIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "quanta_samples": ("samples of almost no loss whose gradients are compared", ()),
    "quanta_subtasks": ("subtasks that they are of", ()),
    "quanta_agreement": ("adjusted Rand index of clusters and truth", ("truth", "clusters")),
    "quanta_agreement_at_subtasks": ("adjusted Rand index, as many clusters as subtasks", ("truth",)),
    "quanta_similarity_gap": ("mean similarity within subtasks, less that between them", ()),
    "quanta_cluster_size": ("size of the cluster", ("clusters", "rank")),
    "quanta_envelope": ("size of the largest cluster at this rank", ("rank",)),
    "quanta_envelope_exponent": ("exponent of the envelope", ()),
    "quanta_envelope_equal": ("size of the largest cluster at this rank, subtasks equally frequent", ("rank",)),
    "quanta_envelope_equal_exponent": ("exponent of the envelope, subtasks equally frequent", ()),
    "quanta_envelope_null": ("size of the largest cluster at this rank, clusters drawn at random", ("rank",)),
    "quanta_envelope_null_exponent": ("exponent of the envelope, clusters drawn at random", ()),
    "quanta_fitted_ranks": ("ranks over which the exponent is fitted", ("end",)),
    "quanta_true_size": ("samples of the subtask", ("rank",)),
    "quanta_true_exponent": ("exponent of the subtasks' frequencies, −(α + 1)", ()),
    "quanta_similarity": ("similarity of two gradients", ("sample", "other_sample")),
    "quanta_sample_subtask": ("the sample's subtask", ("sample",)),
    "quanta_sample_cluster": ("rank of the sample's cluster, as many as subtasks", ("sample",)),
}


class QuantaDiscovery:
    """At the last look alone, of each replica: whether samples that it has learned cluster by subtask.

    Samples are new examples with a loss `below` so many nats, as frequent as in training; gradients are by all
    parameters, in double precision (where a loss is below 1e-16, that has one of the two error signals as 0: with both
    we found the same). Beside the envelope of the clusters' sizes are two controls: that of the same network with
    samples whose subtasks are equally frequent, and that of clusters drawn at random. Most of the time is for clusters,
    which are made twice: 25 s of one thread and 0.8 GB a replica for 2,500 samples and counts to 375; 27 minutes
    and 3.0 GB for 10,000 and counts to 1,500 (see `spectral_clusterings`).
    """

    needs_float64 = True

    def __init__(
        self,
        *,
        n_samples: int,
        below: float,
        counts: Sequence[int],
        n_init: int,
        all_starts_to: int,
        from_rank: int,
        to_rank: int,
    ) -> None:
        whole(f"{NAMED}.n_samples", n_samples, least=3)
        number(f"{NAMED}.below", below, above=0)
        for count in counts:
            whole(f"{NAMED}.counts", count, least=1, most=n_samples - 1)
        if not counts or [*counts] != sorted({*counts}):
            raise UserError(f"{NAMED}.counts={[*counts]}: must be numbers of clusters, each larger than the last")
        whole(f"{NAMED}.n_init", n_init, least=1)
        whole(f"{NAMED}.all_starts_to", all_starts_to, least=1)
        whole(f"{NAMED}.to_rank", to_rank, least=2, most=counts[-1])
        whole(f"{NAMED}.from_rank", from_rank, least=1, most=to_rank - 1)
        self.n_samples, self.below, self.counts = n_samples, below, counts
        self.starts = {"n_init": n_init, "all_starts_to": all_starts_to}
        self.range = {"from_rank": from_rank, "to_rank": to_rank}
        self.ranks = np.unique(np.geomspace(1, counts[-1], RANKS).round().astype(int))
        shown = range(min(SHOWN, n_samples))
        axes: Mapping[str, Sequence[str | int]] = {"truth": TRUTHS, "clusters": counts, "rank": self.ranks.tolist()}
        self.ticks = {**axes, "end": ("first", "last"), "sample": shown, "other_sample": shown}

    @staticmethod
    def check(task: Task, model: nn.Module) -> None:
        """Refuse another network or task, and one that draws no new examples.

        Raises:
            UserError: that is so.
        """
        if not (isinstance(model, ControlledMlp) and isinstance(task, SparseParity) and task.n_train is None):
            raise UserError(
                "reads a controlled_mlp that learns sparse_parity from new examples (task.n_train=null), not "
                f"{type(model).__name__} on {type(task).__name__} with n_train={getattr(task, 'n_train', None)}; "
                "measure=[performance,weight_norm] does without"
            )

    def __call__(self, look: Look) -> dict[str, Labelled]:
        return {}

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        found = [self._of_replica(look.model, replica, *source) for replica, source in enumerate(look.sources)]
        made = {}
        for name, (title, dims) in QUANTITIES.items():
            nothing = np.full([len(self.ticks[dim]) for dim in dims], math.nan)
            values = torch.from_numpy(np.stack([each.get(name, nothing) for each in found]).astype(float))
            values = values.half() if name == "quanta_similarity" else values
            made[name] = Labelled(values, title, dims=dims, coordinates={dim: self.ticks[dim] for dim in dims})
        return made

    def _of_replica(self, model: nn.Module, replica: int, task: Task, streams: Streams) -> dict[str, np.ndarray]:
        """The quantities of one replica; those of clusters are missing where it has learned too little."""
        assert isinstance(model, ControlledMlp) and isinstance(task, SparseParity), "checked before training"
        network = perceptron(model, replica)

        def learned(*, equally: bool) -> Samples:
            return learned_samples(network, task, streams, n=self.n_samples, below=self.below, equally=equally)

        samples = learned(equally=False)
        about = {"quanta_samples": np.array(len(samples.targets)), "quanta_true_exponent": np.array(-(task.alpha + 1))}
        n_subtasks = len(samples.subtasks.unique())
        if len(samples.targets) < self.n_samples or n_subtasks >= self.n_samples:
            return about
        controls = self._random(streams) | self._equal(network, task, learned(equally=True))
        own_bits = samples.bits.gather(1, task.subsets(streams).to(samples.bits.device)[samples.subtasks])
        truths = true_clusters(samples.subtasks, own_bits, samples.targets)
        similarity = similarities(network, task, samples)
        clusterings = self._clusterings(similarity, counts=sorted({*self.counts, n_subtasks}))
        sizes = self._sizes(truths["subtask"], [clusterings[count] for count in self.counts]) | controls
        shown = _shown(similarity, truths["subtask"], clusterings[n_subtasks])
        return about | self._agreement(truths, clusterings, n_subtasks) | sizes | shown

    def _random(self, streams: Streams) -> dict[str, np.ndarray]:
        """The envelope of clusters drawn at random."""
        generator = streams.generator("quanta_discovery_null")
        return self._envelope("quanta_envelope_null", qdg.random_clusterings(self.n_samples, self.counts, generator))

    def _equal(self, network: Perceptron, task: SparseParity, samples: Samples) -> dict[str, np.ndarray]:
        """The envelope where no subtask is more frequent than another, if there are samples enough."""
        if len(samples.targets) < self.n_samples:
            return {}
        clusterings = self._clusterings(similarities(network, task, samples), counts=self.counts)
        return self._envelope("quanta_envelope_equal", [*clusterings.values()])

    def _clusterings(
        self, similarity: Float[np.ndarray, "sample sample"], *, counts: Sequence[int]
    ) -> dict[int, Int[np.ndarray, " sample"]]:
        return qdg.spectral_clusterings(similarity, counts=counts, **self.starts, seed=SEED)

    def _agreement(
        self,
        truths: Mapping[str, Int[np.ndarray, " sample"]],
        clusterings: Mapping[int, Int[np.ndarray, " sample"]],
        n_subtasks: int,
    ) -> dict[str, np.ndarray]:
        """How the clusters agree with each of the truths."""

        def with_truths(count: int) -> list[float]:
            return [qdg.agreement(clusterings[count], truth) for truth in truths.values()]

        return {
            "quanta_subtasks": np.array(n_subtasks),
            "quanta_agreement": np.array([with_truths(count) for count in self.counts]).T,
            "quanta_agreement_at_subtasks": np.array(with_truths(n_subtasks)),
        }

    def _sizes(
        self, subtasks: Int[np.ndarray, " sample"], clusterings: Sequence[Int[np.ndarray, " sample"]]
    ) -> dict[str, np.ndarray]:
        """Sizes by rank, and their envelope."""
        return self._envelope("quanta_envelope", clusterings) | {
            "quanta_cluster_size": np.stack([self._kept(qdg.sizes_by_rank(clusters)) for clusters in clusterings]),
            "quanta_fitted_ranks": np.array([*self.range.values()]),
            "quanta_true_size": self._kept(qdg.sizes_by_rank(subtasks)),
        }

    def _envelope(self, name: str, clusterings: Sequence[Int[np.ndarray, " sample"]]) -> dict[str, np.ndarray]:
        """The envelope of the sizes, and its exponent."""
        sizes = qdg.envelope(clusterings)
        return {name: self._kept(sizes), f"{name}_exponent": np.array(qdg.envelope_exponent(sizes, **self.range))}

    def _kept(self, sizes: Int[np.ndarray, " cluster"]) -> Int[np.ndarray, " rank"]:
        """The sizes at the ranks that are kept; 0 beyond the last cluster."""
        found: np.ndarray = np.pad(sizes, (0, max(0, self.counts[-1] - sizes.size)))[self.ranks - 1]
        return found


def _shown(
    similarity: Float[np.ndarray, "sample sample"],
    subtasks: Int[np.ndarray, " sample"],
    clusters: Int[np.ndarray, " sample"],
) -> dict[str, np.ndarray]:
    """How alike samples are: those of one subtask and of two, and the first `SHOWN`, by cluster and then subtask.

    The paper draws them by subtask alone, which hides what the clusters are.
    """
    order = qdg.rank_order(clusters)
    ranks = np.empty_like(order)
    ranks[order] = np.cumsum(np.diff(clusters[order], prepend=clusters[order[0]]) != 0) + 1
    first = np.lexsort((subtasks[:SHOWN], ranks[:SHOWN]))
    return {
        "quanta_similarity_gap": np.array(qdg.similarity_gap(similarity, subtasks)),
        "quanta_similarity": similarity[np.ix_(first, first)],
        "quanta_sample_subtask": subtasks[first] + 1,
        "quanta_sample_cluster": ranks[first],
    }
