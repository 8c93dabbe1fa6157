"""Training a built module by Lightning's Trainer: device, precision, callbacks, and going on from a checkpoint."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from grok.training.checkpoint import ReplicaCheckpoints
from grok.training.interruption import Interruption
from grok.training.memory import keep_freed_memory
from grok.training.module import Training
from grok.training.progress import Counting, Progress
from grok.training.saving import Saving

MATMUL_PRECISION = {"float64": "highest", "float32": "highest", "bfloat16": "medium"}


def fit(
    training: Training,
    *,
    device: torch.device,
    checkpoints: ReplicaCheckpoints,
    save_every_seconds: float,
    save_records: Callable[[], None],
    interruption: Interruption,
    loggers: Sequence[Logger],
    progress: Progress,
) -> None:
    """Train until a replica is finished, or until a signal comes; go on from the checkpoints where there are some.

    Raises:
        UserError: a folder cannot be written; what was saved before is unharmed.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # its lines on devices and tips are not for users
    keep_freed_memory()
    training.interrupted = interruption
    saving = Saving(every_seconds=save_every_seconds, also=save_records)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch.utils._pytree")
        trainer = Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=[device.index] if device.type == "cuda" and device.index is not None else 1,
            max_epochs=-1,
            logger=list(loggers),
            callbacks=[Counting(progress), interruption, saving],
            plugins=[checkpoints],
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        try:
            trainer.fit(training, ckpt_path="in each replica's folder" if checkpoints.begun else None)
        except SIGTERMException:
            assert interruption(), "Lightning's word for a SIGTERM that came between its handler and ours"


@contextmanager
def products(precision: str, device: torch.device) -> Iterator[float]:
    """Let matrix products round as the precision says, and give the relative error that they then have on this device.

    `bfloat16` allows the device to round products, by torch's `set_float32_matmul_precision("medium")`; whether it does
    depends on the device. About 1e-7 is float32, 3e-4 TensorFloat-32, 2e-3 bfloat16.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(MATMUL_PRECISION[precision])
    try:
        dtype = torch.float64 if precision == "float64" else torch.float32
        left, right = torch.randn(2, 1, 128, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        exact = left @ right
        found = torch.baddbmm(
            exact.new_zeros(1, 1, 1).to(device, dtype), left.to(device, dtype), right.to(device, dtype)
        )
        yield float((found.cpu().double() - exact).norm() / exact.norm())
    finally:
        torch.set_float32_matmul_precision(before)
