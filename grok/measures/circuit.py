"""The Fourier circuit of modular addition while it forms (Nanda et al. 2023): progress measures, frequencies, rings."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from grok.checks import UserError
from grok.measures.look import Evaluation, Look
from grok.models.transformer import Transformer
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import (
    fourier,
    key_frequencies,
    neurons,
    principal_components,
    progress_measures,
    rings,
    subspace,
    symmetricity,
    trigonometric,
)
from grok.science.circuit_phases import LEARNED, PHASES, circuit_phases
from grok.science.concentration import gini
from grok.science.norms import joint_norm
from grok.tasks.task import Task

COMPONENTS = 8  # principal components that are told apart
SINGULAR_VALUES = 20  # of W_L: five key frequencies have ten
EXAMPLES = 128  # training examples whose logits are kept of every look, for the excluded loss


def adds_by_transformer(task: Task, model: nn.Module) -> None:
    """Refuse what has no such circuit to be read.

    Raises:
        UserError: the model is no transformer, or the task's operation neither adds nor subtracts modulo an odd number.
    """
    operation, p = getattr(task, "operation", type(task).__name__), getattr(task, "p", 0)
    if not isinstance(model, Transformer) or operation not in ("add", "subtract") or p % 2 == 0:
        raise UserError(
            f"reads a transformer that adds or subtracts modulo an odd p, not {type(model).__name__} on {operation} "
            f"with p={p}; measure=[performance,weight_norm] does without"
        )


class Circuit:
    """What the network computes, on all pairs and in Fourier space. Key frequencies are by the rule `neuron_logit`.

    Nanda et al. 2023 take the key frequencies of the end at every look. These are known at the last one, so the
    progress measures are made there (`last`), over all steps, from logits that are kept of every look. What can be seen
    while training goes on is taken with the key frequencies that the network has by then: nearly all, at first.
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
            **_embedding(embedding, keys),
            **_map(map_to_logits, keys),
            **_neurons(look),
            **_kept(table, outputs_of(look.train)[:, :EXAMPLES]),
            "distance_irrelevance": Labelled(
                symmetricity.distance_irrelevance(symmetricity.by_sum_and_difference(correct)),
                "distance irrelevance",
                chart="symmetry",
            ),
            "sum_of_squared_weights": Labelled(
                joint_norm([parameter.detach().double() for parameter in look.model.parameters()]).square(),
                "sum of squared weights",
                chart="sum of squared weights",
            ),
        }

    def last(self, look: Look, history: History) -> dict[str, Labelled]:
        return _over_steps(look, history)


def transformer(look: Look) -> Transformer:
    """The look's model, which has neurons, heads and an embedding to be read."""
    assert isinstance(look.model, Transformer), "checked before training"
    return look.model


def residues(look: Look) -> Int[Tensor, " pair"]:
    """The residue through which each pair (row a · p + b) is read, which is its result: a + b, or a − b."""
    _, results = look.task.truth()  # type: ignore[attr-defined]
    found: Tensor = results.to(look.train.rows.device)
    return found


def all_pairs(look: Look) -> Int[Tensor, "replica pair 2"]:
    """All pairs in their order, as the inputs of every replica."""
    pairs, _ = look.task.truth()  # type: ignore[attr-defined]
    inputs: Tensor = pairs.to(look.train.rows.device).expand(len(look.train.rows), -1, -1)
    return inputs


def pair_numbers(look: Look, part: Evaluation) -> Int[Tensor, "replica example"]:
    """The number a · p + b of each example's pair: tables of replicas' own, laid end to end, have rows beyond."""
    return part.rows % (look.train.rows.shape[1] + look.test.rows.shape[1])


def on_all_pairs(look: Look) -> Float[Tensor, "replica pair class"]:
    """The outputs for all pairs in their order, from those for training and test examples."""
    outputs = torch.cat([outputs_of(look.train), outputs_of(look.test)], 1)
    rows = torch.cat([pair_numbers(look, look.train), pair_numbers(look, look.test)], 1)
    return torch.empty_like(outputs).scatter_(1, rows.unsqueeze(-1).expand_as(outputs), outputs)


def outputs_of(evaluation: Evaluation) -> Float[Tensor, "replica example class"]:
    """The outputs that an evaluation keeps for measures that need them."""
    assert evaluation.outputs is not None, "a measure that needs outputs says so"
    return evaluation.outputs


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


def _kept(table: Tensor, logits: Tensor) -> dict[str, Labelled]:
    """Logits, centred over the classes, in half precision: kept, not recorded."""

    def kept(values: Tensor, row: str) -> Labelled:
        centred = values - values.mean(-1, keepdim=True)
        return Labelled(centred.half(), f"logits of each {row}", dims=(row, "class"), recorded=False)

    return {"residue_logits": kept(table, "residue"), "example_logits": kept(logits, "example")}


def _over_steps(look: Look, history: History) -> dict[str, Labelled]:
    """The progress measures at all looks, by the key frequencies of the last one."""
    device, columns = look.train.rows.device, history.columns
    keys = history.latest("key_frequency").bool().to(device)
    train, every = look.train, torch.arange(look.task.p, device=device)  # type: ignore[attr-defined]
    numbers = pair_numbers(look, train)[:, :EXAMPLES]
    own = {"residue": residues(look)[numbers], "labels": train.targets[:, :EXAMPLES]}
    restricted, excluded, formula = [], [], []
    for kept, examples, alpha in zip(
        columns["residue_logits"], columns["example_logits"], columns["trigonometric_coefficient"], strict=True
    ):
        table = kept.to(device).double()
        restricted.append(progress_measures.restricted_loss(table, keys, every, every).mean(-1))
        excluded.append(progress_measures.excluded_loss(examples.to(device), **own, table=table, keys=keys).mean(-1))
        formula.append(trigonometric.loss(alpha.to(device), keys))

    def progress(losses: list[Tensor], title: str) -> Labelled:
        return Labelled(torch.stack(losses, 1), title, chart="progress measures", log_scale=True, dims=("step",))

    return {
        "restricted_loss": progress(restricted, "restricted loss"),
        "excluded_loss": progress(excluded, f"excluded loss ({own['labels'].shape[1]} training examples)"),
        "trigonometric_loss": progress(formula, "trigonometric loss"),
        "phase_ends": _phase_ends(history, torch.stack(excluded, 1)),
    }


def _phase_ends(history: History, excluded: Float[Tensor, "replica look"]) -> Labelled:
    """The steps at which memorisation, circuit formation and cleanup end; NaN for one that does not."""
    losses = {name: torch.stack(history.columns[name], 1).numpy() for name in ("train_loss", "test_loss")}
    losses["excluded_loss"] = excluded.cpu().numpy()
    steps = np.array(history.steps)
    ends = [
        circuit_phases(steps, **{name: each[replica] for name, each in losses.items()}, threshold=LEARNED)
        for replica in range(len(excluded))
    ]
    values = torch.tensor([[math.nan if end is None else end for end in each] for each in ends], dtype=torch.float64)
    return Labelled(values, "end of the phase", "step", dims=("circuit_phase",), coordinates={"circuit_phase": PHASES})


def _embedding(embedding: Float[Tensor, "replica p d"], keys: Tensor) -> dict[str, Labelled]:
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
        "embedding_off_keys": Labelled(
            subspace.distance_to_keys(embedding, keys), "distance of W_E to its key frequencies", chart="distance"
        ),
        "embedding_power": _by_frequency(fourier.share_by_frequency(embedding), "share of W_E's variance"),
        "ring_circularity": _by_frequency(rings.circularity(embedding), "circularity of the ring"),
        "key_frequencies_by_embedding": _number(key_frequencies.of_embedding(embedding), "by W_E"),
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
            (neurons.explained(shares) > neurons.EXPLAINED).double().mean(-1),
            "neurons explained by one frequency",
            chart="explained",
        ),
        "polysemantic_neurons": Labelled(
            neurons.polysemantic(shares).double().mean(-1), "polysemantic neurons", chart="explained"
        ),
        "key_frequencies_by_neurons": _number(key_frequencies.of_neurons(shares), "by neurons"),
        "neurons_by_frequency": _by_frequency(neurons.per_frequency(shares), "neurons explained by the frequency"),
    }


def _number(keys: Bool[Tensor, "replica frequency"], rule: str) -> Labelled:
    return Labelled(keys.sum(-1), f"number of key frequencies, {rule}", chart="key frequencies")


def _by_frequency(values: Float[Tensor, "replica frequency"], title: str) -> Labelled:
    frequencies = range(1, values.shape[1] + 1)
    return Labelled(values, title, dims=("frequency",), coordinates={"frequency": frequencies})
