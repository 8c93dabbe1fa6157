"""Clipping of gradients by their norm (Pascanu et al. 2013, arXiv:1211.5063)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from grok.checks import check_float
from grok.optimizers.broadcasting import broadcast_to_parameter
from grok.optimizers.transforms.transform import Transform
from grok.science.landscape.norms import joint_norm


class ClipGradients(Transform):
    """Scales each replica's gradients jointly to a norm of at most `max_norm`, as torch's `clip_grad_norm_` does for
    one network."""

    per_replica_keys: ClassVar = ("max_norm",)

    def __init__(self, *, max_norm: Sequence[float]) -> None:
        super().__init__()
        for each in max_norm:
            check_float("optimizer.transforms.clip_gradients.max_norm", each, above=0)
        self.max_norm = torch.tensor(max_norm, dtype=torch.float64)

    def before_step(self, parameters: Sequence[Tensor]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = joint_norm(gradients)
        factor = (self.max_norm.to(norm.device) / (norm + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(broadcast_to_parameter(factor, gradient))
