"""Training batches for batched replicas, gathered from tensors on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, repeat
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.tasks.task import Data, Examples, Task

Sampler = Callable[[int, Generator], tuple[Tensor, Tensor]]  # n and a generator → inputs and targets of n examples


def check_data(task: Task, data: Data) -> None:
    """Require training and test examples that have the shape of the task's spec.

    Raises:
        UserError: there are none, or they have another shape.
    """
    expected = task.spec.inputs.shape
    for part, examples in (("training", data.train), ("test", data.test)):
        if not len(examples.indices):
            raise UserError(f"task: {type(task).__name__} has no {part} examples")
        if not all(isinstance(each, Tensor) for each in (examples.inputs, examples.targets)):
            raise UserError(f"task: {type(task).__name__} must give inputs and targets as torch tensors")
        if expected is not None and examples.inputs.shape[1:] != expected:
            found = ", ".join(map(str, ("example", *examples.inputs.shape[1:])))
            raise UserError(f"task: {type(task).__name__} gives inputs [{found}], but its spec is {task.spec.inputs}")


class ExampleTensors:
    """The inputs and targets of all replicas. Those that replicas share are stored once, others are concatenated."""

    def __init__(self, examples: Sequence[Examples], *, dtype: torch.dtype) -> None:
        unique = {self.key(each): each for each in examples}
        lengths = [len(each.inputs) for each in unique.values()]
        self.offsets = dict(zip(unique, accumulate(lengths, initial=0), strict=False))  # the first index of each part
        self.inputs = as_dtype(_joined([each.inputs for each in unique.values()]), dtype)
        self.targets = as_dtype(_joined([each.targets for each in unique.values()]), dtype)

    @staticmethod
    def key(examples: Examples) -> tuple[int, int]:
        """Equal for examples with the same inputs and targets."""
        return id(examples.inputs), id(examples.targets)

    def to(self, device: torch.device) -> None:
        """Move the inputs and targets to the device."""
        self.inputs, self.targets = self.inputs.to(device), self.targets.to(device)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """The parts as one tensor; a single part is not copied."""
    return torch.cat([*parts]) if len(parts) > 1 else parts[0]


class ReplicaDataset:
    """The examples of all replicas: inputs and targets, and each replica's indices into them.

    A test set shares the inputs and targets of the training set, `other`, if the task gives both the same tensors.
    """

    def __init__(
        self, examples: Sequence[Examples], *, dtype: torch.dtype, other: ReplicaDataset | None = None
    ) -> None:
        self.dtype = dtype
        is_same = other is not None and other.tensors.offsets.keys() == {ExampleTensors.key(each) for each in examples}
        self.tensors: ExampleTensors = other.tensors if other and is_same else ExampleTensors(examples, dtype=dtype)
        self.indices: Int[Tensor, "replica example"] = torch.stack(
            [each.indices + self.tensors.offsets[ExampleTensors.key(each)] for each in examples]
        )
        self.indices_are_shared = bool((self.indices == self.indices[0]).all())
        weights = [each.weights for each in examples if each.weights is not None]
        self.weights = torch.stack(weights) if weights else None  # [replica, example]; they stay on the CPU

    def to(self, device: torch.device) -> None:
        """Move the examples to the device."""
        self.tensors.to(device)
        self.indices = self.indices.to(device)

    def gather(self, indices: Int[Tensor, "replica example"]) -> tuple[Tensor, Tensor]:
        """Inputs and targets [replica, example, …] at these indices."""
        flat = indices.flatten()
        inputs, targets = self.tensors.inputs.index_select(0, flat), self.tensors.targets.index_select(0, flat)
        return inputs.view(*indices.shape, *inputs.shape[1:]), targets.view(*indices.shape, *targets.shape[1:])

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, `size` at a time; replicas with the same indices get views of one chunk."""
        for indices in self.indices.split(size, dim=1):
            if self.indices_are_shared:
                inputs, targets = self.gather(indices[:1])
                yield inputs.expand(len(indices), *inputs.shape[1:]), targets.expand(len(indices), *targets.shape[1:])
            else:
                yield self.gather(indices)


@runtime_checkable
class BatchSource(Protocol):
    """The training batch of each step: a function of the step, so that a resumed run needs no state."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets [replica, example, …] for the step from `step` to `step + 1`."""

    def batch_of_each_shape(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        """One batch of each shape that training will see; by default, all batches have the shape of that of `step`."""
        yield self.batch(step)


class EpochBatches(BatchSource):
    """Epochs over the training set, shuffled for each replica by its stream `batches`.

    The last batch of an epoch is smaller if the batch size does not divide the number of examples, as in torch's
    DataLoader.
    """

    def __init__(self, dataset: ReplicaDataset, streams: Sequence[RandomStreams], batch_size: int | None) -> None:
        n_examples = dataset.indices.shape[1]
        if batch_size is not None and batch_size > n_examples:
            raise UserError(
                f"batch_size={batch_size}: must be at most the {n_examples:,} training examples, or null for all"
            )
        self.dataset, self.streams = dataset, streams
        self.batch_size = batch_size or n_examples
        self.batches_per_epoch = -(-n_examples // self.batch_size)
        self.epoch = -1
        self.order: list[Tensor] = []
        self.full_batch: tuple[Tensor, Tensor] | None = None

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        if self.batches_per_epoch == 1:
            if self.full_batch is None:
                (self.full_batch,) = self.dataset.chunks(self.batch_size)
            return self.full_batch
        epoch, position = divmod(step, self.batches_per_epoch)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, self._shuffled(epoch)
        return self.dataset.gather(self.order[position])

    def batch_of_each_shape(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        first = step - step % self.batches_per_epoch
        yield self.batch(first)
        if self.dataset.indices.shape[1] % self.batch_size:
            yield self.batch(first + self.batches_per_epoch - 1)

    def _shuffled(self, epoch: int) -> list[Tensor]:
        """The indices [replica, example] of each batch of the epoch."""
        indices = self.dataset.indices
        generators = [streams.generator("batches", epoch) for streams in self.streams]
        orders = torch.stack([torch.randperm(indices.shape[1], generator=generator) for generator in generators])
        return list(indices.gather(1, orders.to(indices.device, non_blocking=True)).split(self.batch_size, dim=1))


class FreshBatches(BatchSource):
    """A batch drawn in every step from all training examples, without replacement, by each replica's stream `batches`
    or as the reference code draws it."""

    def __init__(
        self, dataset: ReplicaDataset, data: Sequence[Data], streams: Sequence[RandomStreams], batch_size: int
    ) -> None:
        self.dataset, self.data, self.streams, self.batch_size = dataset, data, streams, batch_size
        self.drawn: list[Iterator[Tensor | None]] = []  # of the reference, from `next_step` on
        self.next_step = 0

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        indices = self.dataset.indices
        positions = torch.stack([*self._positions(step)])
        return self.dataset.gather(indices.gather(1, positions.to(indices.device, non_blocking=True)))

    def _positions(self, step: int) -> Iterator[Int[Tensor, " example"]]:
        """The positions of each replica's batch among its training examples."""
        n_examples = self.dataset.indices.shape[1]
        for streams, reference in zip(self.streams, self._reference_positions(step), strict=True):
            order = torch.randperm(n_examples, generator=streams.generator("batches", step))
            yield order[: self.batch_size] if reference is None else reference

    def _reference_positions(self, step: int) -> list[Tensor | None]:
        """The positions that the reference draws, for the replicas that follow it; its draws depend on earlier ones."""
        if step < self.next_step or not self.drawn:
            made = [each.reference_batches for each in self.data]
            self.drawn = [repeat(None) if each is None else each(self.batch_size) for each in made]
            self.next_step = 0
        while self.next_step <= step:
            self.latest = [next(each) for each in self.drawn]
            self.next_step += 1
        return self.latest


class OnlineBatches(BatchSource):
    """New examples in every step, sampled for each replica by its stream `batches`."""

    def __init__(
        self,
        dataset: ReplicaDataset,
        samplers: Sequence[Sampler],
        streams: Sequence[RandomStreams],
        batch_size: int | None,
    ) -> None:
        if batch_size is None:
            raise UserError("batch_size=null: this task samples new examples in every step and needs a batch size")
        self.dataset, self.samplers, self.streams, self.batch_size = dataset, samplers, streams, batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        generators = [streams.generator("batches", step) for streams in self.streams]
        sampled = [
            sample(self.batch_size, generator) for sample, generator in zip(self.samplers, generators, strict=True)
        ]
        inputs, targets = (torch.stack(parts) for parts in zip(*sampled, strict=True))
        device, dtype = self.dataset.indices.device, self.dataset.dtype
        return as_dtype(inputs, dtype).to(device), as_dtype(targets, dtype).to(device)


def as_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Floating-point values in this precision; integers unchanged."""
    return values.to(dtype) if values.is_floating_point() else values


def batch_source(
    task: Task,
    train: ReplicaDataset,
    data: Sequence[Data],
    streams: Sequence[RandomStreams],
    batch_size: int | None,
) -> BatchSource:
    """New examples in every step if the tasks sample them, else batches of the training set.

    A batch that is drawn afresh has at most all training examples, as in the reference code.
    """
    if samplers := [each.sample for each in data if each.sample is not None]:
        return OnlineBatches(train, samplers, streams, batch_size)
    if task.sampling == "epochs":
        return EpochBatches(train, streams, batch_size)
    if batch_size is None or batch_size >= train.indices.shape[1]:
        return EpochBatches(train, streams, None)
    return FreshBatches(train, data, streams, batch_size)
