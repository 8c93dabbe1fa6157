"""Clusters of tokens with similar gradients, as named values: counts, nulls, agreement, and what the page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from grok.science.quanta import clusters as science
from grok.science.quanta.discovery import agreement, sizes_by_rank
from grok.science.quanta.token_samples import TokenSamples
from grok.tasks.next_token import NextTokenTask

N_BINS = 400  # rows of the recorded similarity matrix
CONTEXT_TOKENS, CONTEXT_BYTES, TOKEN_BYTES = 64, 240, 24  # recorded before a token, and of it, as UTF-8
GROUPINGS = ("clusters", "random", "target")

Clusters = Int[np.ndarray, " sample"]


@dataclass(frozen=True)
class TokenClusters:
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
        typical = np.empty(len(self.shown))
        for cluster in range(self.shown.max() + 1):
            members = np.flatnonzero(self.shown == cluster)
            typical[members] = self.similarity[np.ix_(members, members)].mean(1)
        return np.lexsort((-typical, self.shown))

    def counts(self, cluster: Callable[[np.ndarray], Sequence[Clusters]]) -> dict[str, np.ndarray]:
        """How many clusters are coherent, the same for all nulls, and how far the clusterings agree.

        `cluster` clusters other similarities in the same way.
        """
        shuffled = science.shuffled_similarity(self.similarity, seed=0)
        indices = science.mutual_agreements(self.by_seed)
        values = {
            "quanta_coherent": self._coherent(self.similarity, self.by_seed),
            "quanta_coherent_null": self._coherent(shuffled, cluster(shuffled)),
            "quanta_coherent_random": self._coherent(self.similarity, _randomized(self.by_seed)),
            "quanta_coherent_target": self._coherent(self.similarity, [self.by_target]),
            "quanta_seed_agreement": np.median(indices[np.triu_indices_from(indices, 1)]),
            "quanta_coherent_agreement": np.median(
                [self._coherent_agreement(*pair) for pair in combinations(self.by_seed, 2)]
            ),
            "quanta_target_agreement": np.median([agreement(each, self.targets) for each in self.by_seed]),
            "quanta_bigram_agreement": np.median([agreement(each, self.bigrams) for each in self.by_seed]),
        }
        return {name: np.array(value) for name, value in values.items()}

    def _coherent(self, similarity: np.ndarray, clusterings: Sequence[Clusters]) -> float:
        return float(np.median([science.are_coherent(similarity, each, self.bigrams).sum() for each in clusterings]))

    def _coherent_agreement(self, first: Clusters, second: Clusters) -> float:
        chosen = [science.are_coherent(self.similarity, each, self.bigrams)[each] for each in (first, second)]
        return science.agreement_of_members(first, second, chosen[0] & chosen[1])

    def f1(self, classes: Bool[np.ndarray, "class sample"], *, all_counts: bool) -> Float[np.ndarray, "class grouping"]:
        """The F1 of the best group for each class, by each of the `GROUPINGS`; the median over seeds.

        The groups are the counted clusters or, with `all_counts`, those of all numbers of clusters.
        """
        counted = [[each] for each in self.by_seed]
        clusterings = [[*each.values()] for each in self.by_seed_and_count] if all_counts else counted
        groupings = (clusterings, [_randomized(each) for each in clusterings], [[self.by_target]])

        def median(seeds: Sequence[Sequence[Clusters]], truth: Bool[np.ndarray, " sample"]) -> float:
            return float(np.median([max(science.best_f1(each, truth) for each in counts) for counts in seeds]))

        return np.array([[median(seeds, truth) for seeds in groupings] for truth in classes])

    def tested_groups(self, n: int) -> list[list[Int[np.ndarray, " member"]]]:
        """The samples of up to `n` groups of each of the `GROUPINGS`, for tests of their gradients.

        They are the most coherent clusters, as large groups of random samples, and the largest groups by target.
        """
        coherent = np.flatnonzero(science.are_coherent(self.similarity, self.shown, self.bigrams))[:n]
        shuffled = np.random.default_rng(0).permutation(self.shown)
        common = np.argsort(-np.bincount(self.by_target), kind="stable")[: coherent.size]
        pairs = ((self.shown, coherent), (shuffled, coherent), (self.by_target, common))
        return [[np.flatnonzero(groups == each) for each in chosen] for groups, chosen in pairs]

    def shown_clusters(self, n_samples: int) -> dict[str, np.ndarray]:
        """Sizes and coherence of the shown clusters, and the similarities in their order."""
        starts = np.unique(np.linspace(0, n_samples, min(N_BINS, n_samples), endpoint=False).astype(int))
        ordered = self.similarity[np.ix_(self.order, self.order)]
        sums = np.add.reduceat(np.add.reduceat(ordered, starts, 0), starts, 1)
        widths = np.diff(starts, append=n_samples)
        return {
            "quanta_coherence": science.coherences(self.similarity, self.shown),
            "quanta_is_coherent": science.are_coherent(self.similarity, self.shown, self.bigrams),
            "quanta_shown_size": np.bincount(self.shown),
            "quanta_cluster_size": sizes_by_rank(self.shown),
            "quanta_similarity": sums / np.outer(widths, widths),
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


def _randomized(clusterings: Sequence[Clusters]) -> list[Clusters]:
    """The clusters with their samples in random order."""
    rng = np.random.default_rng(0)
    return [rng.permutation(each) for each in clusterings]


def _padded(text: bytes, length: int) -> Int[np.ndarray, " byte"]:
    return np.frombuffer(text.ljust(length, b"\0"), np.uint8)
