"""MNIST or Fashion-MNIST from few training images: the image task of Omnigrok (Liu et al. 2023, Sec. 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.checks import UserError, check_choice, check_float, check_int
from grok.data import mnist
from grok.models.spec import Classes, Images, Spec
from grok.random_streams import RandomStreams
from grok.science import losses
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds

LOSSES = {"squared_error": losses.one_hot_squared_error, "cross_entropy": losses.cross_entropy}


@dataclass(frozen=True, kw_only=True)
class Mnist(Task):
    """Classify 28 × 28 images into ten classes after training on `n_train` of them.

    With `template_share` λ, each training and test image x is replaced by (1 − λ) x + λ t, with t the first image of
    its class in the source (Omnigrok: representations from messy to clean). At λ = 1 the image is its label.
    """

    per_replica_keys: ClassVar = ("template_share",)
    dataset: str
    source: str
    folder: str
    n_train: int
    template_share: float
    loss: str
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        check_choice("task.dataset", self.dataset, mnist.MD5)
        check_choice("task.source", self.source, mnist.SOURCES)
        check_choice("task.loss", self.loss, LOSSES)
        if not isinstance(self.folder, str):
            raise UserError(f"task.folder={self.folder}: must be the path of a folder")
        check_int("task.n_train", self.n_train, minimum=1)
        check_float("task.template_share", self.template_share, minimum=0, maximum=1)

    @property
    def spec(self) -> Spec:
        return Spec(Images(channels=1, height=28, width=28), Classes(10))

    def data(self, streams: RandomStreams) -> Data:
        """The first `n_train` images in the official order and the full test set, as in the reference code.

        From a source without an official test set: `n_train` images drawn by the stream `split`, and the rest as the
        test set.
        """
        images, labels, n_test, pool = _table(self.dataset, self.source, self.folder, self.n_train, self.template_share)
        if n_test:
            order = torch.arange(len(labels))
            split = f"first {self.n_train:,} training images in the official order; all {n_test:,} official test images"
        else:
            order = torch.randperm(len(labels), generator=streams.generator("split"))
            n_test = len(labels) - self.n_train
            split = f"{self.n_train:,} images drawn by the stream `split`; tested on the other {n_test:,}"
        if self.template_share:
            split += f"; each image is {self.template_share:g} of the first image of its class"
        provenance = Provenance(source=pool.source, checksum=pool.checksum, split=split, message=pool.message)
        train, test = order[: self.n_train], order[self.n_train :]
        return Data(Examples(images, labels, train), Examples(images, labels, test), provenance)

    def example_loss(
        self, outputs: Float[Tensor, "*batch 10"], targets: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch"]:
        return LOSSES[self.loss](outputs, targets)

    def is_correct(self, outputs: Float[Tensor, "*batch 10"], targets: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        return losses.is_argmax(outputs, targets)


@lru_cache(maxsize=8)
def _table(
    dataset: str, source: str, folder: str, n_train: int, template_share: float
) -> tuple[Tensor, Tensor, int, mnist.Pool]:
    """Pixels from 0 to 1 [image, 1, 28, 28], labels [image], the size of the official test set, and the pool of images.

    The test set is at the end; its size is 0 if the source has none. The result is cached: replicas share equal tables.
    """
    pool = mnist.load(dataset, source, folder)
    n_images = len(pool.labels)
    max_train = n_images - max(pool.n_test, 1)
    if n_train > max_train:
        raise UserError(
            f"task.n_train={n_train}: this source has at most {max_train:,} training images ({pool.source})"
        )
    indices = [*range(n_train), *range(n_images - pool.n_test, n_images)] if pool.n_test else range(n_images)
    pixels = torch.from_numpy(pool.images[indices]).unsqueeze(1).float() / 255
    labels = torch.from_numpy(pool.labels[indices]).long()
    if template_share:
        _, first = np.unique(pool.labels, return_index=True)
        templates = torch.from_numpy(pool.images[first]).unsqueeze(1).float() / 255
        pixels = (1 - template_share) * pixels + template_share * templates[labels]
    return pixels, labels, pool.n_test, pool
