"""The measures of modular addition on a pretrained network, as a record of one snapshot.

model, p = grok.load_weights("weights.npz")
record = measure_pretrained(model, p, operation="add", fraction=0.3, split_seed=1)  # an xarray Dataset
"""

from __future__ import annotations

import torch
import xarray as xr

from grok.checks import UserError, check_choice, check_float
from grok.measures import addition, circuit_over_steps
from grok.measures.anomaly import Anomaly
from grok.measures.circuit import Circuit
from grok.measures.maps import Maps
from grok.measures.ring_coordinates import RingCoordinates
from grok.measures.snapshot import Evaluation, Snapshot
from grok.measures.symmetry import Symmetry
from grok.measures.weight_norm import WeightNorm
from grok.models.transformer import Transformer
from grok.random_streams import RandomStreams
from grok.records.history import History
from grok.records.provenance import provenance
from grok.tasks.modular_addition import ModularAddition
from grok.tasks.task import Examples


def measure_pretrained(model: Transformer, p: int, *, operation: str, fraction: float, split_seed: int) -> xr.Dataset:
    """The record of one snapshot of a pretrained network [1 replica] that adds or subtracts modulo p.

    It has the quantities that a run with all measures of modular addition records at its last evaluation. The training
    pairs are those of the reference code: the first `fraction` after `random.seed(split_seed)` and `random.shuffle`.
    The recorded step is 0, because the true step is unknown. The progress measures are those with the current key
    frequencies.

    Raises:
        UserError: another operation, a fraction without a training example, an even p, or a p that is too large.
    """
    task = _task(p, operation=operation, fraction=fraction)
    with torch.no_grad():
        history = _history(_snapshot(model, task, split_seed))
    attributes: dict[str, str | int | float] = {
        "p": p,
        "operation": operation,
        "fraction": fraction,
        "split_seed": split_seed,
    }
    return history.dataset(0, {**attributes, **provenance()})


def _task(p: int, *, operation: str, fraction: float) -> ModularAddition:
    """The task that the network was trained on."""
    check_choice("operation", operation, addition.OPERATIONS)
    if p % 2 == 0 or not 3 <= p <= addition.MAX_P:
        raise UserError(f"the network has {p} residues; their number must be odd and from 3 to {addition.MAX_P}")
    check_float("fraction", fraction, above=0, below=1)
    if not int(fraction * p * p):
        raise UserError(f"fraction={fraction}: leaves no training example of {p * p:,} pairs")
    return ModularAddition(
        p=p,
        operation=operation,
        form="pair",
        fraction=fraction,
        labels="operation",
        label_noise=0.0,
        rng="reference",
        loss_precision="float64",
        train_equals_logit=False,
        thresholds=None,
    )


def _snapshot(model: Transformer, task: ModularAddition, split_seed: int) -> Snapshot:
    """The network, and its performance on the training and test pairs of this split."""
    data = task.data(RandomStreams(split_seed))
    return Snapshot(0, task, model, _evaluate(model, task, data.train), _evaluate(model, task, data.test))


def _evaluate(model: Transformer, task: ModularAddition, examples: Examples) -> Evaluation:
    indices = examples.indices
    outputs, targets = model(examples.inputs[indices].unsqueeze(0)), examples.targets[indices].unsqueeze(0)
    loss, correct = task.example_loss(outputs, targets), task.is_correct(outputs, targets)
    return Evaluation(indices=indices.unsqueeze(0), targets=targets, loss=loss, correct=correct, outputs=outputs)


def _history(snapshot: Snapshot) -> History:
    """The quantities of all measures; the snapshot is both the first and the last evaluation."""
    history, anomaly = History(), Anomaly()
    at_every_step = (WeightNorm(), Circuit(), RingCoordinates(), anomaly)
    measured = {name: each for measure in at_every_step for name, each in measure(snapshot).items()}
    history.append(0, {**snapshot.performance(), **measured})
    final = [measure.finalize(snapshot, history) for measure in (Symmetry(), Maps(), anomaly)]
    final.append(circuit_over_steps.distances(snapshot, history))
    history.keep_final({name: each for quantities in final for name, each in quantities.items()})
    return history
