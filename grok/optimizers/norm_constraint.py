"""Training on the sphere of constant weight norm (Omnigrok's constrained optimisation and reduced landscapes)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grok.optimizers.optimizer import along_replicas
from grok.science.norms import joint_norm


class NormConstraint:
    """Holds the joint norm of all of a replica's parameters at its value when the constraint was made."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        self.norms = joint_norm([parameter.detach() for parameter in parameters])

    @torch.no_grad()
    def restore(self) -> None:
        """Rescale each replica's parameters jointly, w ← w · ‖w₀‖ / ‖w‖. Called after the optimiser's step."""
        norms = joint_norm(self.parameters)
        if self.norms.device != norms.device:  # the model was moved after the constraint was made
            self.norms = self.norms.to(norms.device)
        factor = self.norms / norms
        for parameter in self.parameters:
            parameter.mul_(along_replicas(factor, parameter))
