"""The two published networks of shared/reference, and a forward pass of theirs that shares no code with ours."""

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
    """A one-layer transformer in float64; its tables have one row per residue."""

    weights: dict[str, Tensor]
    p: int
    uniform: bool  # attends with weight 1 everywhere: c · softmax + (1 − c) at c = 0 (Zhong et al.'s code)

    @property
    def embedding(self) -> Tensor:
        return self.weights["embed.W_E"].T[: self.p]

    @property
    def neuron_logit_map(self) -> Tensor:
        return self.weights["unembed.W_U"].T[: self.p] @ self.weights["blocks.0.mlp.W_out"]

    @property
    def pairs(self) -> tuple[Tensor, Tensor]:
        t = torch.arange(self.p)
        return t.repeat_interleave(self.p), t.repeat(self.p)

    def from_embeddings(self, *embedded: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the residues at the last position, and the neurons' activations there."""
        w = {name.removeprefix("blocks.0."): weight for name, weight in self.weights.items()}
        x = torch.stack(embedded, 1) + w["pos_embed.W_pos"]
        q, k, v = (torch.einsum("hed,npd->nhpe", w[f"attn.W_{name}"], x) for name in "QKV")
        score = q[:, :, -1:] @ k.mT / math.sqrt(q.shape[-1])
        attention = torch.ones_like(score) if self.uniform else score.softmax(-1)
        middle = x[:, -1] + (attention @ v).flatten(1) @ w["attn.W_O"].T
        neurons = torch.relu(middle @ w["mlp.W_in"].T + w["mlp.b_in"])
        out = (middle + neurons @ w["mlp.W_out"].T + w["mlp.b_out"]) @ w["unembed.W_U"]
        return out[:, : self.p], neurons

    def forward(self) -> tuple[Tensor, Tensor]:
        """Of all pairs."""
        table, (a, b) = self.weights["embed.W_E"].T, self.pairs
        last = [table[torch.full_like(a, self.p)]] if table.shape[0] > self.p else []  # "="
        return self.from_embeddings(table[a], table[b], *last)


def load(name: str, *, p: int, uniform: bool) -> Network:
    if not (FOLDER / name).exists():
        pytest.skip(f"the published network is not here: {FOLDER / name}")
    with np.load(FOLDER / name) as file:
        return Network({key: torch.from_numpy(file[key]).double() for key in file}, p, uniform)


@dataclass(frozen=True)
class Outputs:
    logits: Tensor
    neurons: Tensor
    residue: Tensor  # of all pairs, in the order a · p + b
    train: Tensor
    test: Tensor


@cache
def clock() -> tuple[Network, Outputs]:
    """Nanda et al.'s network at weight decay 0.1, with the split it was trained on (fraction .3, seed 1)."""
    network = load(CLOCK, p=113, uniform=False)
    order = list(range(113**2))
    random.Random(1).shuffle(order)
    n_train = int(0.3 * 113**2)
    a, b = network.pairs
    train, test = torch.tensor(order[:n_train]), torch.tensor(order[n_train:])
    return network, Outputs(*network.forward(), (a + b) % 113, train, test)


@cache
def pizza() -> tuple[Network, Outputs]:
    """Zhong et al.'s model A (p99zdpze5l), attention coefficient 0."""
    network = load(PIZZA, p=59, uniform=True)
    a, b = network.pairs
    nothing = torch.tensor([], dtype=torch.long)
    return network, Outputs(*network.forward(), (a + b) % 59, nothing, nothing)


def published(number: str) -> object:
    """A published number, met to the digits that are given."""
    digits, _, exponent = number.partition("e")
    places = len(digits.partition(".")[2])
    return pytest.approx(float(number), rel=0, abs=0.5000001 * 10.0 ** (int(exponent or 0) - places))
