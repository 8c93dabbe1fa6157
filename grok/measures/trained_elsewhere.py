"""The measures of modular addition on a network trained elsewhere.

python -m grok.measures.trained_elsewhere weights.npz [--attention 0] [--fraction 0.3] [--split-seed 1]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from grok.checks import MISTAKE, UserError, number
from grok.measures.circuit import Circuit, adds_by_transformer
from grok.measures.look import Evaluation, Look
from grok.measures.performance import Performance
from grok.measures.symmetry import Symmetry
from grok.models.foreign import load_weights
from grok.records.history import History
from grok.records.labelled import Labelled
from grok.streams import Streams
from grok.tasks.modular_addition import ModularAddition
from grok.tasks.task import Thresholds


def measures(model: nn.Module, p: int, *, operation: str, fraction: float, split_seed: int) -> dict[str, Labelled]:
    """Performance, circuit and symmetry of a network [1 replica] that adds or subtracts modulo p.

    The split is the published one.

    Raises:
        UserError: a fraction that leaves no example, or an even p.
    """
    number("--fraction", fraction, above=0, below=1)
    thresholds = Thresholds(memorization=0.99, generalization=0.99, grokking_delay=1000, stay=True)
    task = ModularAddition(
        p=p,
        operation=operation,
        fraction=fraction,
        labels="operation",
        corrupted=0.0,
        split_seed_rule="reference",
        loss_precision="float64",
        thresholds=thresholds,
    )
    adds_by_transformer(task, model)
    data = task.data(Streams(split_seed))
    with torch.no_grad():
        train, test = (_evaluate(model, task, each.inputs, each.targets, each.rows) for each in (data.train, data.test))
        look = Look(0, task, model, train, test)
        return {**Performance()(look), **Circuit()(look), **Symmetry().last(look, History())}


def _evaluate(model: nn.Module, task: ModularAddition, inputs: Tensor, targets: Tensor, rows: Tensor) -> Evaluation:
    outputs, targets = model(inputs[rows].unsqueeze(0)), targets[rows].unsqueeze(0)
    loss, correct = task.example_loss(outputs, targets), task.is_correct(outputs, targets)
    return Evaluation(rows=rows.unsqueeze(0), targets=targets, loss=loss, correct=correct, outputs=outputs)


def tables(found: Mapping[str, Labelled]) -> tuple[Table, Table]:
    """The numbers of the network, and those of each key frequency."""
    whole, keys = Table(title="network"), Table(title="key frequencies, by W_L")
    whole.add_column("measure")
    whole.add_column("value", justify="right")
    for labelled in found.values():
        if not labelled.dims:
            whole.add_row(labelled.title, f"{float(labelled.values[0]):.6g}")
    by_frequency = {
        name: each for name, each in found.items() if each.dims == ("frequency",) and name != "key_frequency"
    }
    keys.add_column("k", justify="right")
    for each in by_frequency.values():
        keys.add_column(each.title, justify="right")
    for place in found["key_frequency"].values[0].nonzero().flatten().tolist():
        keys.add_row(str(place + 1), *[f"{float(each.values[0, place]):.4g}" for each in by_frequency.values()])
    return whole, keys


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m grok.measures.trained_elsewhere", description=__doc__)
    parser.add_argument(
        "weights", type=Path, help=".npz, .pt, .pth or .safetensors, named as Nanda et al. or TransformerLens name them"
    )
    parser.add_argument(
        "--attention", type=float, default=1.0, help="coefficient c of Clock and Pizza (default: 1, softmax)"
    )
    parser.add_argument("--activation", choices=("relu", "gelu"), default="relu")
    parser.add_argument("--operation", choices=("add", "subtract"), default="add")
    parser.add_argument("--fraction", type=float, default=0.3, help="of the pairs, that it was trained on")
    parser.add_argument("--split-seed", type=int, default=0, help="of random.seed, by which the pairs were shuffled")
    given = parser.parse_args(arguments)
    try:
        model, p = load_weights(given.weights, attention=given.attention, activation=given.activation)
        found = measures(model, p, operation=given.operation, fraction=given.fraction, split_seed=given.split_seed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    for table in tables(found):
        Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
