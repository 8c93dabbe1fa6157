"""What of the circuit is told at the end alone, over all steps: by the key frequencies that the network then has."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.measures.addition import pair_numbers, residues
from grok.measures.look import Look
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.science import half_precision, progress_measures, subspace, trigonometric
from grok.science.circuit_phases import LEARNED, PHASES, circuit_phases

EXAMPLES = 128  # training examples whose logits are kept of every look, for the excluded loss


def kept(table: Tensor, logits: Tensor, *, embedding_norms: Tensor, unembedding_norms: Tensor) -> dict[str, Labelled]:
    """What is kept of a look for the end, and not recorded: logits [replica, row, class], of the residues' means and of
    some training examples, centred over the classes; the norms of W_E and W_U at each frequency."""

    def rows(values: Tensor, row: str) -> dict[str, Labelled]:
        halves, scale = half_precision.halved(values - values.mean(-1, keepdim=True))
        title = f"logits of each {row}"
        return {
            f"{row}_logits": Labelled(halves, title, dims=(row, "class"), recorded=False),
            f"{row}_logit_scale": Labelled(scale, f"scale of the {title}", dims=(row,), recorded=False),
        }

    def norms(values: Tensor, name: str) -> Labelled:
        return Labelled(values, f"norm of {name}", dims=("frequency",), recorded=False)

    return {
        **rows(table, "residue"),
        **rows(logits[:, :EXAMPLES], "example"),
        "embedding_norm": norms(embedding_norms, "W_E"),
        "unembedding_norm": norms(unembedding_norms, "W_U"),
    }


def progress(look: Look, history: History) -> dict[str, Labelled]:
    """The progress measures of all looks, and the phases that they tell."""
    device, keys = look.train.rows.device, _keys(look, history)
    train, every = look.train, torch.arange(look.task.p, device=device)  # type: ignore[attr-defined]
    numbers = pair_numbers(look, train)[:, :EXAMPLES]
    own = {"residue": residues(look)[numbers], "labels": train.targets[:, :EXAMPLES]}
    restricted, excluded, formula = [], [], []
    for number, alpha in enumerate(history.columns["trigonometric_coefficient"]):
        table, examples = (_restored(history, row, number).to(device) for row in ("residue", "example"))
        restricted.append(progress_measures.restricted_loss(table, keys, every, every).mean(-1))
        excluded.append(progress_measures.excluded_loss(examples, **own, table=table, keys=keys).mean(-1))
        formula.append(trigonometric.loss(alpha.to(device), keys))

    def labelled(losses: list[Tensor], title: str) -> Labelled:
        return Labelled(torch.stack(losses, 1), title, chart="progress measures", log_scale=True, dims=("step",))

    return {
        "restricted_loss": labelled(restricted, "restricted loss"),
        "excluded_loss": labelled(excluded, f"excluded loss ({own['labels'].shape[1]} training examples)"),
        "trigonometric_loss": labelled(formula, "trigonometric loss"),
        "phase_ends": _phase_ends(history, torch.stack(excluded, 1)),
    }


def distances(look: Look, history: History) -> dict[str, Labelled]:
    """How far W_E and W_U are, at each look, from their projections on the key frequencies: in parameter space, as far
    as the whole network is from itself with one of them projected."""
    keys = _keys(look, history).cpu().unsqueeze(1)

    def off_keys(column: str, name: str) -> Labelled:
        far = subspace.distance_to_keys(torch.stack(history.columns[column], 1), keys)
        title, chart = f"distance of {name} to its key frequencies", "distance in parameter space"
        return Labelled(far, title, chart=chart, dims=("step",))

    return {
        "embedding_off_keys": off_keys("embedding_norm", "W_E"),
        "unembedding_off_keys": off_keys("unembedding_norm", "W_U"),
    }


def _keys(look: Look, history: History) -> Bool[Tensor, "replica frequency"]:
    """The key frequencies of the last look, on the device of the data."""
    return history.latest("key_frequency").bool().to(look.train.rows.device)


def _restored(history: History, row: str, number: int) -> Float[Tensor, "replica row class"]:
    """The logits that were kept of the look of this number."""
    return half_precision.restored(*(history.columns[f"{row}_{name}"][number] for name in ("logits", "logit_scale")))


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
