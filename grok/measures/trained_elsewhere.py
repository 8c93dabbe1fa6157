"""The measures of modular addition on a network trained elsewhere: a record of one look.

model, p = grok.load_weights("weights.npz")
record = measures(model, p, operation="add", fraction=0.3, split_seed=1)   # an xarray Dataset
"""

from __future__ import annotations

import torch
import xarray as xr
from torch import Tensor

from grok.checks import UserError, choice, number
from grok.measures import addition, circuit_over_steps
from grok.measures.anomaly import Anomaly
from grok.measures.circuit import Circuit
from grok.measures.look import Evaluation, Look
from grok.measures.maps import Maps
from grok.measures.performance import Performance
from grok.measures.ring_coordinates import RingCoordinates
from grok.measures.symmetry import Symmetry
from grok.measures.weight_norm import WeightNorm
from grok.models.transformer import Transformer
from grok.records.history import History
from grok.records.provenance import provenance
from grok.streams import Streams
from grok.tasks.modular_addition import ModularAddition
from grok.tasks.task import Thresholds


def measures(model: Transformer, p: int, *, operation: str, fraction: float, split_seed: int) -> xr.Dataset:
    """The record, of one look, of a network [1 replica] that was trained to add or subtract modulo p: all that a run
    with all measures of modular addition records at its last look.

    The split into training and test pairs is the published one: `random.seed(split_seed)`, `random.shuffle`, the first
    `fraction` of them. The look is at step 0, as nobody knows at which it was. The progress measures are those by the
    network's own key frequencies, which are those of the end.

    Raises:
        UserError: an operation that is not read, a fraction that leaves no example, an even p or one that is too large.
    """
    choice("operation", operation, addition.OPERATIONS)
    if p % 2 == 0 or not 3 <= p <= addition.LARGEST:
        raise UserError(f"the network is on {p} residues, must be on an odd number from 3 to {addition.LARGEST}")
    number("fraction", fraction, above=0, below=1)
    if not int(fraction * p * p):
        raise UserError(f"fraction={fraction}: leaves no training example of {p * p:,} pairs")
    task = ModularAddition(
        p=p,
        operation=operation,
        fraction=fraction,
        labels="operation",
        corrupted=0.0,
        split_seed_rule="reference",
        loss_precision="float64",
        thresholds=Thresholds(memorization=0.99, generalization=0.99, grokking_delay=1000, stay=True),
    )
    data = task.data(Streams(split_seed))
    at_looks = (Performance(), WeightNorm(), Circuit(), RingCoordinates(), Anomaly())
    at_the_end = (Symmetry(), Maps(), Anomaly())
    with torch.no_grad():
        train, test = (_evaluate(model, task, each.inputs, each.targets, each.rows) for each in (data.train, data.test))
        look, history = Look(0, task, model, train, test), History()
        history.append(0, {name: each for measure in at_looks for name, each in measure(look).items()})
        lasting = [measure.last(look, history) for measure in at_the_end]
        lasting.append(circuit_over_steps.distances(look, history))
        history.keep({name: each for quantities in lasting for name, each in quantities.items()})
    given: dict[str, str | int | float] = {
        "p": p,
        "operation": operation,
        "fraction": fraction,
        "split_seed": split_seed,
    }
    return history.dataset(0, {**given, **provenance()})


def _evaluate(model: Transformer, task: ModularAddition, inputs: Tensor, targets: Tensor, rows: Tensor) -> Evaluation:
    outputs, targets = model(inputs[rows].unsqueeze(0)), targets[rows].unsqueeze(0)
    loss, correct = task.example_loss(outputs, targets), task.is_correct(outputs, targets)
    return Evaluation(rows=rows.unsqueeze(0), targets=targets, loss=loss, correct=correct, outputs=outputs)
