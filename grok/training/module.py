"""The LightningModule: batched replicas, trained in segments and evaluated on a grid of steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from pytorch_lightning import LightningModule
from torch import Tensor

from grok.measures.snapshot import Evaluation, Measure, Snapshot
from grok.models.model import Model
from grok.optimizers import optimizer as optimizers
from grok.optimizers.norm_constraint import NormConstraint
from grok.random_streams import RandomStreams
from grok.records.history import History
from grok.tasks.task import Task
from grok.training.batches import BatchSource, ReplicaDataset

# A segment ends after this many steps or seconds, so that an interruption waits for little and loses little.
SEGMENT_STEPS = 100
SEGMENT_SECONDS = 1.0
EVALUATION_EXAMPLES = 4096  # examples evaluated at once, summed over all replicas …
MIN_EXAMPLES_PER_REPLICA = 256  # … and at least this many per replica


class ReplicaModule(LightningModule):
    """R replicas in training. A Lightning epoch is one batch, and a batch is one segment of plain PyTorch steps."""

    def __init__(
        self,
        *,
        model: Model,
        task: Task,
        replicas: Sequence[tuple[Task, RandomStreams]],
        batches: BatchSource,
        train: ReplicaDataset,
        test: ReplicaDataset,
        optimizer_settings: Sequence[optimizers.OptimizerSettings],
        measures: Sequence[Measure],
        evaluation_steps: Sequence[int],
        stop_when_grokked: bool,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.task, self.batches, self.datasets = model, task, batches, {"train": train, "test": test}
        self.replicas, self.optimizer_settings, self.measures = replicas, optimizer_settings, measures
        self.evaluation_steps, self.steps = evaluation_steps, evaluation_steps[-1]
        self.stop_when_grokked = stop_when_grokked
        self.constraint = NormConstraint(list(model.parameters())) if optimizer_settings[0].constrain_norm else None
        self.clip_norm = optimizer_settings[0].clip_norm
        self.history = History()
        self.step = 0
        self.seconds = 0.0  # training time over all sessions, evaluations included except the first
        self.interrupted: Callable[[], bool] = lambda: False

    def configure_optimizers(self) -> torch.optim.Optimizer:
        parameters = dict(self.model.named_parameters())
        optimizer = optimizers.build_optimizer(self.optimizer_settings, parameters, self.model.param_groups)
        self.warmup = optimizers.Warmup(optimizer, self.optimizer_settings[0].warmup)
        return optimizer

    def train_dataloader(self) -> range:
        return range(1)  # one batch per epoch; a segment takes its examples from `batches`

    def on_fit_start(self) -> None:
        for dataset in self.datasets.values():
            dataset.to(self.device)

    def on_train_start(self) -> None:
        if not self.history.steps:
            self.evaluate()

    def training_step(self, batch: int, batch_idx: int) -> None:
        """Train one segment, to the next evaluation step at most; then evaluate if this is an evaluation step."""
        start = time.perf_counter()
        next_evaluation = next((step for step in self.evaluation_steps if step > self.step), self.steps)
        end = self.step if self.finished().any() else min(self.step + SEGMENT_STEPS, next_evaluation)
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        while self.step < end and time.perf_counter() - start < SEGMENT_SECONDS and not self.interrupted():
            self.train_step(optimizer)
        if self.step in self.evaluation_steps and self.step != self.history.steps[-1]:
            self.evaluate()
        self.seconds += time.perf_counter() - start
        self.trainer.should_stop = bool(self.finished().any()) or self.interrupted()

    def losses(self) -> Float[Tensor, " replica"]:
        """Each replica's mean loss on the batch of the next step."""
        inputs, targets = self.batches.batch(self.step)
        if self.model.needs_rng:
            generators = [streams.generator("dropout", self.step, self.device) for _, streams in self.replicas]
            self.model.set_generators(generators)
        return self.task.example_loss(self.model(inputs), targets).mean(1)

    def train_step(self, optimizer: torch.optim.Optimizer) -> None:
        """One optimizer step of every replica: clip the gradients, set the rate, step, restore the norm."""
        losses = self.losses()
        optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # replicas share no parameter: each gradient is that of the replica's own loss
        if self.clip_norm is not None:
            optimizers.clip_gradients([*self.model.parameters()], self.clip_norm)
        self.warmup(self.step)
        optimizer.step()
        if self.constraint:
            self.constraint.restore()
        self.step += 1

    @torch.no_grad()
    def evaluate(self) -> None:
        """Evaluate and measure every replica; add a row to the history and to each replica's logger."""
        self.model.eval()
        evaluations = {part: self.evaluate_on(dataset) for part, dataset in self.datasets.items()}
        snapshot = Snapshot(self.step, self.task, self.model, **evaluations, replicas=self.replicas)
        measured = {name: quantity for measure in self.measures for name, quantity in measure(snapshot).items()}
        self.history.append(self.step, {**snapshot.performance(), **measured})
        if self.finished().any():
            final = [each.finalize(snapshot, self.history) for each in self.measures]
            self.history.keep_final({name: quantity for each in final for name, quantity in each.items()})
        self.model.train()
        for replica, logger in enumerate(self.loggers):
            logger.log_metrics({"step": self.step, **self.history.scalars(replica)}, step=self.step)

    def evaluate_on(self, dataset: ReplicaDataset) -> Evaluation:
        """Loss and correctness of each replica on each of its examples."""
        loss, correct, labels, outputs = [], [], [], []
        keep = any(measure.needs_outputs for measure in self.measures)
        size = max(MIN_EXAMPLES_PER_REPLICA, EVALUATION_EXAMPLES // len(dataset.indices))
        for inputs, targets in dataset.chunks(size):
            out = self.model(inputs)
            loss.append(self.task.example_loss(out, targets))
            correct.append(self.task.is_correct(out, targets))
            labels.append(targets)
            outputs += [out] if keep else []
        return Evaluation(
            indices=dataset.indices,
            targets=torch.cat(labels, 1),
            loss=torch.cat(loss, 1),
            correct=torch.cat(correct, 1),
            outputs=torch.cat(outputs, 1) if keep else None,
            weights=dataset.weights,
        )

    def finished(self) -> Bool[Tensor, " replica"]:
        """Which replicas are finished: at the last step, diverged, or grokked if they were to stop then.

        The Trainer stops as soon as one replica is finished. `grok.sweeps.batch` then trains the others in a
        smaller module.
        """
        done = self.diverged()
        if self.stop_when_grokked:
            done |= self.grokked()
        return done | (self.step >= self.steps)

    def diverged(self) -> Bool[Tensor, " replica"]:
        """Which replicas had a loss that is not finite at the latest evaluation."""
        return ~torch.stack([self.history.latest(f"{part}_loss") for part in self.datasets]).isfinite().all(0)

    def grokked(self) -> Bool[Tensor, " replica"]:
        """Which replicas had memorized and generalized, by the task's thresholds, at the latest evaluation."""
        thresholds = self.task.thresholds
        memorized = self.history.latest("train_accuracy") >= thresholds.memorization
        return memorized & (self.history.latest("test_accuracy") >= thresholds.generalization)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["grok"] = {"step": self.step, "seconds": self.seconds, "history": self.history.state_dict()}

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        state = checkpoint["grok"]
        self.step, self.seconds = state["step"], state["seconds"]
        self.history.load_state_dict(state["history"])
