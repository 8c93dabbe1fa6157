"""QM9 (Ramakrishnan et al. 2014) from the package qm9pack: small organic molecules as graphs of atoms and bonds, and
their polarizability."""

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
from grok.data.cached import Arrays, cached
from grok.data.installed import data_file

PACKAGE, RELEASE = "qm9pack", "1.0.3"
FILE = "qm9pack/data/qm9_part1.csv"
SHA256 = "19f0a5d595462d52cd82eef3370f3e9eb55a1f52cb14985657200349568deff3"
# The first molecules of 130,831, which are cached. The reference's largest landscape uses this number.
N_CACHED = 10_000
GRAPHS_VERSION = "graphs-2"  # version of the graphs: increase the number when they change

ELEMENTS = ("H", "C", "N", "O", "F")
HYBRIDIZATIONS = ("SP", "SP2", "SP3")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
N_FEATURES = len(ELEMENTS) + 2 + len(HYBRIDIZATIONS) + 1
PERCEIVED = slice(len(ELEMENTS) + 1, N_FEATURES - 1)  # features that do not follow from the bonds: RDKit infers them


@dataclass(frozen=True)
class Molecules:
    """Molecules in the order of QM9, padded to the same number of atoms. All features of a padding atom are 0.

    An atom has the features of PyTorch Geometric's QM9: one-hot element, atomic number, whether it is aromatic, one-hot
    sp, sp2 and sp3, and the number of bonded hydrogen atoms.
    """

    atoms: np.ndarray  # int8 [molecule, atom, feature]
    bonds: np.ndarray  # int8 [molecule, atom, atom]: 0 without a bond, else 1 + the index of the bond's kind in `BONDS`
    kekule: np.ndarray  # the same, with alternating single and double bonds in place of aromatic bonds
    polarizability: np.ndarray  # float64 [molecule]: isotropic, in Bohr³
    source: str
    checksum: str


@lru_cache(maxsize=1)
def load(folder: str) -> Molecules:
    """The first 10,000 molecules, cached in the folder.

    Raises:
        UserError: a package is missing, or a file is damaged or cannot be written.
    """
    path = Path(folder) / "QM9" / "molecules.npz"
    arrays = cached(path, rule=f"{GRAPHS_VERSION} of the first {N_CACHED} of sha256:{SHA256}", make=_from_package)
    source = f"QM9 (Ramakrishnan et al. 2014), the first {N_CACHED:,} molecules in {PACKAGE} {RELEASE}, bonds by RDKit"
    return Molecules(**arrays, source=source, checksum=f"sha256:{SHA256}")


def _from_package() -> Arrays:
    path = data_file(FILE, package=PACKAGE, release=RELEASE, sha256=SHA256)
    with path.open(newline="", encoding="utf-8") as file:
        rows = [*islice(csv.DictReader(file), N_CACHED)]
    arrays = graphs([row["SMILES"] for row in rows])
    counts = arrays["atoms"].any(2).sum(1)
    assert counts.tolist() == [int(row["N_atoms"]) for row in rows], "the graphs have the atoms that the file lists"
    return {**arrays, "polarizability": np.array([float(row["Polarizability_bohr3"]) for row in rows])}


def graphs(smiles: Sequence[str]) -> Arrays:
    """The arrays `atoms`, `bonds` and `kekule` of `Molecules`, from SMILES strings. Hydrogen atoms are added.

    Raises:
        UserError: RDKit is not installed.
    """
    try:
        chemistry: Any = import_module("rdkit.Chem")
    except ImportError as error:
        raise UserError(
            "task: reading molecules needs the package rdkit, which is not installed; pip install rdkit"
        ) from error
    molecules = [chemistry.AddHs(chemistry.MolFromSmiles(each)) for each in smiles]
    max_atoms = max(each.GetNumAtoms() for each in molecules)
    atoms = np.zeros((len(molecules), max_atoms, N_FEATURES), np.int8)
    bonds, kekule = (np.zeros((len(molecules), max_atoms, max_atoms), np.int8) for _ in range(2))
    for number, molecule in enumerate(molecules):
        features = [_features(atom) for atom in molecule.GetAtoms()]
        atoms[number, : len(features)] = features
        _fill(bonds[number], molecule)
        chemistry.Kekulize(molecule, clearAromaticFlags=True)
        _fill(kekule[number], molecule)
    return {"atoms": atoms, "bonds": bonds, "kekule": kekule}


def _fill(bonds: np.ndarray, molecule: Any) -> None:
    """Write the bonds of an RDKit molecule into a matrix of zeros."""
    for bond in molecule.GetBonds():
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds[begin, end] = bonds[end, begin] = 1 + BONDS.index(bond.GetBondType().name)


def _features(atom: Any) -> list[int]:
    """The features of an RDKit atom."""
    element = [atom.GetSymbol() == each for each in ELEMENTS]
    hybridization = [atom.GetHybridization().name == each for each in HYBRIDIZATIONS]
    hydrogens = atom.GetTotalNumHs(includeNeighbors=True)
    return [*element, atom.GetAtomicNum(), atom.GetIsAromatic(), *hybridization, hydrogens]
