"""The gradients of a step as one function that torch compiles."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from grok.science.losses import mean_loss
from grok.tasks.task import Task

# For compile=auto, the steps of a run, or of all runs of a batch together. Compiling takes 3 to 15 s; a step gains
# about 0.2 ms for one run, and 1.7 to 6 ms for a hundred.
COMPILE_FROM_STEPS, COMPILE_FROM_BATCH_STEPS = 20_000, 1_000_000


class CompiledGradients:
    """Gradients of all replicas' mean losses, in one function without autograd's engine.

    On a GPU it is replayed as a CUDA graph. It is compiled once for each shape of a batch.
    """

    def __init__(self, model: nn.Module, task: Task, device: torch.device) -> None:
        if device.type == "cpu":  # torch warns that there is no GPU where CUDA's toolkit is installed
            logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        torch.compiler.reset()  # the functions of an earlier batch of runs are not called again
        self.model, self.task = model, task
        self.names, self.parameters = map(list, zip(*model.named_parameters(), strict=True))
        mode = "reduce-overhead" if device.type == "cuda" else "default"
        self.function = torch.compile(self._gradients, fullgraph=True, dynamic=False, mode=mode)

    @torch.no_grad()
    def set_gradients(self, inputs: Tensor, targets: Tensor) -> None:
        """Set each parameter's gradient on a batch."""
        values = [parameter.detach() for parameter in self.parameters]
        for parameter, gradient in zip(self.parameters, self.function(values, inputs, targets), strict=True):
            parameter.grad = gradient

    def _gradients(self, values: list[Tensor], inputs: Tensor, targets: Tensor) -> list[Tensor]:
        gradients: list[Tensor] = grad(self._summed_loss)(values, inputs, targets)
        return [each.contiguous() for each in gradients]  # fused optimizers read them in the order of the parameters

    def _summed_loss(self, values: Sequence[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of the replicas' mean losses; replicas share no parameter."""
        outputs = functional_call(self.model, dict(zip(self.names, values, strict=True)), (inputs,))
        return mean_loss(self.task.example_loss(outputs, targets), self.task.mask(targets)).sum()


def why_not_compiled(model: nn.Module, device: torch.device) -> str:
    """Why the gradients of a model cannot be compiled on this machine; empty if they can."""
    if model.needs_rng:
        return "this model draws random numbers in a step"
    if not model.compilable:
        return f"{type(model).__name__} cannot be compiled"
    compiler = os.environ.get("CXX", "g++")
    if device.type == "cpu" and not shutil.which(shlex.split(compiler)[0]):
        return f"there is no C++ compiler ({compiler})"
    if device.type not in ("cpu", "cuda"):
        return f"a step is not compiled on {device.type}"
    return ""
