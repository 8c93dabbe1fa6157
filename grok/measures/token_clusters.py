"""Clusters of tokens with similar gradients, as named values: counts, nulls, agreement, and what the page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from grok.science.quanta import clusters as science
from grok.science.quanta.clusters import Clusters
from grok.science.quanta.discovery import agreement, sizes_by_rank
from grok.science.quanta.token_samples import TokenSamples
from grok.tasks.next_token import NextTokenTask

N_BINS = 400  # rows of the recorded similarity matrix
CONTEXT_TOKENS, CONTEXT_BYTES, TOKEN_BYTES = 64, 240, 24  # recorded before a token, and of it, as UTF-8
GROUPINGS = ("clusters", "random", "target")


@dataclass(frozen=True)
class ClusterSet:
    """The clusters of several k-means seeds on the same samples, for several numbers of clusters."""

    similarity: Float[np.ndarray, "sample sample"]
    bigrams: Int[np.ndarray, " sample"]
    targets: Int[np.ndarray, " sample"]
    n_clusters: int  # that are counted and shown
    by_seed_and_count: Sequence[Mapping[int, Clusters]]

    @property
    def by_seed(self) -> list[Clusters]:
        """The clusters of each seed that are counted and shown."""
        return [each[self.n_clusters] for each in self.by_seed_and_count]

    @cached_property
    def shown(self) -> Clusters:
        """The clusters of the seed that agrees best with the others, from 0 in the order of coherence."""
        best = science.mutual_agreements(self.by_seed).sum(0).argmax()
        return science.by_coherence(self.similarity, self.by_seed[best], self.bigrams)

    @cached_property
    def by_target(self) -> Clusters:
        """Groups of tokens with the same target."""
        return np.unique(self.targets, return_inverse=True)[1]

    @cached_property
    def order(self) -> Int[np.ndarray, " sample"]:
        """Samples in the order of the shown clusters, the most typical sample of a cluster first."""
        return science.typical_order(self.similarity, self.shown)

    def counts(self, cluster: Callable[[np.ndarray], Sequence[Clusters]]) -> dict[str, np.ndarray]:
        """How many clusters are coherent, the same for all nulls, and how far the clusterings agree.

        `cluster` clusters other similarities in the same way.
        """
        similarity, bigrams, by_seed = self.similarity, self.bigrams, self.by_seed
        shuffled = science.shuffled_similarity(similarity, seed=0)
        indices = science.mutual_agreements(by_seed)
        values = {
            "quanta_coherent": science.n_coherent(similarity, by_seed, bigrams),
            "quanta_coherent_null": science.n_coherent(shuffled, cluster(shuffled), bigrams),
            "quanta_coherent_random": science.n_coherent(similarity, science.randomized(by_seed), bigrams),
            "quanta_coherent_target": science.n_coherent(similarity, [self.by_target], bigrams),
            "quanta_seed_agreement": np.median(indices[np.triu_indices_from(indices, 1)]),
            "quanta_coherent_agreement": science.coherent_agreement(similarity, by_seed, bigrams),
            "quanta_target_agreement": np.median([agreement(each, self.targets) for each in by_seed]),
            "quanta_bigram_agreement": np.median([agreement(each, bigrams) for each in by_seed]),
        }
        return {name: np.array(value) for name, value in values.items()}

    def f1(self, classes: Bool[np.ndarray, "class sample"], *, all_counts: bool) -> Float[np.ndarray, "class grouping"]:
        """The F1 of the best group for each class, by each of the `GROUPINGS`; the median over seeds.

        The groups are the counted clusters or, with `all_counts`, those of all numbers of clusters.
        """
        counted = [[each] for each in self.by_seed]
        clusterings = [[*each.values()] for each in self.by_seed_and_count] if all_counts else counted
        groupings = (clusterings, [science.randomized(each) for each in clusterings], [[self.by_target]])
        return np.array([[science.median_best_f1(each, truth) for each in groupings] for truth in classes])

    def tested_groups(self, n: int) -> list[list[Int[np.ndarray, " member"]]]:
        """The samples of up to `n` groups of each of the `GROUPINGS`, for tests of their gradients.

        They are the most coherent clusters, as large groups of random samples, and the largest groups by target.
        """
        coherent = np.flatnonzero(science.are_coherent(self.similarity, self.shown, self.bigrams))[:n]
        common = science.largest(self.by_target, coherent.size)
        (random,) = science.randomized([self.shown])
        pairs = ((self.shown, coherent), (random, coherent), (self.by_target, common))
        return [[np.flatnonzero(groups == each) for each in chosen] for groups, chosen in pairs]

    def shown_clusters(self) -> dict[str, np.ndarray]:
        """Sizes and coherence of the shown clusters, and the similarities in their order."""
        ordered = self.similarity[np.ix_(self.order, self.order)]
        return {
            "quanta_coherence": science.coherences(self.similarity, self.shown),
            "quanta_is_coherent": science.are_coherent(self.similarity, self.shown, self.bigrams),
            "quanta_shown_size": np.bincount(self.shown),
            "quanta_cluster_size": sizes_by_rank(self.shown),
            "quanta_similarity": science.binned(ordered, n_bins=N_BINS),
        }

    def samples(
        self, samples: TokenSamples, task: NextTokenTask, sequences: Int[np.ndarray, "example token"]
    ) -> dict[str, np.ndarray]:
        """Place, cluster and text of each sample, in the order of the shown clusters."""
        examples, positions = (each[self.order] for each in samples)
        contexts, tokens = texts(TokenSamples(examples, positions), task, sequences)
        return {
            "quanta_place": examples * (sequences.shape[1] - 1) + positions,
            "quanta_sample_cluster": self.shown[self.order] + 1,
            "quanta_context": contexts,
            "quanta_token": tokens,
        }


def texts(
    samples: TokenSamples, task: NextTokenTask, sequences: Int[np.ndarray, "example token"]
) -> tuple[Int[np.ndarray, "sample byte"], Int[np.ndarray, "sample token_byte"]]:
    """The text before each sample, and its own, in UTF-8. Both are cut between bytes, also within a character."""
    contexts, tokens = [], []
    for example, position in zip(*samples, strict=True):
        first = max(0, position + 1 - CONTEXT_TOKENS)
        *before, token = task.utf8(torch.from_numpy(sequences[example, first : position + 2]))
        contexts.append(_padded(b"".join(before)[-CONTEXT_BYTES:], CONTEXT_BYTES))
        tokens.append(_padded(token[:TOKEN_BYTES], TOKEN_BYTES))
    return np.stack(contexts), np.stack(tokens)


def _padded(text: bytes, length: int) -> Int[np.ndarray, " byte"]:
    return np.frombuffer(text.ljust(length, b"\0"), np.uint8)
