"""The LSTM (Hochreiter & Schmidhuber 1997) of Omnigrok's review task: torch's own kernels, one network at a time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from grok.checks import check_int
from grok.models.layers import Linear
from grok.models.model import MAX_DEPTH, Model
from grok.models.spec import TokenSequences
from grok.models.transformer_layers import Gaussian

GATES = 4

# Each weight is a parameter of its own. On CUDA, torch copies them into one block in every call, and warns each time.
warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


class Lstm(Model):
    """One network: word embeddings, `depth` LSTM layers of `width`, and an affine map of the last layer's state after
    the last word. Parameters have a replica axis of size one.

    torch's kernels compute one network, so replicas cannot be batched. Initial embeddings are N(0, 1). All other
    initial weights are uniform on ±1/sqrt(width), as in torch's LSTM and Linear. They are drawn in float64.
    """

    reads: ClassVar = (TokenSequences,)
    compilable: ClassVar = False
    batchable: ClassVar = False

    def __init__(
        self,
        *,
        d_embedding: int,
        depth: int,
        width: int,
        inputs: TokenSequences,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        check_int("model.d_embedding", d_embedding, minimum=1)
        check_int("model.depth", depth, minimum=1, maximum=MAX_DEPTH)
        check_int("model.width", width, minimum=1)
        if len(generators) != 1:
            raise ValueError(f"torch's LSTM is one network, not {len(generators)}")
        super().__init__()
        self.depth, self.width = depth, width
        self.embedding = Gaussian(inputs.n_tokens, d_embedding, std=1.0, generators=generators)
        input_widths = [d_embedding, *[width] * (depth - 1)]
        # The weights of a layer in the order of `torch.lstm`: input, recurrent, and their two biases.
        shapes = [shape for n_in in input_widths for shape in ((n_in,), (width,), (), ())]
        self.recurrent = nn.ParameterList(
            nn.Parameter(
                torch.empty(1, GATES * width, *shape, dtype=torch.float64).uniform_(
                    -(width**-0.5), width**-0.5, generator=generators[0]
                )
            )
            for shape in shapes
        )
        self.last = Linear(width, n_outputs, generators=generators)

    @property
    def param_groups(self) -> dict[str, str]:
        return {"embedding": "embedding.", "last_layer": "last."}

    def forward(self, inputs: Int[Tensor, "1 example word"]) -> Float[Tensor, "1 example out"]:
        words = functional.embedding(inputs.squeeze(0), self.embedding.weight.squeeze(0))
        initial_state = words.new_zeros(self.depth, len(words), self.width)
        weights = [each.squeeze(0) for each in self.recurrent]
        _, state, _ = torch.lstm(
            words,
            (initial_state, initial_state),
            weights,
            has_biases=True,
            num_layers=self.depth,
            dropout=0.0,
            train=self.training,
            bidirectional=False,
            batch_first=True,
        )
        outputs: Tensor = self.last(state[-1:])
        return outputs
