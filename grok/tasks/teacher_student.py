"""Teacher–student regression: a network learns a random one of its own shape (Liu et al. 2023, Omnigrok, Sec. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.checks import choice, number, whole
from grok.models.mlp import ACTIVATIONS, Mlp
from grok.science.losses import squared_error
from grok.streams import Streams
from grok.tasks.task import Data, Examples, Thresholds


@dataclass(frozen=True, kw_only=True)
class TeacherStudent:
    """Regress a random perceptron's outputs on Gaussian inputs; an example is correct when its error is small."""

    replica_wise: ClassVar = ("teacher_depth", "teacher_width", "teacher_activation")
    n_train: int
    n_test: int
    n_inputs: int
    n_outputs: int
    teacher_depth: int
    teacher_width: int
    teacher_activation: str
    tolerance: float
    thresholds: Thresholds

    def __post_init__(self) -> None:
        for key in ("n_train", "n_test", "n_inputs", "n_outputs", "teacher_depth", "teacher_width"):
            whole(f"task.{key}", getattr(self, key), least=1)
        choice("task.teacher_activation", self.teacher_activation, ACTIVATIONS)
        number("task.tolerance", self.tolerance, above=0)

    @property
    def dimensions(self) -> dict[str, int]:
        return {"n_inputs": self.n_inputs, "n_outputs": self.n_outputs}

    @torch.no_grad()
    def data(self, streams: Streams) -> Data:
        """Inputs N(0, 1) from the stream `data`; a teacher initialised by torch's default from the stream `teacher`."""
        teacher = Mlp(
            depth=self.teacher_depth,
            width=self.teacher_width,
            activation=self.teacher_activation,
            **self.dimensions,
            generators=[streams.generator("teacher")],
        )
        shape = (self.n_train + self.n_test, self.n_inputs)
        inputs = torch.randn(shape, generator=streams.generator("data"), dtype=torch.float64)
        targets = teacher(inputs[None])[0]
        rows = torch.arange(len(inputs))
        origin = {
            "source": "generated: N(0, 1) inputs, random teacher",
            "checksum": "none",
            "split": "independent draws by the stream `data`",
            "why": f"teacher–student: {self.n_train} training and {self.n_test} test inputs drawn by the seed",
        }
        train, test = rows[: self.n_train], rows[self.n_train :]
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), origin)

    def example_loss(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
    ) -> Float[Tensor, "*batch"]:
        return squared_error(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
    ) -> Bool[Tensor, "*batch"]:
        return squared_error(outputs, targets) < self.tolerance
