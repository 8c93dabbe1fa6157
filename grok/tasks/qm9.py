"""Polarizability of molecules from few examples: the molecule task of Omnigrok (Liu et al. 2023, Sec. 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grok.checks import UserError, check_choice, check_float, check_int
from grok.data import qm9
from grok.models.spec import Graphs, Spec, Values
from grok.random_streams import RandomStreams
from grok.science.losses import squared_error
from grok.tasks.task import Data, Examples, Provenance, Task, Thresholds

FEATURES = ("reference", "perceived")


@dataclass(frozen=True, kw_only=True)
class Qm9(Task):
    """Regress the isotropic polarizability, in Bohr³, of the first molecules of QM9.

    Inputs are Int [molecule, atom, feature + atom]: the features of each atom, then the kind of its bond to each atom.
    An example is correct if its squared error is below the tolerance, in Bohr⁶. With `features=reference`, atoms have
    no aromaticity and no hybridization, and aromatic rings have alternating single and double bonds.
    """

    folder: str
    features: str
    n_molecules: int
    n_train: int
    tolerance: float
    thresholds: Thresholds | None

    def __post_init__(self) -> None:
        check_choice("task.features", self.features, FEATURES)
        if not isinstance(self.folder, str):
            raise UserError(f"task.folder={self.folder}: must be the path of a folder")
        check_int("task.n_molecules", self.n_molecules, minimum=2, maximum=qm9.N_CACHED)
        check_int("task.n_train", self.n_train, minimum=1, maximum=self.n_molecules - 1)
        check_float("task.tolerance", self.tolerance, above=0)

    @property
    def spec(self) -> Spec:
        return Spec(Graphs(qm9.N_FEATURES, len(qm9.BONDS)), Values(1))

    def data(self, streams: RandomStreams) -> Data:
        """The first molecules in the order of QM9. The stream `split` divides them into training and test set."""
        inputs, targets, source, checksum = _table(self.folder, self.features, self.n_molecules)
        order = torch.randperm(self.n_molecules, generator=streams.generator("split"))
        n_test = self.n_molecules - self.n_train
        provenance = Provenance(
            source=source,
            checksum=checksum,
            split=f"{self.n_train:,} of the first {self.n_molecules:,} molecules drawn by the stream `split`",
            message=f"QM9, first {self.n_molecules:,} molecules: {self.n_train:,} for training, {n_test:,} for test",
        )
        train, test = order[: self.n_train], order[self.n_train :]
        return Data(Examples(inputs, targets, train), Examples(inputs, targets, test), provenance)

    def example_loss(
        self, outputs: Float[Tensor, "*batch 1"], targets: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch"]:
        return squared_error(outputs, targets)

    def is_correct(
        self, outputs: Float[Tensor, "*batch 1"], targets: Float[Tensor, "*batch 1"]
    ) -> Bool[Tensor, "*batch"]:
        return squared_error(outputs, targets) < self.tolerance


@lru_cache(maxsize=2)
def _table(
    folder: str, features: str, n: int
) -> tuple[Int[Tensor, "molecule atom _"], Float[Tensor, "molecule 1"], str, str]:
    """Inputs and targets of the first n molecules, their source and its checksum. Cached: replicas share them."""
    molecules = qm9.load(folder)
    is_perceived = features == "perceived"
    atoms = torch.tensor(molecules.atoms[:n])
    bonds = torch.tensor((molecules.bonds if is_perceived else molecules.kekule)[:n])
    if not is_perceived:
        atoms[..., qm9.PERCEIVED] = 0
    max_atoms = int(atoms.any(2).sum(1).max())
    inputs = torch.cat([atoms[:, :max_atoms], bonds[:, :max_atoms, :max_atoms]], dim=2)
    targets = torch.from_numpy(molecules.polarizability[:n, None])
    return inputs, targets, molecules.source, molecules.checksum
