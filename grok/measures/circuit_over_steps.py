"""Quantities of the circuit over all steps, computed at the last evaluation with its key frequencies."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.measures.addition import pair_indices, residues
from grok.measures.snapshot import Snapshot
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.modular import progress_measures, subspace, trigonometric
from grok.science.modular.circuit_phases import CIRCUIT_PHASES, LEARNED_LOSS, circuit_phases
from grok.science.numerics import half_precision

N_EXAMPLES = 128  # training examples whose logits are retained from every snapshot, for the excluded loss


def retained(
    table: Tensor, logits: Tensor, *, embedding_norms: Tensor, unembedding_norms: Tensor
) -> dict[str, Quantity]:
    """Unrecorded quantities that `progress` and `distances` need from every snapshot.

    These are logits, centered over the classes: the mean ones of each residue, `table`, and those of the first
    `N_EXAMPLES` training examples; and the norms of W_E and W_U at each frequency.
    """

    def centered_logits(values: Tensor, row: str) -> dict[str, Quantity]:
        halves, scale = half_precision.to_half(values - values.mean(-1, keepdim=True))
        title = f"logits of each {row}"
        return {
            f"{row}_logits": Quantity(halves, title, dims=(row, "class"), recorded=False),
            f"{row}_logit_scale": Quantity(scale, f"scale of the {title}", dims=(row,), recorded=False),
        }

    def norms(values: Tensor, name: str) -> Quantity:
        return Quantity(values, f"norm of {name}", dims=("frequency",), recorded=False)

    return {
        **centered_logits(table, "residue"),
        **centered_logits(logits[:, :N_EXAMPLES], "example"),
        "embedding_norm": norms(embedding_norms, "W_E"),
        "unembedding_norm": norms(unembedding_norms, "W_U"),
    }


def progress(snapshot: Snapshot, history: History) -> dict[str, Quantity]:
    """The progress measures at every evaluation step, and the ends of the phases."""
    device, keys = snapshot.train.indices.device, _key_frequencies(snapshot, history)
    all_residues = torch.arange(snapshot.task.p, device=device)  # type: ignore[attr-defined]
    indices = pair_indices(snapshot, snapshot.train)[:, :N_EXAMPLES]
    data = {"residue": residues(snapshot)[indices], "labels": snapshot.train.targets[:, :N_EXAMPLES]}
    restricted, excluded, formula = [], [], []
    for number, alpha in enumerate(history.columns["trigonometric_coefficient"]):
        table, examples = (_restored_logits(history, row, number).to(device) for row in ("residue", "example"))
        restricted.append(progress_measures.restricted_loss(table, keys, all_residues, all_residues).mean(-1))
        excluded.append(progress_measures.excluded_loss(examples, **data, table=table, keys=keys).mean(-1))
        formula.append(trigonometric.loss(alpha.to(device), keys))

    def curve(losses: list[Tensor], title: str) -> Quantity:
        return Quantity(torch.stack(losses, 1), title, chart="progress measures", log_scale=True, dims=("step",))

    return {
        "restricted_loss": curve(restricted, "restricted loss"),
        "excluded_loss": curve(excluded, f"excluded loss ({data['labels'].shape[1]} training examples)"),
        "trigonometric_loss": curve(formula, "trigonometric loss"),
        "phase_ends": _phase_ends(history, torch.stack(excluded, 1)),
    }


def distances(snapshot: Snapshot, history: History) -> dict[str, Quantity]:
    """The distance of W_E and of W_U to their projections onto the key frequencies, at every evaluation step.

    It equals the distance in parameter space between the network and the same network with one of them projected.
    """
    keys = _key_frequencies(snapshot, history).cpu().unsqueeze(1)

    def distance(column: str, name: str) -> Quantity:
        values = subspace.distance_to_key_frequencies(torch.stack(history.columns[column], 1), keys)
        title, chart = f"distance of {name} to its key frequencies", "distance in parameter space"
        return Quantity(values, title, chart=chart, dims=("step",))

    return {
        "embedding_distance": distance("embedding_norm", "W_E"),
        "unembedding_distance": distance("unembedding_norm", "W_U"),
    }


def _key_frequencies(snapshot: Snapshot, history: History) -> Bool[Tensor, "replica frequency"]:
    """The key frequencies of the last evaluation, on the device of the data."""
    return history.latest("key_frequency").bool().to(snapshot.train.indices.device)


def _restored_logits(history: History, row: str, number: int) -> Float[Tensor, "replica row class"]:
    """The retained logits of evaluation `number`."""
    return half_precision.from_half(*(history.columns[f"{row}_{name}"][number] for name in ("logits", "logit_scale")))


def _phase_ends(history: History, excluded: Float[Tensor, "replica step"]) -> Quantity:
    """The steps at which memorization, circuit formation and cleanup end; NaN for a phase that does not end."""
    losses = {name: torch.stack(history.columns[name], 1).numpy() for name in ("train_loss", "test_loss")}
    losses["excluded_loss"] = excluded.cpu().numpy()
    steps = np.array(history.steps)
    ends = [
        circuit_phases(steps, **{name: each[replica] for name, each in losses.items()}, threshold=LEARNED_LOSS)
        for replica in range(len(excluded))
    ]
    values = torch.tensor([[math.nan if end is None else end for end in each] for each in ends], dtype=torch.float64)
    return Quantity(
        values, "end of the phase", "step", dims=("circuit_phase",), coordinates={"circuit_phase": CIRCUIT_PHASES}
    )
