"""Teacher–student regression: a student learns the outputs of a random MLP (Omnigrok, Liu et al. 2023, Sec. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grok.checks import check_choice, check_float, check_int
from grok.models.mlp import ACTIVATIONS, Mlp
from grok.models.spec import Spec, Values, Vectors
from grok.random_streams import RandomStreams
from grok.science.losses import squared_error
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds


@dataclass(frozen=True, kw_only=True)
class TeacherStudent(Task):
    """Regress the outputs of a random MLP on Gaussian inputs.

    An example is correct if its squared error, averaged over the outputs, is below the tolerance.
    """

    per_replica_keys: ClassVar = ("teacher_depth", "teacher_width", "teacher_activation")
    n_train: int
    n_test: int
    n_inputs: int
    n_outputs: int
    teacher_depth: int
    teacher_width: int
    teacher_activation: str
    tolerance: float
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        for key in ("n_train", "n_test", "n_inputs", "n_outputs", "teacher_depth", "teacher_width"):
            check_int(f"task.{key}", getattr(self, key), minimum=1)
        check_choice("task.teacher_activation", self.teacher_activation, ACTIVATIONS)
        check_float("task.tolerance", self.tolerance, above=0)

    @property
    def spec(self) -> Spec:
        return Spec(Vectors(self.n_inputs), Values(self.n_outputs))

    @torch.no_grad()
    def data(self, streams: RandomStreams) -> Data:
        """Inputs N(0, 1) from the stream `data`, and a teacher with torch's default initialization from `teacher`."""
        teacher = Mlp(
            depth=self.teacher_depth,
            width=self.teacher_width,
            activation=self.teacher_activation,
            inputs=Vectors(self.n_inputs),
            n_outputs=self.n_outputs,
            generators=[streams.generator("teacher")],
        )
        shape = (self.n_train + self.n_test, self.n_inputs)
        inputs = torch.randn(shape, generator=streams.generator("data"), dtype=torch.float64)
        targets = teacher(inputs[None])[0]
        indices = torch.arange(len(inputs))
        provenance = Provenance(
            source="generated: N(0, 1) inputs, random teacher",
            split="independent draws by the stream `data`",
            message=f"teacher–student: {self.n_train} training and {self.n_test} test inputs",
        )
        train, test = indices[: self.n_train], indices[self.n_train :]
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), provenance)

    def example_loss(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
    ) -> Float[Tensor, "*batch"]:
        return squared_error(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
    ) -> Bool[Tensor, "*batch"]:
        return squared_error(outputs, targets) < self.tolerance
