"""Real molecules as graphs, with the bonds known from chemistry."""

from importlib.util import find_spec

import numpy as np
import pytest

from grok.checks import UserError
from grok.data import qm9
from tests.conftest import ROOT

needs_molecules = pytest.mark.skipif(not find_spec("qm9pack"), reason="the package qm9pack is not installed")
needs_rdkit = pytest.mark.skipif(not find_spec("rdkit"), reason="the package rdkit is not installed")
ELEMENT, NUMBER, AROMATIC, HYBRIDIZATION, HYDROGENS = slice(0, 5), 5, 6, slice(7, 10), 10
CARBON = [0, 1, 0, 0, 0]


@needs_rdkit
def test_known_molecules_have_the_expected_graphs():
    """Methane, hydrogen cyanide, formaldehyde, benzene."""
    atoms, bonds, kekule = qm9.graphs(["C", "C#N", "C=O", "c1ccccc1"]).values()
    assert atoms.any(2).sum(1).tolist() == [5, 3, 4, 12]
    assert atoms[:, 0, ELEMENT].tolist() == [CARBON] * 4
    assert atoms[:, 0, HYDROGENS].tolist() == [4, 1, 2, 1]
    assert atoms[:, 0, HYBRIDIZATION].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert atoms[3, :, AROMATIC].tolist() == [1] * 6 + [0] * 6
    assert [np.bincount(each.flatten(), minlength=5)[1:].tolist() for each in bonds] == [
        [8, 0, 0, 0],  # each bond is two entries of the symmetric matrix
        [2, 0, 2, 0],
        [4, 2, 0, 0],
        [12, 0, 0, 12],
    ]
    assert np.bincount(kekule[3].flatten(), minlength=5)[1:].tolist() == [18, 6, 0, 0]  # three C–C, six C–H; three C=C
    assert np.array_equal(bonds[:3], kekule[:3]) and np.array_equal(bonds, bonds.transpose(0, 2, 1))


@needs_molecules
@needs_rdkit
def test_the_first_molecules_and_their_polarizabilities_are_those_of_qm9():
    molecules = qm9.load(str(ROOT / "data"))
    assert molecules.polarizability[:3].tolist() == [13.21, 9.46, 6.31]  # methane, ammonia, water
    assert molecules.atoms[:3].any(2).sum(1).tolist() == [5, 4, 3]
    assert [molecules.atoms[number, 0, NUMBER] for number in range(3)] == [6, 7, 8]
    assert len(molecules.polarizability) == qm9.N_CACHED and np.isfinite(molecules.polarizability).all()


@needs_molecules
@needs_rdkit
def test_every_hydrogen_has_one_single_bond():
    molecules = qm9.load(str(ROOT / "data"))
    is_hydrogen = molecules.atoms[..., NUMBER] == 1
    assert (molecules.bonds[is_hydrogen].sum(1) == 1).all()
    n_hydrogens = ((molecules.bonds > 0) & is_hydrogen[:, None, :]).sum(2)
    assert np.array_equal(n_hydrogens, molecules.atoms[..., HYDROGENS])


@needs_molecules
@needs_rdkit
def test_the_first_hundred_molecules_have_the_valences_of_their_elements():
    molecules = qm9.load(str(ROOT / "data"))
    orders, numbers = molecules.kekule[:100].sum(2), molecules.atoms[:100, :, NUMBER]
    for number, valence in {1: 1, 6: 4, 7: 3, 8: 2}.items():
        assert (orders[numbers == number] == valence).all()


def test_a_missing_rdkit_is_a_one_line_error(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(qm9, "import_module", missing)
    with pytest.raises(UserError, match=r"^task: reading molecules needs the package rdkit, .*; pip install rdkit$"):
        qm9.graphs(["C"])
