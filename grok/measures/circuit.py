"""The Fourier circuit of modular addition while it forms (Nanda et al. 2023): progress measures, frequencies, rings."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.measures import circuit_over_steps
from grok.measures.addition import (
    adds_by_transformer,
    all_pairs,
    by_answer,
    on_all_pairs,
    outputs_of,
    pair_numbers,
    residues,
    transformer,
)
from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import (
    fourier,
    key_frequencies,
    neurons,
    principal_components,
    progress_measures,
    rings,
    symmetricity,
    trigonometric,
)
from grok.science.concentration import gini
from grok.science.norms import joint_norm

COMPONENTS = 8  # principal components that are told apart
SINGULAR_VALUES = 20  # of W_L: five key frequencies have ten


class Circuit:
    """What the network computes, on all pairs and in Fourier space. Key frequencies are by the rule `neuron_logit`.

    Nanda et al. 2023 take the key frequencies of the end at every look. These are known at the last one, so the
    progress measures and the distances to the key frequencies are made there (`last`), over all steps, from what is
    kept of every look. What can be seen while training goes on is taken with the key frequencies that the network has
    by then: nearly all, at first.
    """

    needs_outputs = True
    needs_float64 = True
    check = staticmethod(adds_by_transformer)

    def __call__(self, look: Look) -> dict[str, Labelled]:
        residue, logits = residues(look), on_all_pairs(look)
        correct = logits.gather(-1, residue.expand(logits.shape[:-1]).unsqueeze(-1)).squeeze(-1)
        model = transformer(look)
        embedding, map_to_logits = model.token_embedding.detach(), model.neuron_logit_map.detach()
        keys = key_frequencies.of_neuron_logit_map(map_to_logits)
        table = progress_measures.mean_by_residue(logits, residue)
        return {
            **_formula(table, keys, trigonometric.variance(logits)),
            **_losses(look, table, residue, keys),
            **_embedding(embedding),
            **_map(map_to_logits, keys),
            **_neurons(look),
            **circuit_over_steps.kept(
                table,
                outputs_of(look.train),
                embedding_norms=fourier.norm_by_frequency(embedding),
                unembedding_norms=fourier.norm_by_frequency(model.class_unembedding.detach()),
            ),
            **_irrelevance(look, correct, symmetricity.runner_up(logits, residue)),
            "sum_of_squared_weights": Labelled(
                joint_norm([parameter.detach().double() for parameter in look.model.parameters()]).square(),
                "sum of squared weights",
                chart="sum of squared weights",
            ),
        }

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        return {**circuit_over_steps.progress(look, history), **circuit_over_steps.distances(look, history)}


def _losses(look: Look, table: Tensor, residue: Tensor, keys: Tensor) -> dict[str, Labelled]:
    """The loss with the mechanism alone (all pairs), and without it (training examples), by the look's own keys."""
    train = look.train
    own = {"table": table, "residue": residue[pair_numbers(look, train)], "labels": train.targets}
    by_frequency = progress_measures.excluded_loss_by_frequency(outputs_of(train), **own).mean(-1)
    restricted = progress_measures.restricted_loss(table, keys, residue, residue).mean(-1)
    excluded = progress_measures.excluded_loss(outputs_of(train), **own, keys=keys).mean(-1)
    formula = trigonometric.loss(trigonometric.coefficients(table), keys)

    def so_far(loss: Tensor, name: str) -> Labelled:
        return Labelled(loss, name, chart="progress measures, by own keys", log_scale=True)

    return {
        "restricted_loss_by_own_keys": so_far(restricted, "restricted loss"),
        "excluded_loss_by_own_keys": so_far(excluded, "excluded loss (train)"),
        "trigonometric_loss_by_own_keys": so_far(formula, "trigonometric loss"),
        "excluded_loss_by_frequency": _by_frequency(by_frequency, "excluded loss without one frequency (train)"),
    }


def _formula(table: Tensor, keys: Tensor, variance: Tensor) -> dict[str, Labelled]:
    """How far the logits are Σ α cos w(a + b − c)."""
    alpha = trigonometric.coefficients(table)
    return {
        "logit_variance_explained": Labelled(
            trigonometric.explained(alpha, keys, variance),
            "logit variance explained by Σ α cos w(a + b − c)",
            chart="explained",
        ),
        "trigonometric_coefficient": _by_frequency(alpha, "coefficient α of cos w(a + b − c)"),
    }


def _embedding(embedding: Float[Tensor, "replica p d"]) -> dict[str, Labelled]:
    """The embedding's spectrum, rings and principal components."""
    components, shares = principal_components.principal_components(embedding)

    def first(values: Tensor, title: str) -> Labelled:
        own = values[:, :COMPONENTS]
        return Labelled(own, title, dims=("component",), coordinates={"component": range(1, own.shape[1] + 1)})

    return {
        "circularity": Labelled(
            principal_components.circularity(components), "circularity of the first 4 components", chart="circularity"
        ),
        "effective_dimension": Labelled(
            principal_components.effective_dimension(shares), "effective dimension of W_E", chart="effective dimension"
        ),
        "component_circularity": first(principal_components.circularities(components), "circularity of a component"),
        "component_frequency": first(principal_components.dominant_frequency(components), "frequency of a component"),
        "component_share": first(shares, "share of W_E's variance"),
        "embedding_gini": Labelled(
            gini(fourier.norm_by_direction(embedding)), "Gini of W_E in Fourier space", chart="Gini"
        ),
        "embedding_power": _by_frequency(fourier.share_by_frequency(embedding), "share of W_E's variance"),
        "ring_circularity": _by_frequency(rings.circularity(embedding), "circularity of the ring"),
        "key_frequencies_by_embedding": _number(key_frequencies.of_embedding(embedding), "by W_E"),
    }


def _irrelevance(
    look: Look, correct: Float[Tensor, "replica pair"], runner_up: Float[Tensor, "replica pair"]
) -> dict[str, Labelled]:
    """Whether the logits depend on the distance of the operands; the runner-up's, to compare with the published table
    of runs, as its script takes them in place of the correct ones."""

    def of(logits: Tensor, name: str) -> Labelled:
        return Labelled(symmetricity.distance_irrelevance(by_answer(look, logits)), name, chart="symmetry")

    return {
        "distance_irrelevance": of(correct, "distance irrelevance"),
        "distance_irrelevance_of_runner_up": of(runner_up, "distance irrelevance of the runner-up's logits"),
    }


def _map(weights: Float[Tensor, "replica p neuron"], keys: Tensor) -> dict[str, Labelled]:
    """The neuron–logit map W_L = W_U W_out: its spectrum, rank and key frequencies."""
    finite = weights.isfinite().flatten(1).all(1)[:, None, None]  # a network that diverged has none
    values = torch.linalg.svdvals(weights.where(finite, 0.0)).where(finite[..., 0], torch.nan)[:, :SINGULAR_VALUES]
    return {
        "key_frequencies": _number(keys, "by W_L"),
        "key_frequency": _by_frequency(keys.to(torch.int8), "whether it is a key frequency"),
        "neuron_logit_norm": _by_frequency(fourier.norm_by_frequency(weights), "norm of W_L"),
        "neuron_logit_gini": Labelled(
            gini(fourier.norm_by_direction(weights)), "Gini of W_L in Fourier space", chart="Gini"
        ),
        "neuron_logit_singular_value": Labelled(
            values,
            "singular values of W_L",
            dims=("singular_value",),
            coordinates={"singular_value": range(1, values.shape[1] + 1)},
        ),
    }


def _neurons(look: Look) -> dict[str, Labelled]:
    """How many of the last block's neurons work at one frequency, and at which."""
    shares = neurons.share_by_frequency(transformer(look).neurons(all_pairs(look)))
    return {
        "neurons_explained": Labelled(
            neurons.fraction(neurons.explained(shares) > neurons.EXPLAINED, shares),
            "neurons explained by one frequency",
            chart="explained",
        ),
        "polysemantic_neurons": Labelled(
            neurons.fraction(neurons.polysemantic(shares), shares), "polysemantic neurons", chart="explained"
        ),
        "key_frequencies_by_neurons": _number(key_frequencies.of_neurons(shares), "by neurons"),
        "neurons_by_frequency": _by_frequency(neurons.per_frequency(shares), "neurons explained by the frequency"),
    }


def _number(keys: Bool[Tensor, "replica frequency"], rule: str) -> Labelled:
    return Labelled(keys.sum(-1), f"number of key frequencies, {rule}", chart="key frequencies")


def _by_frequency(values: Float[Tensor, "replica frequency"], title: str) -> Labelled:
    frequencies = range(1, values.shape[1] + 1)
    return Labelled(values, title, dims=("frequency",), coordinates={"frequency": frequencies})
