"""Small organic molecules and their polarizability (QM9, Ramakrishnan et al. 2014), from the package qm9pack, as graphs
of atoms and bonds."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from grok.checks import UserError
from grok.data.installed import data_file
from grok.data.kept import Arrays, kept

PACKAGE, RELEASE = "qm9pack", "1.0.3"
FILE = "qm9pack/data/qm9_part1.csv"
SHA256 = "19f0a5d595462d52cd82eef3370f3e9eb55a1f52cb14985657200349568deff3"
MOST = 10_000  # molecules that are kept, the first of 130,831: as many as the reference's largest landscape takes
GRAPHS = "graphs-2"  # the number rises when graphs are made in another way

ELEMENTS = ("H", "C", "N", "O", "F")
HYBRIDISATIONS = ("SP", "SP2", "SP3")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
N_FEATURES = len(ELEMENTS) + 2 + len(HYBRIDISATIONS) + 1
PERCEIVED = slice(len(ELEMENTS) + 1, N_FEATURES - 1)  # of the features: those that do not follow from a table of bonds


@dataclass(frozen=True)
class Molecules:
    """Molecules in the order of QM9, filled up with atoms that are not there, all of whose features are 0."""

    atoms: np.ndarray  # int8 [molecule, atom, feature]: one-hot element, atomic number, whether it is aromatic, one-hot
    # sp, sp2, sp3, and the number of hydrogen atoms that it is bound to; as in PyTorch Geometric's QM9
    bonds: np.ndarray  # int8 [molecule, atom, atom]: 0 where there is none, else a bond's place in `BONDS`, from 1 on
    kekule: np.ndarray  # int8 [molecule, atom, atom]: the same with single and double bonds for aromatic ones
    polarizability: np.ndarray  # float64 [molecule]: isotropic, in Bohr³
    source: str
    checksum: str


@lru_cache(maxsize=1)
def load(folder: str) -> Molecules:
    """The first 10,000 molecules, which are kept in the folder.

    Raises:
        UserError: a package is missing, or a file is damaged or cannot be written.
    """
    path = Path(folder) / "QM9" / "molecules.npz"
    arrays = kept(path, rule=f"{GRAPHS} of the first {MOST} of sha256:{SHA256}", make=_from_package)
    source = f"QM9 (Ramakrishnan et al. 2014), the first {MOST:,} molecules in {PACKAGE} {RELEASE}, bonds by RDKit"
    return Molecules(**arrays, source=source, checksum=f"sha256:{SHA256}")


def _from_package() -> Arrays:
    path = data_file(FILE, package=PACKAGE, release=RELEASE, sha256=SHA256)
    with path.open(newline="", encoding="utf-8") as file:
        rows = [*islice(csv.DictReader(file), MOST)]
    arrays = graphs([row["SMILES"] for row in rows])
    counts = arrays["atoms"].any(2).sum(1)
    assert counts.tolist() == [int(row["N_atoms"]) for row in rows], "a known file is read by a known rule"
    return {**arrays, "polarizability": np.array([float(row["Polarizability_bohr3"]) for row in rows])}


def graphs(smiles: Sequence[str]) -> Arrays:
    """The atoms and the bonds, as `Molecules` has them, of molecules written as SMILES; hydrogen atoms are added.

    Raises:
        UserError: RDKit is not installed.
    """
    try:
        chemistry: Any = import_module("rdkit.Chem")
    except ImportError as error:
        raise UserError(
            "task: reading molecules needs the package rdkit, which is missing; pip install rdkit"
        ) from error
    molecules = [chemistry.AddHs(chemistry.MolFromSmiles(each)) for each in smiles]
    most = max(each.GetNumAtoms() for each in molecules)
    atoms = np.zeros((len(molecules), most, N_FEATURES), np.int8)
    bonds, kekule = (np.zeros((len(molecules), most, most), np.int8) for _ in range(2))
    for number, molecule in enumerate(molecules):
        features = [_features(atom) for atom in molecule.GetAtoms()]
        atoms[number, : len(features)] = features
        _fill(bonds[number], molecule)
        chemistry.Kekulize(molecule, clearAromaticFlags=True)
        _fill(kekule[number], molecule)
    return {"atoms": atoms, "bonds": bonds, "kekule": kekule}


def _fill(bonds: np.ndarray, molecule: Any) -> None:
    """Put the bonds of a molecule of RDKit's into a matrix of zeros."""
    for bond in molecule.GetBonds():
        one, other = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds[one, other] = bonds[other, one] = 1 + BONDS.index(bond.GetBondType().name)


def _features(atom: Any) -> list[int]:
    """The features of an atom of RDKit's."""
    element = [atom.GetSymbol() == each for each in ELEMENTS]
    hybridisation = [atom.GetHybridization().name == each for each in HYBRIDISATIONS]
    hydrogens = atom.GetTotalNumHs(includeNeighbors=True)
    return [*element, atom.GetAtomicNum(), atom.GetIsAromatic(), *hybridisation, hydrogens]
