"""Training a module with Lightning's Trainer: device, precision, callbacks, restored checkpoints."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from grok.training.checkpoint import ReplicaCheckpoints
from grok.training.checkpoint_callback import CheckpointCallback
from grok.training.interruption import Interruption
from grok.training.memory import keep_freed_memory
from grok.training.module import ReplicaModule
from grok.training.progress import Progress, ProgressCallback
from grok.training.weights_callback import WeightsCallback


def fit(
    module: ReplicaModule,
    *,
    device: torch.device,
    checkpoints: ReplicaCheckpoints,
    weights: WeightsCallback,
    save_every_seconds: float,
    save_records: Callable[[], None],
    interruption: Interruption,
    loggers: Sequence[Logger],
    progress: Progress,
) -> None:
    """Train from the restored checkpoints, if there are any, until a replica is finished or a signal arrives.

    Raises:
        UserError: a folder cannot be written; everything saved before is intact.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # hide its lines on devices and tips
    keep_freed_memory()
    module.interrupted = interruption
    checkpoint_callback = CheckpointCallback(every_seconds=save_every_seconds, after_save=save_records)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch.utils._pytree")
        trainer = Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=[device.index] if device.type == "cuda" and device.index is not None else 1,
            max_epochs=-1,
            logger=list(loggers),
            callbacks=[ProgressCallback(progress), interruption, weights, checkpoint_callback],
            plugins=[checkpoints],
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        try:
            trainer.fit(module, ckpt_path="in each replica's folder" if checkpoints.restored else None)
        except SIGTERMException:
            assert interruption(), (
                "Lightning raises this only for a SIGTERM that it received before our handler was installed"
            )
