"""The LightningModule: replicas side by side, trained a segment at a time, looked at on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from grok.measures.look import Evaluation, Look, Measure
from grok.optimizers import optimizer as optimizers
from grok.optimizers.norm_constraint import NormConstraint
from grok.records.history import History
from grok.streams import Streams
from grok.tasks.task import Task
from grok.training.feed import Feed, Tables

SEGMENT_STEPS = 100  # a segment ends after so many steps, or after …
SEGMENT_SECONDS = 1.0  # … so long, so that an interruption waits and loses little
EVALUATION_EXAMPLES = 4096  # how many examples, counted over all replicas, a look evaluates at once, …
LEAST_EXAMPLES = 256  # … but no fewer than so many of each replica


class Training(LightningModule):
    """R replicas in training. A Lightning epoch is one batch, and a batch is one segment of plain PyTorch steps."""

    def __init__(
        self,
        *,
        model: nn.Module,
        task: Task,
        sources: Sequence[tuple[Task, Streams]],
        feed: Feed,
        train: Tables,
        test: Tables,
        optimizer_settings: Sequence[optimizers.OptimizerSettings],
        measures: Sequence[Measure],
        looks: Sequence[int],
        stop_when_grokked: bool,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.task, self.feed, self.tables = model, task, feed, {"train": train, "test": test}
        self.sources, self.optimizer_settings, self.measures = sources, optimizer_settings, measures
        self.looks, self.steps, self.stop_when_grokked = looks, looks[-1], stop_when_grokked
        self.constraint = NormConstraint(list(model.parameters())) if optimizer_settings[0].constrain_norm else None
        self.clip_norm = optimizer_settings[0].clip_norm
        self.noisy = bool(getattr(model, "noisy", False))
        self.history = History()
        self.step = 0
        self.seconds = 0.0  # of training, looks included but the first, over all the sittings of these replicas
        self.interrupted: Callable[[], bool] = lambda: False

    def configure_optimizers(self) -> torch.optim.Optimizer:
        parts: Any = self.model.parts
        optimizer = optimizers.build(self.optimizer_settings, dict(self.model.named_parameters()), parts)
        self.warm_up = optimizers.Warmup(optimizer, self.optimizer_settings[0].warmup)
        return optimizer

    def train_dataloader(self) -> range:
        return range(1)  # one batch an epoch: what a segment trains on comes from the feed

    def on_fit_start(self) -> None:
        for tables in self.tables.values():
            tables.to(self.device)

    def on_train_start(self) -> None:
        if not self.history.steps:
            self.look()

    def training_step(self, batch: int, batch_idx: int) -> None:
        """Train from here to the next look, or for as long as a segment may last; then look if it is time."""
        start = time.perf_counter()
        next_look = next((look for look in self.looks if look > self.step), self.steps)
        end = self.step if self.finished().any() else min(self.step + SEGMENT_STEPS, next_look)
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        while self.step < end and time.perf_counter() - start < SEGMENT_SECONDS and not self.interrupted():
            self.take_step(optimizer)
        if self.step in self.looks and self.step != self.history.steps[-1]:
            self.look()
        self.seconds += time.perf_counter() - start
        self.trainer.should_stop = bool(self.finished().any()) or self.interrupted()

    def losses(self) -> Float[Tensor, " replica"]:
        """Each replica's mean loss on the batch of the next step, with the random numbers of that step."""
        inputs, targets = self.feed.batch(self.step)
        if self.noisy:
            of_each = (streams.generator("dropout", self.step, self.device) for _, streams in self.sources)
            model: Any = self.model
            model.draw_from([*of_each])
        return self.task.example_loss(self.model(inputs), targets).mean(1)

    def take_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Take every replica one step on."""
        losses = self.losses()
        optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # a replica's gradient is its own
        if self.clip_norm is not None:
            optimizers.clip([*self.model.parameters()], self.clip_norm)
        self.warm_up(self.step)
        optimizer.step()
        if self.constraint:
            self.constraint.restore()
        self.step += 1

    @torch.no_grad()
    def look(self) -> None:
        """Evaluate every replica, measure it, and add a row to the history and to each replica's logger."""
        self.model.eval()
        evaluations = {part: self.evaluate(tables) for part, tables in self.tables.items()}
        look = Look(self.step, self.task, self.model, **evaluations, sources=self.sources)
        row = {name: labelled for measure in self.measures for name, labelled in measure(look).items()}
        self.history.append(self.step, row)
        if self.finished().any():
            lasting = [measure.last(look, self.history) for measure in self.measures if hasattr(measure, "last")]
            self.history.keep({name: labelled for quantities in lasting for name, labelled in quantities.items()})
        self.model.train()
        for replica, logger in enumerate(self.loggers):
            logger.log_metrics({"step": self.step, **self.history.scalars(replica)}, step=self.step)

    def evaluate(self, tables: Tables) -> Evaluation:
        """Loss and correctness of each replica on each of its examples."""
        loss, correct, labels, outputs = [], [], [], []
        keep = any(getattr(measure, "needs_outputs", False) for measure in self.measures)
        for inputs, targets in tables.chunks(max(LEAST_EXAMPLES, EVALUATION_EXAMPLES // len(tables.rows))):
            out = self.model(inputs)
            loss.append(self.task.example_loss(out, targets))
            correct.append(self.task.is_correct(out, targets))
            labels.append(targets)
            outputs += [out] if keep else []
        return Evaluation(
            rows=tables.rows,
            targets=torch.cat(labels, 1),
            loss=torch.cat(loss, 1),
            correct=torch.cat(correct, 1),
            outputs=torch.cat(outputs, 1) if keep else None,
            weights=tables.weights,
        )

    def finished(self) -> Bool[Tensor, " replica"]:
        """Which replicas have nothing left to train: all at the last step; before it, those whose loss is no longer
        finite at the last look, and those that were to stop when they grokked and have. Training ends when there is
        one, so that the others can go on without it."""
        done = self.diverged()
        if self.stop_when_grokked:
            done |= self.grokked()
        return done | (self.step >= self.steps)

    def diverged(self) -> Bool[Tensor, " replica"]:
        """Which replicas had a loss without a finite value at the last look."""
        return ~torch.stack([self.history.latest(f"{part}_loss") for part in self.tables]).isfinite().all(0)

    def grokked(self) -> Bool[Tensor, " replica"]:
        """Which replicas were memorised and generalised, by the task's thresholds, at the last look."""
        thresholds = self.task.thresholds
        memorised = self.history.latest("train_accuracy") >= thresholds.memorization
        return memorised & (self.history.latest("test_accuracy") >= thresholds.generalization)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["grok"] = {"step": self.step, "seconds": self.seconds, "history": self.history.state_dict()}

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        own = checkpoint["grok"]
        self.step, self.seconds = own["step"], own["seconds"]
        self.history.load_state_dict(own["history"])
