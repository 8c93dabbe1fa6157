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
from grok.optimizers.optimizer import OptimizerSettings, ReplicaOptimizer, build_optimizer
from grok.optimizers.schedule import LearningRates, Schedule
from grok.optimizers.transforms.transform import Transform, attach
from grok.random_streams import RandomStreams
from grok.records.history import History
from grok.science.losses import mean_loss
from grok.tasks.task import Task
from grok.training.batches import BatchSource, ReplicaDataset
from grok.training.compiled_gradients import CompiledGradients
from grok.training.evaluation import check_shapes, evaluate, measure_all
from grok.training.kept_steps import KeptSteps
from grok.training.optimizer_state import from_named, parameter_order
from grok.training.settings import OverfitRule

# A segment ends after this many steps or seconds, so that an interruption waits for little and loses little.
SEGMENT_STEPS = 100
SEGMENT_SECONDS = 1.0


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
        optimizer_settings: Sequence[OptimizerSettings],
        schedules: Sequence[Schedule],
        transforms: Mapping[str, Transform],
        measures: Sequence[Measure],
        evaluation_steps: Sequence[int],
        kept_steps: KeptSteps,
        stop_when_grokked: bool,
        overfit_rule: OverfitRule | None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.task, self.batches, self.datasets = model, task, batches, {"train": train, "test": test}
        self.replicas, self.measures = replicas, measures
        self.optimizer_settings, self.schedules, self.transforms = optimizer_settings, schedules, transforms
        self.evaluation_steps, self.steps = evaluation_steps, evaluation_steps[-1]
        self.kept_steps = kept_steps
        self.stop_when_grokked, self.overfit_rule = stop_when_grokked, overfit_rule
        self.history = History()
        self.step = 0  # set before training if `start_with=state`
        self.initial_state: dict[str, Tensor] = {}  # of the optimizer, named; empty unless `start_from` gives one
        self.seconds = 0.0  # training time over all sessions, evaluations included except the first
        self.is_checked = False  # whether the shapes of the first batch are checked
        self.compiled: CompiledGradients | None = None  # None: the gradients are computed operation by operation
        self.optimizer: torch.optim.Optimizer | None = None  # None until the Trainer asks for it
        self.interrupted: Callable[[], bool] = lambda: False

    def configure_optimizers(self) -> torch.optim.Optimizer:
        parameters = dict(self.model.named_parameters())
        self.optimizer = build_optimizer(self.optimizer_settings, self.schedules, parameters, self.model.param_groups)
        if self.compiled is not None and isinstance(self.optimizer, ReplicaOptimizer):
            self.optimizer.compile()
        attach(self.transforms, self.optimizer, [*parameters.values()], lambda: self.step)
        if self.initial_state:
            state = from_named(self.initial_state, parameter_order(self.optimizer, parameters))
            self.optimizer.load_state_dict({"state": state, "param_groups": []})
        self.learning_rates = LearningRates(self.optimizer, self.schedules)
        return self.optimizer

    def train_dataloader(self) -> range:
        return range(1)  # one batch per epoch; a segment takes its examples from `batches`

    def on_fit_start(self) -> None:
        for dataset in self.datasets.values():
            dataset.to(self.device)

    def on_train_start(self) -> None:
        if not self.history.steps:
            self.evaluate()

    def training_step(self, batch: int, batch_idx: int) -> None:
        """Train one segment, to the next evaluation step or kept step at most; evaluate if it is an evaluation step."""
        start = time.perf_counter()
        next_evaluation = next((step for step in self.evaluation_steps if step > self.step), self.steps)
        next_stop = min(next_evaluation, self.kept_steps.next_after(self.step))
        end = self.step if self.finished().any() else min(self.step + SEGMENT_STEPS, next_stop)
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        while self.step < end and time.perf_counter() - start < SEGMENT_SECONDS and not self.interrupted():
            self.train_step(optimizer)
        if self.step in self.evaluation_steps and self.step != self.history.steps[-1]:
            self.evaluate()
        self.seconds += time.perf_counter() - start
        self.trainer.should_stop = bool(self.finished().any()) or self.interrupted()

    def losses(self) -> Float[Tensor, " replica"]:
        """Each replica's mean loss on the batch of the next step.

        Raises:
            UserError: in the first batch, a shape is wrong.
        """
        inputs, targets = self.batches.batch(self.step)
        if self.model.needs_rng:
            generators = [streams.generator("dropout", self.step, self.device) for _, streams in self.replicas]
            self.model.set_generators(generators)
        outputs = self.model(inputs)
        loss = self.task.example_loss(outputs, targets)
        if not self.is_checked:
            check_shapes(self.task, outputs, targets, loss)
            self.is_checked = True
        return mean_loss(loss, self.task.mask(targets))

    def compile_gradients(self, device: torch.device) -> None:
        """Compute the gradients by a compiled function from now on, on this device.

        It is compiled for all shapes of batches, so that a compiler fails here and not during training.

        Raises:
            UserError: in the first batch, a shape is wrong.
        """
        self.to(device)
        self.on_fit_start()
        self.losses().sum().backward()
        if unused := [name for name, parameter in self.model.named_parameters() if parameter.grad is None]:
            raise RuntimeError(f"{unused[0]} has no gradient")
        self.compiled = CompiledGradients(self.model, self.task, device)
        for batch in self.batches.batch_of_each_shape(self.step):
            self.compiled.set_gradients(*batch)

    def train_step(self, optimizer: torch.optim.Optimizer) -> None:
        """One optimizer step of every replica, with the transforms before and after it."""
        if self.compiled is not None:
            self.compiled.set_gradients(*self.batches.batch(self.step))
        else:
            losses = self.losses()
            optimizer.zero_grad(set_to_none=True)
            losses.sum().backward()  # replicas share no parameter: each gradient is that of the replica's own loss
        self.learning_rates.set_step(self.step)
        optimizer.step()
        self.step += 1

    @torch.no_grad()
    def evaluate(self) -> None:
        """Evaluate and measure every replica; add a row to the history and to each replica's logger."""
        self.model.eval()
        evaluations = {part: self.evaluate_on(dataset) for part, dataset in self.datasets.items()}
        snapshot = Snapshot(
            self.step, self.task, self.model, **evaluations, replicas=self.replicas, optimizer=self.optimizer
        )
        self.history.append(self.step, measure_all(self.measures, snapshot))
        if self.finished().any():
            final = [each.finalize(snapshot, self.history) for each in self.measures]
            self.history.keep_final({name: quantity for each in final for name, quantity in each.items()})
        self.model.train()
        for replica, logger in enumerate(self.loggers):
            logger.log_metrics(self.history.scalars(replica), step=self.step)

    def evaluate_on(self, dataset: ReplicaDataset) -> Evaluation:
        """The performance of each replica on each of its examples, with what the measures need."""
        return evaluate(
            self.model,
            self.task,
            dataset,
            with_outputs=any(measure.needs_outputs for measure in self.measures),
            with_gradients=any(measure.needs_gradients for measure in self.measures),
        )

    def finished(self) -> Bool[Tensor, " replica"]:
        """Which replicas are finished: at the last step, diverged, or grokked or overfit if they were to stop then.

        The Trainer stops as soon as one replica is finished. `grok.sweeps.batch` then trains the others in a
        smaller module.
        """
        done = self.diverged()
        if self.stop_when_grokked:
            done |= self.grokked()
        if self.overfit_rule:
            done |= self.overfit(self.overfit_rule)
        return done | (self.step >= self.steps)

    def diverged(self) -> Bool[Tensor, " replica"]:
        """Which replicas had a loss that is not finite at the latest evaluation."""
        return ~torch.stack([self.history.latest(f"{part}_loss") for part in self.datasets]).isfinite().all(0)

    def grokked(self) -> Bool[Tensor, " replica"]:
        """Which replicas had memorized and generalized, by the task's thresholds, at the latest evaluation."""
        thresholds = self.task.thresholds
        if thresholds is None:
            return torch.zeros(len(self.replicas), dtype=torch.bool)
        memorized = self.history.latest("train_accuracy") >= thresholds.memorization
        return memorized & (self.history.latest("test_accuracy") >= thresholds.generalization)

    def overfit(self, rule: OverfitRule) -> Bool[Tensor, " replica"]:
        """Which replicas overfit by the rule, at the latest evaluation of its grid."""
        losses = zip(self.history.steps, self.history.columns["test_loss"], strict=True)
        latest = [loss for step, loss in losses if step % rule.every == 0][-rule.n_rises - 1 :]
        if len(latest) <= rule.n_rises:
            return torch.zeros(len(self.replicas), dtype=torch.bool)
        return (torch.stack(latest).diff(dim=0) > 0).all(0)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["grok"] = {"step": self.step, "seconds": self.seconds, "history": self.history.state_dict()}

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        state = checkpoint["grok"]
        self.step, self.seconds = state["step"], state["seconds"]
        self.history.load_state_dict(state["history"])
