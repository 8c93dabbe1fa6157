"""Training a built module by Lightning's Trainer: device, precision, callbacks, and going on from a checkpoint."""

from __future__ import annotations

import logging
import pickle
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger
from rich.console import Console

from grok.checks import UserError
from grok.training.build import device_of
from grok.training.interruption import Interruption
from grok.training.module import Training
from grok.training.progress import ProgressBar
from grok.training.saving import Saving
from grok.training.settings import Settings

MATMUL_PRECISION = {"float64": "highest", "float32": "highest", "bfloat16": "medium"}


def fit(
    training: Training,
    settings: Settings,
    *,
    checkpoint: Path,
    save_record: Callable[[], None],
    loggers: Sequence[Logger],
    console: Console,
) -> signal.Signals | None:
    """Train to the end, or until a signal comes; go on from the checkpoint where there is one.

    Returns:
        The signal that ended training early, or None.

    Raises:
        UserError: the checkpoint cannot be read or the folder cannot be written; what was saved before is unharmed.
    """
    device = device_of(settings)
    logging.getLogger("pytorch_lightning").setLevel(
        logging.WARNING
    )  # its lines on devices and tips are not for our users
    precision_before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(MATMUL_PRECISION[settings.precision])
    training.interrupted = interruption = Interruption()
    saving = Saving(checkpoint, every_seconds=settings.save_every_seconds, also=save_record)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch.utils._pytree")
            trainer = Trainer(
                accelerator={"cuda": "gpu"}.get(device.type, device.type),
                devices=1 if device.index is None else [device.index],
                max_epochs=-1,
                logger=list(loggers),
                callbacks=[ProgressBar(console), interruption, saving],
                enable_progress_bar=False,
                enable_checkpointing=False,
                enable_model_summary=False,
            )
            trainer.fit(training, ckpt_path=str(checkpoint) if checkpoint.exists() else None, weights_only=True)
            return interruption.signal
    except (pickle.UnpicklingError, EOFError, KeyError) as error:
        raise UserError(f"{checkpoint}: cannot be read as a checkpoint ({error}); remove it to start anew") from error
    finally:
        torch.set_float32_matmul_precision(precision_before)
