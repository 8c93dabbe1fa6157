"""The graph network of Omnigrok's molecule task: convolutions whose weights depend on the bond (Gilmer et al. 2017), a
sum over atoms, and a two-layer readout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from grok.checks import UserError, check_int
from grok.models.layers import Linear
from grok.models.model import Model
from grok.models.spec import Graphs


class BondConvolution(nn.Module):
    """x_i W + b + Σ_j x_j Θ(bond of i and j), summed over the atoms j that are bonded to atom i. A two-layer network
    computes Θ from the one-hot kind of the bond (Gilmer et al. 2017, Sec. 5, "edge network"; PyTorch Geometric's
    `NNConv`).

    There are only as many different Θ as kinds of bonds, so each Θ is computed once, not once per bond. The
    initialization is that of torch's linear layers, with b = 0.
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
        # The one-hot kinds form the identity matrix, so their product with the weight is the weight.
        hidden = torch.relu(self.bond.weight + self.bond.bias)
        weights: Tensor = self.weights(hidden).unflatten(2, (self.n_in, self.n_out))
        return weights

    def forward(
        self,
        x: Float[Tensor, "replica molecule atom in"],
        adjacency: Float[Tensor, "replica molecule place atom"],
    ) -> Float[Tensor, "replica molecule atom out"]:
        from_self = self.own(x.flatten(1, 2))
        if self.n_in < self.n_out:  # sum over the neighbors first: the inputs are narrower than the messages
            neighbors = (adjacency @ x).flatten(1, 2).view(*from_self.shape[:2], -1)
            return torch.baddbmm(from_self, neighbors, self.by_bond().flatten(1, 2)).view(*x.shape[:3], -1)
        messages = torch.bmm(x.flatten(1, 2), self.by_bond().transpose(1, 2).flatten(2))
        out: Tensor = from_self.view(*x.shape[:3], -1) + adjacency.mT @ messages.view(*adjacency.shape[:3], -1)
        return out


class GraphNetwork(Model):
    """R networks in one batch.

    The inputs of an atom are its `n_features`, then the kind of its bond to each atom of the molecule: 1 … `n_bonds`,
    or 0 without a bond. The bonds of a molecule are a symmetric matrix. An atom with only zero features is padding.
    """

    reads: ClassVar = (Graphs,)

    def __init__(
        self,
        *,
        widths: Sequence[int],
        bond_width: int,
        readout_width: int,
        inputs: Graphs,
        n_outputs: int,
        generators: Sequence[Generator],
    ) -> None:
        if not isinstance(widths, Sequence) or isinstance(widths, str) or not widths:
            raise UserError(f"model.widths={widths}: must be the widths of the convolutions, [first, …]")
        for width in widths:
            check_int("model.widths", width, minimum=1)
        check_int("model.bond_width", bond_width, minimum=1)
        check_int("model.readout_width", readout_width, minimum=1)
        super().__init__()
        self.n_features, self.n_bonds = inputs.n_features, inputs.n_bonds
        self.convolutions = nn.ModuleList(
            BondConvolution(a, b, n_bonds=inputs.n_bonds, bond_width=bond_width, generators=generators)
            for a, b in pairwise([inputs.n_features, *widths])
        )
        self.readout = Linear(widths[-1], readout_width, generators=generators)
        self.last = Linear(readout_width, n_outputs, generators=generators)

    @property
    def param_groups(self) -> dict[str, str]:
        return {"convolutions": "convolutions.", "last_layer": "last."}

    def forward(self, inputs: Int[Tensor, "replica molecule atom _"]) -> Float[Tensor, "replica molecule out"]:
        features, bonds = inputs.split([self.n_features, inputs.shape[2]], dim=3)
        dtype = self.last.weight.dtype
        x, is_atom, adjacency = features.to(dtype), features.any(3, keepdim=True), self._adjacency(bonds).to(dtype)
        for convolution in self.convolutions:
            x = torch.relu(convolution(x, adjacency))
        molecule = (x * is_atom).sum(2)
        outputs: Tensor = self.last(torch.relu(self.readout(molecule)))
        return outputs

    def _adjacency(
        self, bonds: Int[Tensor, "replica molecule atom atom"]
    ) -> Bool[Tensor, "replica molecule place atom"]:
        """Whether atom i has a bond of this kind to atom j, at the entry [i · n_bonds + kind − 1, j]."""
        kinds = torch.arange(1, self.n_bonds + 1, device=bonds.device, dtype=bonds.dtype).view(-1, 1)
        return (bonds.unsqueeze(3) == kinds).flatten(2, 3)
