"""Real molecules as graphs: the bonds that chemistry knows."""

from importlib.util import find_spec

import numpy as np
import pytest

from grok.checks import UserError
from grok.data import qm9
from tests.conftest import ROOT

needs_molecules = pytest.mark.skipif(not find_spec("qm9pack"), reason="the package qm9pack is not installed")
needs_rdkit = pytest.mark.skipif(not find_spec("rdkit"), reason="the package rdkit is not installed")
ELEMENT, NUMBER, AROMATIC, HYBRIDISATION, HYDROGENS = slice(0, 5), 5, 6, slice(7, 10), 10
CARBON = [0, 1, 0, 0, 0]


@needs_rdkit
def test_the_graphs_of_known_molecules():
    """Methane, hydrogen cyanide, formaldehyde, benzene."""
    atoms, bonds, kekule = qm9.graphs(["C", "C#N", "C=O", "c1ccccc1"]).values()
    assert atoms.any(2).sum(1).tolist() == [5, 3, 4, 12]
    assert atoms[:, 0, ELEMENT].tolist() == [CARBON] * 4
    assert atoms[:, 0, HYDROGENS].tolist() == [4, 1, 2, 1]
    assert atoms[:, 0, HYBRIDISATION].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert atoms[3, :, AROMATIC].tolist() == [1] * 6 + [0] * 6
    assert [np.bincount(each.flatten(), minlength=5)[1:].tolist() for each in bonds] == [
        [8, 0, 0, 0],  # each bond is in the matrix both ways
        [2, 0, 2, 0],
        [4, 2, 0, 0],
        [12, 0, 0, 12],
    ]
    assert np.bincount(kekule[3].flatten(), minlength=5)[1:].tolist() == [18, 6, 0, 0]  # three and three, and six C–H
    assert np.array_equal(bonds[:3], kekule[:3]) and np.array_equal(bonds, bonds.transpose(0, 2, 1))


@needs_molecules
@needs_rdkit
def test_the_first_molecules_and_their_polarizabilities_are_those_of_the_data_set():
    molecules = qm9.load(str(ROOT / "data"))
    assert molecules.polarizability[:3].tolist() == [13.21, 9.46, 6.31]  # methane, ammonia, water
    assert molecules.atoms[:3].any(2).sum(1).tolist() == [5, 4, 3]
    assert [molecules.atoms[number, 0, NUMBER] for number in range(3)] == [6, 7, 8]
    assert len(molecules.polarizability) == qm9.MOST and np.isfinite(molecules.polarizability).all()


@needs_molecules
@needs_rdkit
def test_every_hydrogen_has_one_bond_and_it_is_single():
    molecules = qm9.load(str(ROOT / "data"))
    hydrogen = molecules.atoms[..., NUMBER] == 1
    assert (molecules.bonds[hydrogen].sum(1) == 1).all()
    counted = ((molecules.bonds > 0) & hydrogen[:, None, :]).sum(2)
    assert np.array_equal(counted, molecules.atoms[..., HYDROGENS])


@needs_molecules
@needs_rdkit
def test_the_first_hundred_molecules_have_the_valences_of_chemistry():
    molecules = qm9.load(str(ROOT / "data"))
    orders, numbers = molecules.kekule[:100].sum(2), molecules.atoms[:100, :, NUMBER]
    for number, valence in {1: 1, 6: 4, 7: 3, 8: 2}.items():
        assert (orders[numbers == number] == valence).all()


def test_without_rdkit_there_is_one_line(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(qm9, "import_module", missing)
    with pytest.raises(UserError, match=r"^task: reading molecules needs the package rdkit, .*; pip install rdkit$"):
        qm9.graphs(["C"])
