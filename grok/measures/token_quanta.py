"""Quanta discovery from gradients (QDG; Michaud et al. 2023, Sec. 5) on a network that predicts the next token."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from grok.checks import UserError, check_float, check_int
from grok.measures import quanta_sizes
from grok.measures.cluster_steps import PARTS, loss_changes
from grok.measures.quanta_sizes import QuantaSizes
from grok.measures.snapshot import Measure, Snapshot
from grok.measures.token_clusters import CONTEXT_BYTES, GROUPINGS, N_BINS, TOKEN_BYTES, ClusterSet
from grok.measures.token_gradients import TokenNetwork
from grok.measures.token_losses import window_classes
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.language.token_classes import CLASSES
from grok.science.quanta.discovery import angular_similarity, clusterings_of_maps, laplacian_eigenmaps
from grok.science.quanta.gradient_gram import gram
from grok.science.quanta.token_samples import TokenSamples, bigrams, learned_tokens
from grok.science.quanta.weight_changes import CHANGES
from grok.tasks.language import Language
from grok.tasks.next_token import NextTokenTask
from grok.tasks.task import Task

KEY_PREFIX = "measure.token_quanta"
N_TESTED = 10  # coherent clusters whose mean gradients are tested, the most coherent ones
DTYPES = {"quanta_similarity": np.float16, "quanta_context": np.uint8, "quanta_token": np.uint8}
# Title and axes of each quantity.
QUANTITIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "quanta_samples": ("learned tokens whose gradients are compared", ()),
    "quanta_sketch_length": ("numbers of a gradient's sketch, 0 if gradients are exact", ()),
    "quanta_coherent": ("coherent clusters, median over k-means seeds", ()),
    "quanta_coherent_null": ("coherent clusters, median: shuffled similarities", ()),
    "quanta_coherent_random": ("coherent groups of random samples, median", ()),
    "quanta_coherent_target": ("coherent groups of tokens with the same target", ()),
    "quanta_seed_agreement": ("adjusted Rand index of two k-means seeds, median", ()),
    "quanta_coherent_agreement": ("the same, of samples in coherent clusters of both seeds", ()),
    "quanta_target_agreement": ("adjusted Rand index of clusters and targets, median", ()),
    "quanta_bigram_agreement": ("adjusted Rand index of clusters and bigrams, median", ()),
    **quanta_sizes.QUANTITIES,
    "quanta_class_f1": ("F1 of the cluster that matches the class best", ("class", "grouping")),
    "quanta_best_class_f1": ("the same, of all numbers of clusters", ("class", "grouping")),
    "quanta_class_samples": ("samples of the class of tokens", ("class",)),
    "quanta_cluster_size": ("size of the cluster", ("rank",)),
    "quanta_shown_size": ("size of the cluster", ("cluster",)),
    "quanta_coherence": ("mean cosine of the cluster's gradients", ("cluster",)),
    "quanta_is_coherent": ("whether the cluster is coherent", ("cluster",)),
    "quanta_similarity": ("similarity of gradients, sorted by cluster", ("bin", "other_bin")),
    "quanta_loss_change": ("mean change of the loss (nats)", ("change", "grouping", "part", "tested")),
    "quanta_place": ("number of the sample among all test tokens", ("sample",)),
    "quanta_sample_cluster": ("cluster of the sample, from 1", ("sample",)),
    "quanta_context": ("UTF-8 text before the token", ("sample", "byte")),
    "quanta_token": ("UTF-8 text of the token", ("sample", "token_byte")),
}


class TokenQuanta(Measure):
    """Only at the last evaluation, for each replica: clusters of test tokens whose gradients are similar.

    Samples are tokens with a loss below `max_loss` nats that no repeated trigram gives away, at most
    `max_per_bigram` of a bigram. The clusters on the page are those of the k-means seed that
    agrees best with the others; they are sorted by coherence. With fewer samples than clusters, there are no clusters.

    For 2,500 samples in windows of 128 tokens, a network of 0.06 M parameters takes 1 to 3 minutes and 2 GB.
    """

    def __init__(
        self,
        *,
        n_samples: int,
        max_loss: float,
        max_per_bigram: int,
        n_clusters: int,
        n_seeds: int,
        n_init: int,
        exact_up_to: float,
        sketch_length: int,
        cluster_counts: Sequence[int],
        from_rank: int,
        to_rank: int,
    ) -> None:
        check_int(f"{KEY_PREFIX}.n_samples", n_samples, minimum=3)
        check_float(f"{KEY_PREFIX}.max_loss", max_loss, above=0)
        check_int(f"{KEY_PREFIX}.max_per_bigram", max_per_bigram, minimum=1)
        check_int(f"{KEY_PREFIX}.n_clusters", n_clusters, minimum=2, maximum=n_samples - 1)
        check_int(f"{KEY_PREFIX}.n_seeds", n_seeds, minimum=2)
        check_int(f"{KEY_PREFIX}.n_init", n_init, minimum=1)
        check_float(f"{KEY_PREFIX}.exact_up_to", exact_up_to, minimum=0)
        check_int(f"{KEY_PREFIX}.sketch_length", sketch_length, minimum=1)
        ranks = {"from_rank": from_rank, "to_rank": to_rank}
        self.sizes = QuantaSizes(KEY_PREFIX, n_samples=n_samples, cluster_counts=cluster_counts, **ranks)
        self.selection: dict[str, Any] = {"n": n_samples, "max_loss": float(max_loss), "max_per_bigram": max_per_bigram}
        self.n_samples, self.n_clusters, self.n_seeds, self.n_init = n_samples, n_clusters, n_seeds, n_init
        self.exact_up_to, self.sketch_length = exact_up_to, sketch_length
        sizes = {"cluster": n_clusters, "sample": n_samples, "tested": N_TESTED, "bin": min(N_BINS, n_samples)}
        sizes |= {"other_bin": sizes["bin"], "byte": CONTEXT_BYTES, "token_byte": TOKEN_BYTES}
        names = {"class": CLASSES, "change": CHANGES, "grouping": GROUPINGS, "part": PARTS}
        counted = {dim: range(1, size + 1) for dim, size in sizes.items()}
        self.ticks: Mapping[str, Sequence[str | int]] = {**self.sizes.ticks, **names, **counted}

    def validate(self, task: Task, model: Model) -> None:
        """Require next tokens and a model with linear maps.

        Raises:
            UserError: another task or model.
        """
        if not (isinstance(task, NextTokenTask) and model.linear_maps):
            raise UserError(
                "reads a decoder that predicts the next token, not "
                f"{type(model).__name__} on {type(task).__name__}; leave it out"
            )

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        return {}

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        by_replica = [self._replica_values(snapshot, replica) for replica in range(len(snapshot.replicas))]
        quantities = {}
        for name, (title, dims) in QUANTITIES.items():
            ticks = {dim: self.ticks[dim] for dim in dims}
            dtype, shape = DTYPES.get(name, np.float64), [len(each) for each in ticks.values()]
            values = np.stack([_fill(each.get(name), shape, dtype) for each in by_replica])
            quantities[name] = Quantity(torch.from_numpy(values), title, dims=dims, coordinates=ticks)
        return quantities

    def _replica_values(self, snapshot: Snapshot, replica: int) -> dict[str, np.ndarray]:
        """The quantities of one replica, without those of clusters if it has learned too few tokens."""
        task, streams = snapshot.replicas[replica]
        assert isinstance(task, NextTokenTask), "validated before training"
        network, sequences = _network(snapshot, replica, task)
        loss = snapshot.test.loss[replica].where(task.mask(network.targets), math.nan).cpu().numpy()
        samples = learned_tokens(loss, sequences, n_tokens=task.n_tokens, **self.selection)
        n = len(samples.examples)
        if n <= max(self.n_clusters, self.sizes.cluster_counts[-1]):
            return {"quanta_samples": np.array(n)}
        similarity, sketch_length = self._similarity(network, samples)
        pairs = bigrams(samples, sequences, task.n_tokens)
        clusterings = self._clusterings(similarity, {*self.sizes.cluster_counts, self.n_clusters})
        found = ClusterSet(similarity, pairs, pairs % task.n_tokens, self.n_clusters, clusterings)
        shown = found.shown_clusters()
        shown["quanta_cluster_size"] = self.sizes.at_ranks(shown["quanta_cluster_size"])
        return {
            "quanta_samples": np.array(n),
            "quanta_sketch_length": np.array(sketch_length),
            "quanta_loss_change": _loss_changes(network, samples, found),
            **_class_values(task, samples, found),
            **found.counts(self._counted_clusters),
            **self.sizes.envelope("quanta_envelope", [clusterings[0][count] for count in self.sizes.cluster_counts]),
            **self.sizes.random_envelope(n, streams.generator("quanta_discovery_null")),
            **shown,
            **found.samples(samples, task, sequences),
        }

    def _similarity(
        self, network: TokenNetwork, samples: TokenSamples
    ) -> tuple[Float[np.ndarray, "sample sample"], int]:
        """The angular similarities of the samples' gradients, and the length of the sketches, 0 if they are exact."""
        row_bytes = sum(each.numel() * each.element_size() for each in network.weights.values())
        length = 0 if row_bytes * len(samples.examples) <= self.exact_up_to else self.sketch_length
        rows = network.gradients(samples, network.count_sketch(length) if length else None)
        return angular_similarity(gram(rows)).cpu().numpy(), length

    def _clusterings(
        self, similarity: Float[np.ndarray, "sample sample"], counts: Collection[int]
    ) -> list[dict[int, Int[np.ndarray, " sample"]]]:
        """The clusters of each k-means seed, for each number of clusters."""
        maps, settings = laplacian_eigenmaps(similarity, n_columns=max(counts)), {"n_init": self.n_init}
        settings["full_n_init_up_to"] = self.n_clusters
        return [clusterings_of_maps(maps, counts=sorted(counts), **settings, seed=seed) for seed in range(self.n_seeds)]

    def _counted_clusters(self, similarity: Float[np.ndarray, "sample sample"]) -> list[Int[np.ndarray, " sample"]]:
        """The clusters of each seed that are counted."""
        return [each[self.n_clusters] for each in self._clusterings(similarity, [self.n_clusters])]


def _network(
    snapshot: Snapshot, replica: int, task: NextTokenTask
) -> tuple[TokenNetwork, Int[np.ndarray, "example token"]]:
    """One replica on its test examples, and these as sequences: the inputs, and the last target."""
    test, targets = task.data(snapshot.replicas[replica][1]).test, snapshot.test.targets[replica]
    inputs = test.inputs[test.indices].to(targets.device)
    network = TokenNetwork.of_replica(snapshot.model, task, replica, len(snapshot.replicas), inputs, targets)
    return network, torch.cat([inputs, targets[:, -1:].clamp(min=0)], 1).cpu().numpy()


def _class_values(task: NextTokenTask, samples: TokenSamples, found: ClusterSet) -> dict[str, np.ndarray]:
    """How well a cluster matches each class of tokens whose truth is known; empty for other tasks than text."""
    if not isinstance(task, Language):
        return {}
    classes = window_classes(task).numpy()[samples.examples, samples.positions]
    members = np.arange(len(CLASSES))[:, None] == classes
    return {
        "quanta_class_f1": found.f1(members, all_counts=False),
        "quanta_best_class_f1": found.f1(members, all_counts=True),
        "quanta_class_samples": members.sum(1),
    }


def _fill(values: np.ndarray | None, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """The values at the start of an array of this shape; the rest is NaN, or 0 for bytes."""
    filled = np.full(shape, math.nan if np.issubdtype(dtype, np.floating) else 0, dtype)
    if values is not None:
        filled[tuple(slice(size) for size in values.shape)] = values
    return filled


def _loss_changes(
    network: TokenNetwork, samples: TokenSamples, found: ClusterSet
) -> Float[np.ndarray, "change grouping part tested"]:
    """How much changes along mean gradients change losses, for groups of each of the `GROUPINGS`."""
    changes = np.full((len(CHANGES), len(GROUPINGS), len(PARTS), N_TESTED), math.nan)
    for grouping, groups in enumerate(found.tested_groups(N_TESTED)):
        changes[:, grouping, :, : len(groups)] = loss_changes(network, samples, groups)
    return changes
