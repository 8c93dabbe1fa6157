"""The two published networks in shared/reference, with a forward pass that shares no code with ours."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[2].parent / "shared" / "reference"
CLOCK, PIZZA = "modular_addition_wd0.1.npz", "pizza_model_a.npz"


@dataclass(frozen=True)
class Network:
    """A one-layer transformer in float64. Its embedding and its neuron-logit map have one row per residue."""

    weights: dict[str, Tensor]
    p: int
    uniform: bool  # attention weights are all 1: c · softmax + (1 − c) at c = 0 (Zhong et al.'s code)

    @property
    def embedding(self) -> Tensor:
        return self.weights["embed.W_E"].T[: self.p]

    @property
    def neuron_logit_map(self) -> Tensor:
        return self.weights["unembed.W_U"].T[: self.p] @ self.weights["blocks.0.mlp.W_out"]

    @property
    def pairs(self) -> tuple[Tensor, Tensor]:
        residues = torch.arange(self.p)
        return residues.repeat_interleave(self.p), residues.repeat(self.p)

    def from_embeddings(self, *embedded: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of the residues and the neurons' activations, both at the last position."""
        w = {name.removeprefix("blocks.0."): weight for name, weight in self.weights.items()}
        x = torch.stack(embedded, 1) + w["pos_embed.W_pos"]
        q, k, v = (torch.einsum("hed,npd->nhpe", w[f"attn.W_{name}"], x) for name in "QKV")
        scores = q[:, :, -1:] @ k.mT / math.sqrt(q.shape[-1])
        attention = torch.ones_like(scores) if self.uniform else scores.softmax(-1)
        middle = x[:, -1] + (attention @ v).flatten(1) @ w["attn.W_O"].T
        neurons = torch.relu(middle @ w["mlp.W_in"].T + w["mlp.b_in"])
        logits = (middle + neurons @ w["mlp.W_out"].T + w["mlp.b_out"]) @ w["unembed.W_U"]
        return logits[:, : self.p], neurons

    def forward(self) -> tuple[Tensor, Tensor]:
        """The logits and the neurons' activations of all pairs."""
        embedding, (a, b) = self.weights["embed.W_E"].T, self.pairs
        equals_sign = [embedding[torch.full_like(a, self.p)]] if embedding.shape[0] > self.p else []
        return self.from_embeddings(embedding[a], embedding[b], *equals_sign)


def load(name: str, *, p: int, uniform: bool) -> Network:
    """The published network in a file; the test is skipped if the file is missing."""
    if not (FOLDER / name).exists():
        pytest.skip(f"the published network is missing: {FOLDER / name}")
    with np.load(FOLDER / name) as file:
        return Network({key: torch.from_numpy(file[key]).double() for key in file}, p, uniform)


@dataclass(frozen=True)
class Outputs:
    """Outputs and results of all pairs, in the order a · p + b, and the indices of the training and test pairs."""

    logits: Tensor
    neurons: Tensor
    residue: Tensor
    train: Tensor
    test: Tensor


@cache
def clock() -> tuple[Network, Outputs]:
    """Nanda et al.'s network at weight decay 0.1, with the split of its training (fraction .3, seed 1)."""
    network = load(CLOCK, p=113, uniform=False)
    order = list(range(113**2))
    random.Random(1).shuffle(order)
    n_train = int(0.3 * 113**2)
    a, b = network.pairs
    train, test = torch.tensor(order[:n_train]), torch.tensor(order[n_train:])
    return network, Outputs(*network.forward(), (a + b) % 113, train, test)


@cache
def pizza() -> tuple[Network, Outputs]:
    """Zhong et al.'s model A (p99zdpze5l), attention coefficient 0, without a split."""
    network = load(PIZZA, p=59, uniform=True)
    a, b = network.pairs
    no_pairs = torch.tensor([], dtype=torch.long)
    return network, Outputs(*network.forward(), (a + b) % 59, no_pairs, no_pairs)


def published(number: str) -> object:
    """A published number; a value equals it if it agrees in all printed digits."""
    digits, _, exponent = number.partition("e")
    places = len(digits.partition(".")[2])
    return pytest.approx(float(number), rel=0, abs=0.5000001 * 10.0 ** (int(exponent or 0) - places))
