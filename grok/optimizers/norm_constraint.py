"""Training at constant weight norm (Omnigrok's constrained optimization and reduced landscapes, Liu et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grok.optimizers.optimizer import broadcast_to_parameter
from grok.science.landscape.norms import joint_norm


class NormConstraint:
    """Keeps the joint norm of each replica's parameters at its initial value."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        self.norms = joint_norm([parameter.detach() for parameter in parameters])

    @torch.no_grad()
    def restore(self) -> None:
        """Rescale each replica's parameters jointly, w ← w · ‖w₀‖ / ‖w‖, after the optimizer's step."""
        norms = joint_norm(self.parameters)
        if self.norms.device != norms.device:  # the model was moved after the constraint was made
            self.norms = self.norms.to(norms.device)
        factor = self.norms / norms
        for parameter in self.parameters:
            parameter.mul_(broadcast_to_parameter(factor, parameter))
