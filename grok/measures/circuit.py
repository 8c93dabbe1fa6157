"""The Fourier circuit of modular addition (Nanda et al. 2023) during training: progress, frequencies and rings."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.measures import circuit_over_steps
from grok.measures.addition import (
    all_pairs,
    class_logits,
    logits_by_answer,
    logits_of_all_pairs,
    pair_indices,
    residues,
    transformer,
    validate_addition,
)
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.landscape.norms import joint_norm
from grok.science.modular import (
    fourier,
    key_frequencies,
    neurons,
    principal_components,
    progress_measures,
    rings,
    symmetricity,
    trigonometric,
)
from grok.science.statistics.concentration import gini
from grok.tasks.task import Task

COMPONENTS = 8  # principal components that are recorded one by one
SINGULAR_VALUES = 20  # of W_L; five key frequencies have ten


class Circuit(Measure):
    """The network's function over all pairs, and its weights in Fourier space.

    Key frequencies are those of the neuron–logit map. Nanda et al. 2023 use the final key frequencies at every step,
    and these are known only at the last evaluation. So `finalize` computes the progress measures and distances over all
    steps, from quantities that each snapshot retains.

    The quantities `*_current_frequencies` are available during training. They use the key frequencies of their own
    step; early in training these are nearly all frequencies.
    """

    needs_outputs: ClassVar = True
    needs_float64: ClassVar = True

    def validate(self, task: Task, model: Model) -> None:
        validate_addition(task, model)

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        residue, logits = residues(snapshot), logits_of_all_pairs(snapshot)
        correct = logits.gather(-1, residue.expand(logits.shape[:-1]).unsqueeze(-1)).squeeze(-1)
        model = transformer(snapshot)
        embedding, map_to_logits = model.token_embedding.detach(), model.neuron_logit_map.detach()
        keys = key_frequencies.of_neuron_logit_map(map_to_logits)
        table = progress_measures.mean_by_residue(logits, residue)
        return {
            **_trigonometric_fit(table, keys, trigonometric.variance(logits)),
            **_losses(snapshot, table, residue, keys),
            **_embedding(embedding),
            **_neuron_logit_map(map_to_logits, keys),
            **_neurons(snapshot),
            **circuit_over_steps.retained(
                table,
                class_logits(snapshot, snapshot.train),
                embedding_norms=fourier.norm_by_frequency(embedding),
                unembedding_norms=fourier.norm_by_frequency(model.class_unembedding.detach()),
            ),
            **_distance_irrelevance(snapshot, correct, symmetricity.runner_up(logits, residue)),
            "sum_of_squared_weights": Quantity(
                joint_norm([parameter.detach().double() for parameter in snapshot.model.parameters()]).square(),
                "sum of squared weights",
                chart="sum of squared weights",
            ),
        }

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        return {**circuit_over_steps.progress(snapshot, history), **circuit_over_steps.distances(snapshot, history)}


def _losses(snapshot: Snapshot, table: Tensor, residue: Tensor, keys: Tensor) -> dict[str, Quantity]:
    """Restricted loss (all pairs), excluded loss (training examples) and trigonometric loss, with the key frequencies
    of this snapshot."""
    train = snapshot.train
    data = {"table": table, "residue": residue[pair_indices(snapshot, train)], "labels": train.targets}
    by_frequency = progress_measures.excluded_loss_by_frequency(class_logits(snapshot, train), **data).mean(-1)
    restricted = progress_measures.restricted_loss(table, keys, residue, residue).mean(-1)
    excluded = progress_measures.excluded_loss(class_logits(snapshot, train), **data, keys=keys).mean(-1)
    formula = trigonometric.loss(trigonometric.coefficients(table), keys)

    def current(loss: Tensor, title: str) -> Quantity:
        return Quantity(loss, title, chart="progress measures, current key frequencies", log_scale=True)

    return {
        "restricted_loss_current_frequencies": current(restricted, "restricted loss, current frequencies"),
        "excluded_loss_current_frequencies": current(excluded, "excluded loss (train), current frequencies"),
        "trigonometric_loss_current_frequencies": current(formula, "trigonometric loss, current frequencies"),
        "excluded_loss_by_frequency": _by_frequency(by_frequency, "excluded loss without one frequency (train)"),
    }


def _trigonometric_fit(table: Tensor, keys: Tensor, variance: Tensor) -> dict[str, Quantity]:
    """How well Σ α cos w(a + b − c) fits the logits, and its coefficients α."""
    alpha = trigonometric.coefficients(table)
    return {
        "logit_variance_explained": Quantity(
            trigonometric.explained(alpha, keys, variance),
            "logit variance explained by Σ α cos w(a + b − c)",
            chart="explained",
        ),
        "trigonometric_coefficient": _by_frequency(alpha, "coefficient α of cos w(a + b − c)"),
    }


def _embedding(embedding: Float[Tensor, "replica p d"]) -> dict[str, Quantity]:
    """The embedding's spectrum, rings and principal components."""
    components, shares = principal_components.principal_components(embedding)

    def by_component(values: Tensor, title: str) -> Quantity:
        first = values[:, :COMPONENTS]
        return Quantity(first, title, dims=("component",), coordinates={"component": range(1, first.shape[1] + 1)})

    circularities = principal_components.circularities(components)
    frequencies = principal_components.dominant_frequency(components)
    return {
        "circularity": Quantity(
            principal_components.circularity(components), "circularity of the first 4 components", chart="circularity"
        ),
        "effective_dimension": Quantity(
            principal_components.effective_dimension(shares), "effective dimension of W_E", chart="effective dimension"
        ),
        "component_circularity": by_component(circularities, "circularity of a component"),
        "component_frequency": by_component(frequencies, "frequency of a component"),
        "component_share": by_component(shares, "share of W_E's variance"),
        "embedding_gini": Quantity(
            gini(fourier.norm_by_direction(embedding)), "Gini of W_E in Fourier space", chart="Gini"
        ),
        "embedding_power": _by_frequency(fourier.share_by_frequency(embedding), "share of W_E's variance"),
        "ring_circularity": _by_frequency(rings.circularity(embedding), "circularity of the ring"),
        "key_frequencies_by_embedding": _count(key_frequencies.of_embedding(embedding), "by W_E"),
    }


def _distance_irrelevance(
    snapshot: Snapshot, correct: Float[Tensor, "replica pair"], runner_up: Float[Tensor, "replica pair"]
) -> dict[str, Quantity]:
    """The distance irrelevance of the correct logits, and of the runner-up's.

    The runner-up's compares with the published table of runs: its script uses these logits instead of the correct ones.
    """

    def irrelevance(logits: Tensor, title: str) -> Quantity:
        return Quantity(symmetricity.distance_irrelevance(logits_by_answer(snapshot, logits)), title, chart="symmetry")

    return {
        "distance_irrelevance": irrelevance(correct, "distance irrelevance"),
        "distance_irrelevance_of_runner_up": irrelevance(runner_up, "distance irrelevance of the runner-up's logits"),
    }


def _neuron_logit_map(weights: Float[Tensor, "replica p neuron"], keys: Tensor) -> dict[str, Quantity]:
    """The spectrum, rank and key frequencies of the neuron–logit map W_L = W_U W_out."""
    finite = weights.isfinite().flatten(1).all(1)[:, None, None]  # False for a network that diverged
    values = torch.linalg.svdvals(weights.where(finite, 0.0)).where(finite[..., 0], torch.nan)[:, :SINGULAR_VALUES]
    return {
        "key_frequencies": _count(keys, "by W_L"),
        "key_frequency": _by_frequency(keys.to(torch.int8), "whether it is a key frequency"),
        "neuron_logit_norm": _by_frequency(fourier.norm_by_frequency(weights), "norm of W_L"),
        "neuron_logit_gini": Quantity(
            gini(fourier.norm_by_direction(weights)), "Gini of W_L in Fourier space", chart="Gini"
        ),
        "neuron_logit_singular_value": Quantity(
            values,
            "singular values of W_L",
            dims=("singular_value",),
            coordinates={"singular_value": range(1, values.shape[1] + 1)},
        ),
    }


def _neurons(snapshot: Snapshot) -> dict[str, Quantity]:
    """The share of the last block's neurons that one frequency explains, and their number per frequency."""
    shares = neurons.share_by_frequency(transformer(snapshot).neurons(all_pairs(snapshot)))
    return {
        "neurons_explained": Quantity(
            neurons.fraction_of_neurons(neurons.explained(shares) > neurons.EXPLAINED_THRESHOLD, shares),
            "neurons explained by one frequency",
            chart="explained",
        ),
        "polysemantic_neurons": Quantity(
            neurons.fraction_of_neurons(neurons.polysemantic(shares), shares), "polysemantic neurons", chart="explained"
        ),
        "key_frequencies_by_neurons": _count(key_frequencies.of_neurons(shares), "by neurons"),
        "neurons_by_frequency": _by_frequency(neurons.count_by_frequency(shares), "neurons explained by the frequency"),
    }


def _count(keys: Bool[Tensor, "replica frequency"], rule: str) -> Quantity:
    return Quantity(keys.sum(-1), f"number of key frequencies, {rule}", chart="key frequencies")


def _by_frequency(values: Float[Tensor, "replica frequency"], title: str) -> Quantity:
    frequencies = range(1, values.shape[1] + 1)
    return Quantity(values, title, dims=("frequency",), coordinates={"frequency": frequencies})
