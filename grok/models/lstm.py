"""The long short-term memory (Hochreiter & Schmidhuber 1997) that reads the reviews of Omnigrok: torch's own, one
network at a time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from grok.checks import whole
from grok.models.layers import Linear
from grok.models.transformer_layers import Gaussian

GATES = 4

# On CUDA torch copies the weights together in every call, as each is a parameter of its own, and says so each time.
warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


class Lstm(nn.Module):
    """One network: word embeddings N(0, 1), `depth` layers of `width`, and an affine map of the last layer's state
    behind the last word. Parameters lead with an axis of one replica.

    torch's kernels take one network, so several replicas have several runs. Everything behind the embedding is uniform
    on ±1/sqrt(width) at the start, as torch's LSTM and Linear are, and drawn in float64.
    """

    batchable: ClassVar = False

    def __init__(
        self,
        *,
        d_embedding: int,
        depth: int,
        width: int,
        n_words: int,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        whole("model.d_embedding", d_embedding, least=1)
        whole("model.depth", depth, least=1)
        whole("model.width", width, least=1)
        if len(generators) != 1:
            raise ValueError(f"torch's LSTM is one network, not {len(generators)}")
        super().__init__()
        self.depth, self.width = depth, width
        self.embedding = Gaussian(n_words, d_embedding, deviation=1.0, generators=generators)
        widths = [d_embedding, *[width] * (depth - 1)]
        shapes = [shape for n_in in widths for shape in ((n_in,), (width,), (), ())]  # of a layer: see `torch.lstm`
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
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"embedding": "embedding.", "last_layer": "last."}

    def forward(self, inputs: Int[Tensor, "1 example word"]) -> Float[Tensor, "1 example out"]:
        words = functional.embedding(inputs.squeeze(0), self.embedding.weight.squeeze(0))
        start = words.new_zeros(self.depth, len(words), self.width)
        weights = [each.squeeze(0) for each in self.recurrent]
        _, state, _ = torch.lstm(
            words,
            (start, start),
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
