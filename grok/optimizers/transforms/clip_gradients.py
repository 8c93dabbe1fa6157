"""Clipping of gradients by their norm (Pascanu et al. 2013, arXiv:1211.5063)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import check_float
from grok.optimizers.broadcasting import broadcast_to_parameter
from grok.optimizers.transforms.transform import Transform, gradients
from grok.science.landscape.norms import joint_norm


class ClipGradients(Transform):
    """Scales each replica's gradients jointly to a norm of at most `max_norm`.

    For one network it equals torch's `clip_grad_norm_`.
    """

    per_replica_keys: ClassVar = ("max_norm",)

    def __init__(self, *, max_norm: Sequence[float]) -> None:
        super().__init__()
        for each in max_norm:
            check_float("max_norm", each, above=0)
        self.max_norm = torch.tensor(max_norm, dtype=torch.float64)

    def before_step(self, parameters: Sequence[Tensor], step: int) -> None:
        own = [gradient for _, gradient in gradients(parameters)]
        norm = joint_norm(own)
        factor = (self.shaped(self.max_norm, norm) / (norm + 1e-6)).clamp(max=1)
        for gradient in own:
            gradient.mul_(broadcast_to_parameter(factor, gradient))
