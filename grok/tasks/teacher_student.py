"""Teacher–student regression: a student learns the outputs of a random MLP (Omnigrok, Liu et al. 2023, Sec. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from grok.checks import UserError, check_choice, check_float, check_int
from grok.models.mlp import ACTIVATIONS, Mlp
from grok.models.model import MAX_DEPTH
from grok.models.spec import Spec, Values, Vectors
from grok.random_streams import RandomStreams
from grok.science.losses import squared_error
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds


@dataclass(frozen=True, kw_only=True)
class TeacherStudent(Task):
    """Regress the outputs of a random MLP on Gaussian inputs.

    With `intrinsic_dimension` d, the inputs vary in d directions only: N(0, 1) in d coordinates, embedded by a random
    orthonormal basis in `n_inputs` dimensions.

    An example is correct if its squared error, averaged over the outputs, is below the tolerance.
    """

    per_replica_keys: ClassVar = ("intrinsic_dimension", "teacher_depth", "teacher_width", "teacher_activation")
    n_train: int | None
    n_test: int
    n_inputs: int
    intrinsic_dimension: int | None
    n_outputs: int
    teacher_depth: int
    teacher_width: int
    teacher_activation: str
    tolerance: float
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        for key in ("n_test", "n_inputs", "n_outputs", "teacher_width"):
            check_int(f"task.{key}", getattr(self, key), minimum=1)
        if self.n_train is not None:
            check_int("task.n_train", self.n_train, minimum=1)
        if self.intrinsic_dimension is not None:
            check_int("task.intrinsic_dimension", self.intrinsic_dimension, minimum=1)
            if self.intrinsic_dimension > self.n_inputs:
                given = f"task.intrinsic_dimension={self.intrinsic_dimension}"
                raise UserError(f"{given}: must be at most task.n_inputs={self.n_inputs}")
        check_int("task.teacher_depth", self.teacher_depth, minimum=1, maximum=MAX_DEPTH)
        check_choice("task.teacher_activation", self.teacher_activation, ACTIVATIONS)
        check_float("task.tolerance", self.tolerance, above=0)

    @property
    def spec(self) -> Spec:
        return Spec(Vectors(self.n_inputs), Values(self.n_outputs))

    def data(self, streams: RandomStreams) -> Data:
        """Inputs from the stream `data`, their basis from `embedding`, and a teacher from `teacher`.

        The teacher has torch's default initialization. Without `n_train`, every step samples new examples, and training
        accuracy is measured on as many examples as there are in the test set.
        """
        teacher = Mlp(
            depth=self.teacher_depth,
            width=self.teacher_width,
            activation=self.teacher_activation,
            inputs=Vectors(self.n_inputs),
            n_outputs=self.n_outputs,
            generators=[streams.generator("teacher")],
        )
        d = self.intrinsic_dimension
        basis = None if d is None else self._basis(d, streams.generator("embedding"))
        sample = partial(self.examples, teacher, basis)
        n_train = self.n_test if self.n_train is None else self.n_train
        inputs, targets = sample(n_train + self.n_test, streams.generator("data"))
        examples = "new inputs in every step" if self.n_train is None else f"{n_train} training"
        provenance = Provenance(
            source=f"generated: N(0, 1) inputs{self._dimension_text}, random teacher",
            split="independent draws by the stream `data`",
            message=f"teacher–student: {examples} and {self.n_test} test inputs",
        )
        train, test = torch.arange(len(inputs)).split([n_train, self.n_test])
        parts = Examples(inputs, targets, train), Examples(inputs, targets, test)
        return Data(*parts, provenance, sample if self.n_train is None else None)

    @torch.no_grad()
    def examples(
        self, teacher: Mlp, basis: Float[Tensor, "in d"] | None, n: int, generator: Generator
    ) -> tuple[Float[Tensor, "example in"], Float[Tensor, "example out"]]:
        """n Gaussian inputs, in the directions of the basis if there is one, and the teacher's outputs."""
        shape = (n, self.n_inputs if basis is None else basis.shape[1])
        inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
        if basis is not None:
            inputs = inputs @ basis.T
        return inputs, teacher(inputs[None])[0]

    @property
    def _dimension_text(self) -> str:
        return (
            "" if self.intrinsic_dimension is None else f" in {self.intrinsic_dimension} of {self.n_inputs} dimensions"
        )

    def _basis(self, dimension: int, generator: Generator) -> Float[Tensor, "in d"]:
        """A random orthonormal basis of the directions in which the inputs vary."""
        gaussian = torch.randn(self.n_inputs, dimension, generator=generator, dtype=torch.float64)
        basis: Tensor = torch.linalg.qr(gaussian).Q
        return basis

    def example_loss(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
    ) -> Float[Tensor, "*batch"]:
        return squared_error(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch out"], targets: Float[Tensor, "*batch out"]
    ) -> Bool[Tensor, "*batch"]:
        return squared_error(outputs, targets) < self.tolerance
