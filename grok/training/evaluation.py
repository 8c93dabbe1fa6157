"""The evaluation of replicas on their examples: losses, correctness, and what measures ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from grok.checks import UserError
from grok.measures.snapshot import Evaluation, Measure, Snapshot
from grok.models.model import Model
from grok.records.quantity import Quantity
from grok.science.losses import loss_weights
from grok.tasks.task import Task
from grok.training.batches import ReplicaDataset

# Examples, or tokens of examples with outputs at every position, that are evaluated at once: this many summed over all
# replicas, and at least this many per replica.
EVALUATION_EXAMPLES = 4096
MIN_EXAMPLES_PER_REPLICA = 256
MAX_OUTPUTS = 2**26  # numbers at once, 0.27 GB in single precision; only large vocabularies reach this limit


def evaluate(
    model: Model, task: Task, dataset: ReplicaDataset, *, with_outputs: bool, with_gradients: bool
) -> Evaluation:
    """The performance of every replica on each of its examples, a chunk of examples at a time.

    Raises:
        UserError: the task's loss or correctness has the wrong shape.
    """
    loss, correct, labels, outputs = [], [], [], []
    n_outputs = max(MIN_EXAMPLES_PER_REPLICA, EVALUATION_EXAMPLES // len(dataset.indices))
    n_outputs = min(n_outputs, MAX_OUTPUTS // (len(dataset.indices) * task.spec.outputs.n))
    size = max(1, n_outputs // task.spec.outputs_per_example)
    for inputs, targets in dataset.chunks(size):
        out = model(inputs)
        loss.append(task.example_loss(out, targets))
        correct.append(task.is_correct(out, targets))
        check_shapes(task, out, targets, loss[-1])
        if correct[-1].dtype != torch.bool:
            raise UserError(
                f"task: {type(task).__name__}.is_correct returned {correct[-1].dtype}; it must be torch.bool"
            )
        if correct[-1].shape != loss[-1].shape:
            raise _wrong_shape(task, "is_correct", correct[-1], f"must be that of the loss, {[*loss[-1].shape]}")
        labels.append(targets)
        outputs += [out] if with_outputs else []
    targets = torch.cat(labels, 1)
    found = Evaluation(
        indices=dataset.indices,
        targets=targets,
        loss=torch.cat(loss, 1),
        correct=torch.cat(correct, 1),
        outputs=torch.cat(outputs, 1) if with_outputs else None,
        weights=dataset.weights,
        mask=task.mask(targets),
    )
    return replace(found, gradients=_gradients(model, task, dataset, found, size)) if with_gradients else found


def measure_all(measures: Sequence[Measure], snapshot: Snapshot) -> dict[str, Quantity]:
    """The performance and the quantities of all measures.

    Raises:
        UserError: a quantity has the wrong shape, or two measures give the same quantity.
    """
    row = snapshot.performance()
    for measure in measures:
        for name, quantity in measure(snapshot).items():
            if name in row:
                raise UserError(f"measure: {type(measure).__name__} gives {name}, which is recorded already")
            values, n_axes = quantity.values, 1 + len(quantity.dims)
            if not isinstance(values, Tensor) or values.dim() != n_axes or len(values) != len(snapshot.train.indices):
                found = [*values.shape] if isinstance(values, Tensor) else type(values).__name__
                axes = ", ".join(["replica", *quantity.dims])
                raise UserError(f"measure: {type(measure).__name__} gives {name} as {found}; it must be [{axes}]")
            row[name] = quantity
    return row


def check_shapes(task: Task, outputs: Tensor, targets: Tensor, loss: Tensor) -> None:
    """Check the shapes of a batch: the outputs fit the task; loss and mask have a value per example or token.

    Raises:
        UserError: a shape is wrong.
    """
    examples, needed, mask = [*targets.shape[:2]], task.spec.outputs, task.mask(targets)
    if [*outputs.shape[:2]] != examples or outputs.shape[-1] != needed.n:
        raise UserError(
            f"model: the outputs have the shape {[*outputs.shape]}; for {needed} they must be [replica, example, …, "
            f"{needed.n}], here [{examples[0]}, {examples[1]}, …, {needed.n}]"
        )
    if loss.shape != outputs.shape[:-1]:
        raise _wrong_shape(
            task, "example_loss", loss, f"must be that of the outputs without the last axis, {[*outputs.shape[:-1]]}"
        )
    if mask is not None and mask.shape != loss.shape:
        raise _wrong_shape(task, "mask", mask, f"must be that of the loss, {[*loss.shape]}")


@torch.enable_grad()
def _gradients(
    model: Model, task: Task, dataset: ReplicaDataset, evaluation: Evaluation, size: int
) -> dict[str, Float[Tensor, "replica ..."]]:
    """The gradient of each replica's mean loss, by parameter."""
    parameters = dict(model.named_parameters())
    weights = None if dataset.weights is None else dataset.weights.to(evaluation.loss)
    weight = loss_weights(evaluation.loss, evaluation.mask, weights)
    weight = weight / weight.flatten(1).sum(1).view(-1, *[1] * (weight.dim() - 1))
    total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for share, (inputs, targets) in zip(weight.split(size, dim=1), dataset.chunks(size), strict=True):
        loss = task.example_loss(model(inputs), targets).where(share > 0, 0)
        gradients = torch.autograd.grad((loss * share).sum(), [*parameters.values()], materialize_grads=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            total[name] += gradient
    return total


def _wrong_shape(task: Task, method: str, values: Tensor, rule: str) -> UserError:
    return UserError(f"task: {type(task).__name__}.{method} returned the shape {[*values.shape]}; it {rule}")
