"""The graph network of Omnigrok on molecules: convolutions whose weights follow from the bond (Gilmer et al. 2017), a
sum over atoms, and a perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from grok.checks import UserError, whole
from grok.models.layers import Linear


class BondConvolution(nn.Module):
    """x_i W + b + Σ_j x_j Θ(the bond of i and j), summed over the atoms j that i is bound to, where Θ is what a
    perceptron makes of the bond's one-hot kind (Gilmer et al. 2017, Sec. 5, "edge network"; PyTorch Geometric's
    `NNConv`).

    With one-hot kinds there are only as many Θ as kinds: each is made once, not once a bond. Initialised as torch's
    linear layers are; b at 0.
    """

    def __init__(
        self, n_in: int, n_out: int, *, n_bonds: int, bond_width: int, generators: Sequence[Generator]
    ) -> None:
        super().__init__()
        self.n_in, self.n_out, self.n_bonds = n_in, n_out, n_bonds
        self.bond = Linear(n_bonds, bond_width, generators=generators)
        self.weights = Linear(bond_width, n_in * n_out, generators=generators)
        self.own = Linear(n_in, n_out, generators=generators)
        nn.init.zeros_(self.own.bias)

    def by_bond(self) -> Float[Tensor, "replica bond in out"]:
        """Θ of each kind of bond."""
        hidden = torch.relu(self.bond.weight + self.bond.bias)  # of the one-hot kinds: the identity times the weight
        weights: Tensor = self.weights(hidden).unflatten(2, (self.n_in, self.n_out))
        return weights

    def forward(
        self,
        x: Float[Tensor, "replica molecule atom in"],
        bound: Float[Tensor, "replica molecule place atom"],
    ) -> Float[Tensor, "replica molecule atom out"]:
        own = self.own(x.flatten(1, 2))
        if self.n_in < self.n_out:  # the sum over neighbours first, as it is the narrower one
            neighbours = (bound @ x).flatten(1, 2).view(*own.shape[:2], -1)
            return torch.baddbmm(own, neighbours, self.by_bond().flatten(1, 2)).view(*x.shape[:3], -1)
        messages = torch.bmm(x.flatten(1, 2), self.by_bond().transpose(1, 2).flatten(2))
        out: Tensor = own.view(*x.shape[:3], -1) + bound.mT @ messages.view(*bound.shape[:3], -1)
        return out


class GraphNetwork(nn.Module):
    """R networks side by side. An atom's inputs are its `n_features`, then the kind of its bond to each atom of the
    molecule: 1 … `n_bonds`, or 0 for none, the same for both ends. An atom whose features are all 0 is not there."""

    def __init__(
        self,
        *,
        widths: Sequence[int],
        bond_width: int,
        readout_width: int,
        n_features: int,
        n_bonds: int,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        if not isinstance(widths, Sequence) or isinstance(widths, str) or not widths:
            raise UserError(f"model.widths={widths}: must be the widths of the convolutions, [first, …]")
        for width in widths:
            whole("model.widths", width, least=1)
        whole("model.bond_width", bond_width, least=1)
        whole("model.readout_width", readout_width, least=1)
        super().__init__()
        self.n_features, self.n_bonds = n_features, n_bonds
        self.convolutions = nn.ModuleList(
            BondConvolution(a, b, n_bonds=n_bonds, bond_width=bond_width, generators=generators)
            for a, b in pairwise([n_features, *widths])
        )
        self.readout = Linear(widths[-1], readout_width, generators=generators)
        self.last = Linear(readout_width, n_outputs, generators=generators)

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the network that may have rates of their own, by how the names of their parameters begin."""
        return {"convolutions": "convolutions.", "last_layer": "last."}

    def forward(self, inputs: Int[Tensor, "replica molecule atom _"]) -> Float[Tensor, "replica molecule out"]:
        features, bonds = inputs.split([self.n_features, inputs.shape[2]], dim=3)
        dtype = self.last.weight.dtype
        x, there, bound = features.to(dtype), features.any(3, keepdim=True), self._bound(bonds).to(dtype)
        for convolution in self.convolutions:
            x = torch.relu(convolution(x, bound))
        molecule = (x * there).sum(2)
        outputs: Tensor = self.last(torch.relu(self.readout(molecule)))
        return outputs

    def _bound(self, bonds: Int[Tensor, "replica molecule atom atom"]) -> Bool[Tensor, "replica molecule place atom"]:
        """Whether an atom has a bond of each kind to another: at the place
        i · n_bonds + kind − 1 of the row."""
        kinds = torch.arange(1, self.n_bonds + 1, device=bonds.device, dtype=bonds.dtype).view(-1, 1)
        return (bonds.unsqueeze(3) == kinds).flatten(2, 3)
