"""Batches for replicas side by side, gathered from tables that live on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from grok.checks import UserError
from grok.streams import Streams
from grok.tasks.task import Examples

Draw = Callable[[int, Generator], tuple[Tensor, Tensor]]


class Tables:
    """The examples of all replicas: one table of inputs and targets, and each replica's rows of it.

    Replicas that brought the same table share it; other tables are laid end to end.
    """

    def __init__(self, examples: Sequence[Examples], *, dtype: torch.dtype) -> None:
        def identity(each: Examples) -> tuple[int, int]:
            return id(each.inputs), id(each.targets)

        unique: dict[tuple[int, int], Examples] = {}
        starts: dict[tuple[int, int], int] = {}
        for each in examples:
            if identity(each) not in unique:
                starts[identity(each)] = sum(len(known.inputs) for known in unique.values())
                unique[identity(each)] = each
        self.dtype = dtype
        self.inputs = as_dtype(torch.cat([each.inputs for each in unique.values()]), dtype)
        self.targets = as_dtype(torch.cat([each.targets for each in unique.values()]), dtype)
        self.rows: Int[Tensor, "replica example"] = torch.stack(
            [each.rows + starts[identity(each)] for each in examples]
        )
        self.rows_are_shared = bool((self.rows == self.rows[0]).all())
        weights = [each.weights for each in examples if each.weights is not None]
        self.weights = torch.stack(weights) if weights else None  # [replica, example]; they stay on the CPU

    def to(self, device: torch.device) -> None:
        """Move the tables to the device."""
        self.inputs, self.targets, self.rows = self.inputs.to(device), self.targets.to(device), self.rows.to(device)

    def gather(self, rows: Int[Tensor, "replica example"]) -> tuple[Tensor, Tensor]:
        """Inputs and targets [replica, example, …] at these rows."""
        flat = rows.flatten()
        inputs, targets = self.inputs.index_select(0, flat), self.targets.index_select(0, flat)
        return inputs.view(*rows.shape, *inputs.shape[1:]), targets.view(*rows.shape, *targets.shape[1:])

    def chunks(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in order, so many at a time; replicas with the same rows get views of one chunk."""
        for rows in self.rows.split(size, dim=1):
            if self.rows_are_shared:
                inputs, targets = self.gather(rows[:1])
                yield inputs.expand(len(rows), *inputs.shape[1:]), targets.expand(len(rows), *targets.shape[1:])
            else:
                yield self.gather(rows)


class Feed(Protocol):
    """The training batch of each step: a function of the step, so that a resumed run needs no state."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets [replica, example, …] of the step from `step` to `step + 1`."""


class EpochFeed:
    """Every epoch shows each replica its examples in an order from its stream `batches`.

    The last batch of an epoch is smaller when the batch size does not divide the number of examples, as torch's
    DataLoader has it.
    """

    def __init__(self, tables: Tables, streams: Sequence[Streams], batch_size: int | None) -> None:
        n_examples = tables.rows.shape[1]
        if batch_size is not None and batch_size > n_examples:
            raise UserError(
                f"batch_size={batch_size}: must be at most the {n_examples:,} training examples, or null for all"
            )
        self.tables, self.streams = tables, streams
        self.batch_size = batch_size or n_examples
        self.batches_per_epoch = -(-n_examples // self.batch_size)
        self.epoch = -1
        self.order: list[Tensor] = []
        self.everything: tuple[Tensor, Tensor] | None = None

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        if self.batches_per_epoch == 1:
            if self.everything is None:
                (self.everything,) = self.tables.chunks(self.batch_size)
            return self.everything
        epoch, position = divmod(step, self.batches_per_epoch)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, self._shuffled(epoch)
        return self.tables.gather(self.order[position])

    def _shuffled(self, epoch: int) -> list[Tensor]:
        """The rows [replica, example] of each batch of the epoch."""
        rows = self.tables.rows
        generators = [streams.generator("batches", epoch) for streams in self.streams]
        orders = torch.stack([torch.randperm(rows.shape[1], generator=generator) for generator in generators])
        return list(rows.gather(1, orders.to(rows.device, non_blocking=True)).split(self.batch_size, dim=1))


class FreshFeed:
    """Every step shows each replica new examples, drawn from its stream `batches`."""

    def __init__(
        self, tables: Tables, fresh: Sequence[Draw], streams: Sequence[Streams], batch_size: int | None
    ) -> None:
        if batch_size is None:
            raise UserError("batch_size=null: this task draws new examples in every step; say how many")
        self.tables, self.fresh, self.streams, self.batch_size = tables, fresh, streams, batch_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        generators = [streams.generator("batches", step) for streams in self.streams]
        drawn = [draw(self.batch_size, generator) for draw, generator in zip(self.fresh, generators, strict=True)]
        inputs, targets = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        device, dtype = self.tables.inputs.device, self.tables.dtype
        return as_dtype(inputs, dtype).to(device), as_dtype(targets, dtype).to(device)


def as_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Floating-point values in this precision; integers stay as they are."""
    return values.to(dtype) if values.is_floating_point() else values
