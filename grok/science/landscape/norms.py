"""Euclidean norms of batched networks: every tensor leads with the replica axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def joint_norm(tensors: Sequence[Float[Tensor, "replica ..."]]) -> Float[Tensor, " replica"]:
    """sqrt(Σ w²) over all tensors together, for each replica: the weight norm of Omnigrok (Liu et al. 2023)."""
    return torch.stack([tensor.flatten(1).square().sum(1) for tensor in tensors]).sum(0).sqrt()
