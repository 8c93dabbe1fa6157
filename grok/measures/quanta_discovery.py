"""Quanta discovery from gradients (QDG; Michaud et al. 2023, Sec. 5 and App.) on a network with known quanta."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from grok.checks import UserError, check_float, check_int
from grok.measures import quanta_sizes
from grok.measures.quanta_samples import Samples, learned_samples, network_weights, similarities
from grok.measures.quanta_sizes import QuantaSizes
from grok.measures.snapshot import Measure, Snapshot
from grok.models.controlled_mlp import ControlledMlp
from grok.models.model import Model
from grok.random_streams import RandomStreams
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.quanta import discovery as qdg
from grok.science.quanta import sparse_codes
from grok.science.quanta.parity_gradients import TRUTHS, TwoLayerWeights, true_clusters
from grok.tasks.sparse_parity import SparseParity
from grok.tasks.task import Task

N_SHOWN = 300  # samples in the recorded similarity matrix
SEED = 0  # of the eigensolver, k-means and sparse codes, for all networks
N_COMPONENTS = 256  # principal components of the gradients that sparse codes combine
KEY_PREFIX = "measure.quanta_discovery"
# Title and axes of each quantity.
QUANTITIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "quanta_samples": ("learned samples whose gradients are compared", ()),
    "quanta_subtasks": ("subtasks among the samples", ()),
    "quanta_agreement": ("adjusted Rand index of clusters and ground truth", ("truth", "clusters")),
    "quanta_agreement_at_subtasks": ("adjusted Rand index, one cluster per subtask", ("truth",)),
    "quanta_atom_agreement": ("adjusted Rand index of strongest atoms and ground truth", ("truth",)),
    "quanta_matched_f1": ("F1 of subtasks and the groups that match them", ("method", "labels")),
    "quanta_similarity_gap": ("mean similarity within subtasks minus that between subtasks", ()),
    "quanta_cluster_size": ("size of the cluster", ("clusters", "rank")),
    **quanta_sizes.QUANTITIES,
    "quanta_envelope_equal": ("size of the largest cluster at this rank, equally frequent subtasks", ("rank",)),
    "quanta_envelope_equal_exponent": ("exponent of the envelope, equally frequent subtasks", ()),
    "quanta_true_size": ("samples of the subtask", ("rank",)),
    "quanta_true_exponent": ("exponent of the subtasks' frequencies, −(α + 1)", ()),
    "quanta_similarity": ("similarity of two gradients", ("sample", "other_sample")),
    "quanta_sample_subtask": ("subtask of the sample", ("sample",)),
    "quanta_sample_cluster": ("rank of the sample's cluster, one cluster per subtask", ("sample",)),
}


class QuantaDiscovery(Measure):
    """Only at the last evaluation, for each replica: whether samples that it has learned cluster by subtask.

    Samples are new examples with a loss below `max_loss` nats, as frequent as in training. Gradients are with respect
    to all parameters, in double precision. At a loss below 1e-16, one of the two error signals rounds to 0; with both
    signals we found the same result.

    Two controls accompany the envelope of the cluster sizes: the same network with equally frequent subtasks, and
    random clusters. Most of the time goes into clustering, which runs twice. For 2,500 samples and up to 375 clusters,
    `python -m grok.analyze` takes 15 s on one thread and 1.1 GB in all. For 10,000 samples and up to 1,500 clusters, a
    replica takes about 6 minutes and 3.0 GB.
    """

    needs_float64: ClassVar = True

    def __init__(
        self,
        *,
        n_samples: int,
        max_loss: float,
        cluster_counts: Sequence[int],
        n_init: int,
        full_n_init_up_to: int,
        from_rank: int,
        to_rank: int,
        atom_penalty: float | None,
    ) -> None:
        check_int(f"{KEY_PREFIX}.n_samples", n_samples, minimum=3)
        check_float(f"{KEY_PREFIX}.max_loss", max_loss, above=0)
        check_int(f"{KEY_PREFIX}.n_init", n_init, minimum=1)
        check_int(f"{KEY_PREFIX}.full_n_init_up_to", full_n_init_up_to, minimum=1)
        if atom_penalty is not None:
            check_float(f"{KEY_PREFIX}.atom_penalty", atom_penalty, above=0)
        self.atom_penalty = atom_penalty
        ranks = {"from_rank": from_rank, "to_rank": to_rank}
        self.sizes = QuantaSizes(KEY_PREFIX, n_samples=n_samples, cluster_counts=cluster_counts, **ranks)
        self.n_samples, self.max_loss, self.cluster_counts = n_samples, max_loss, cluster_counts
        self.n_inits = {"n_init": n_init, "full_n_init_up_to": full_n_init_up_to}
        shown = range(min(N_SHOWN, n_samples))
        self.ticks: Mapping[str, Sequence[str | int]] = {
            "truth": TRUTHS,
            "method": sparse_codes.METHODS,
            "labels": sparse_codes.LABELS,
            "clusters": cluster_counts,
            **self.sizes.ticks,
            "sample": shown,
            "other_sample": shown,
        }

    def validate(self, task: Task, model: Model) -> None:
        """Require a controlled_mlp that learns sparse parity from new examples in every step.

        Raises:
            UserError: another model or task, or a fixed training set.
        """
        fixed = f" with n_train={task.n_train}" if isinstance(task, SparseParity) else ""
        if not (isinstance(model, ControlledMlp) and isinstance(task, SparseParity) and task.n_train is None):
            raise UserError(
                "reads a controlled_mlp that learns sparse_parity from new examples (task.n_train=null), not "
                f"{type(model).__name__} on {type(task).__name__}{fixed}; "
                "choose measure=weight_norm"
            )

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        by_replica = [
            self._replica_values(snapshot.model, replica, *source) for replica, source in enumerate(snapshot.replicas)
        ]
        quantities = {}
        for name, (title, dims) in QUANTITIES.items():
            missing = np.full([len(self.ticks[dim]) for dim in dims], math.nan)
            values = torch.from_numpy(np.stack([each.get(name, missing) for each in by_replica]).astype(float))
            values = values.half() if name == "quanta_similarity" else values
            quantities[name] = Quantity(values, title, dims=dims, coordinates={dim: self.ticks[dim] for dim in dims})
        return quantities

    def _replica_values(
        self, model: nn.Module, replica: int, task: Task, streams: RandomStreams
    ) -> dict[str, np.ndarray]:
        """The quantities of one replica, without those of clusters if it has learned too little."""
        assert isinstance(model, ControlledMlp) and isinstance(task, SparseParity), "validated before training"
        network = network_weights(model, replica)

        def learned(*, equally: bool) -> Samples:
            return learned_samples(network, task, streams, n=self.n_samples, max_loss=self.max_loss, equally=equally)

        samples = learned(equally=False)
        n_samples, n_subtasks = len(samples.targets), len(samples.subtasks.unique())
        counts = {"quanta_samples": np.array(n_samples), "quanta_true_exponent": np.array(-(task.alpha + 1))}
        if n_samples < self.n_samples or n_subtasks >= self.n_samples:
            return counts
        controls = self.sizes.random_envelope(self.n_samples, streams.generator("quanta_discovery_null"))
        controls |= self._equal_control(network, task, learned(equally=True))
        subset_bits = samples.bits.gather(1, task.subsets(streams).to(samples.bits.device)[samples.subtasks])
        truths = true_clusters(samples.subtasks, subset_bits, samples.targets)
        similarity = similarities(network, task, samples)
        gap, shown = qdg.similarity_gap(similarity, truths["subtask"]), similarity[:N_SHOWN, :N_SHOWN].copy()
        atoms = self._atoms(similarity, n_subtasks)
        clusterings = self._clusterings(similarity, counts=sorted({*self.cluster_counts, n_subtasks}))
        sizes = self._sizes(truths["subtask"], [clusterings[count] for count in self.cluster_counts]) | controls
        matrix = _similarity_matrix(shown, truths["subtask"], clusterings[n_subtasks])
        counts["quanta_similarity_gap"] = np.array(gap)
        if atoms is not None:
            counts |= _atom_agreement(truths, clusterings[n_subtasks], atoms)
        return counts | self._agreement(truths, clusterings, n_subtasks) | sizes | matrix

    def _equal_control(self, network: TwoLayerWeights, task: SparseParity, samples: Samples) -> dict[str, np.ndarray]:
        """The envelope for equally frequent subtasks; empty if there are too few samples."""
        if len(samples.targets) < self.n_samples:
            return {}
        clusterings = self._clusterings(similarities(network, task, samples), counts=self.cluster_counts)
        return self.sizes.envelope("quanta_envelope_equal", [*clusterings.values()])

    def _atoms(self, similarity: Float[np.ndarray, "sample sample"], n_atoms: int) -> Int[np.ndarray, " sample"] | None:
        """The strongest atom of each sample; None without sparse codes."""
        if self.atom_penalty is None:
            return None
        gradients = sparse_codes.unit_gradients(similarity, n_components=N_COMPONENTS, seed=SEED)
        return sparse_codes.strongest_atoms(gradients, n_atoms=n_atoms, penalty=self.atom_penalty, seed=SEED)

    def _clusterings(
        self, similarity: Float[np.ndarray, "sample sample"], *, counts: Sequence[int]
    ) -> dict[int, Int[np.ndarray, " sample"]]:
        """The clusterings; the similarities are overwritten."""
        return qdg.spectral_clusterings(similarity, counts=counts, **self.n_inits, seed=SEED, overwrite=True)

    def _agreement(
        self,
        truths: Mapping[str, Int[np.ndarray, " sample"]],
        clusterings: Mapping[int, Int[np.ndarray, " sample"]],
        n_subtasks: int,
    ) -> dict[str, np.ndarray]:
        """The agreement of the clusters with each ground truth."""

        def indices(count: int) -> list[float]:
            return [qdg.agreement(clusterings[count], truth) for truth in truths.values()]

        return {
            "quanta_subtasks": np.array(n_subtasks),
            "quanta_agreement": np.array([indices(count) for count in self.cluster_counts]).T,
            "quanta_agreement_at_subtasks": np.array(indices(n_subtasks)),
        }

    def _sizes(
        self, subtasks: Int[np.ndarray, " sample"], clusterings: Sequence[Int[np.ndarray, " sample"]]
    ) -> dict[str, np.ndarray]:
        """Cluster sizes by rank, and their envelope."""
        at_ranks = self.sizes.at_ranks
        return self.sizes.envelope("quanta_envelope", clusterings) | {
            "quanta_cluster_size": np.stack([at_ranks(qdg.sizes_by_rank(each)) for each in clusterings]),
            "quanta_true_size": at_ranks(qdg.sizes_by_rank(subtasks)),
        }


def _atom_agreement(
    truths: Mapping[str, Int[np.ndarray, " sample"]],
    clusters: Int[np.ndarray, " sample"],
    atoms: Int[np.ndarray, " sample"],
) -> dict[str, np.ndarray]:
    """The agreement of the strongest atoms with each ground truth; the F1 of clusters and atoms."""
    subtasks = truths["subtask"]
    labels = (subtasks, np.random.default_rng(SEED).permutation(subtasks))
    f1 = [[sparse_codes.matched_f1(found, each) for each in labels] for found in (clusters, atoms)]
    agreement = [qdg.agreement(atoms, truth) for truth in truths.values()]
    return {"quanta_atom_agreement": np.array(agreement), "quanta_matched_f1": np.array(f1)}


def _similarity_matrix(
    similarity: Float[np.ndarray, "shown shown"],
    subtasks: Int[np.ndarray, " sample"],
    clusters: Int[np.ndarray, " sample"],
) -> dict[str, np.ndarray]:
    """The similarities of the first `N_SHOWN` samples.

    These samples are sorted by cluster, then by subtask. The paper sorts by subtask alone, which hides the clusters.
    """
    order = qdg.rank_order(clusters)
    ranks = np.empty_like(order)
    ranks[order] = np.cumsum(np.diff(clusters[order], prepend=clusters[order[0]]) != 0) + 1
    first = np.lexsort((subtasks[:N_SHOWN], ranks[:N_SHOWN]))
    return {
        "quanta_similarity": similarity[np.ix_(first, first)],
        "quanta_sample_subtask": subtasks[first] + 1,
        "quanta_sample_cluster": ranks[first],
    }
