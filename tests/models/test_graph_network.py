"""The graph network against its definition and PyTorch Geometric; molecules have neither an order nor a frame."""

import pytest
import torch
from torch.nn import functional

from grok.checks import UserError
from grok.models.graph_network import BondConvolution, GraphNetwork
from grok.streams import Streams

N_FEATURES, N_BONDS = 5, 4


def network(*seeds: int, widths=(6, 3)) -> GraphNetwork:
    model = GraphNetwork(
        widths=widths,
        bond_width=7,
        readout_width=4,
        n_features=N_FEATURES,
        n_bonds=N_BONDS,
        n_outputs=1,
        generators=[Streams(seed).generator("init") for seed in seeds],
    )
    for convolution in model.convolutions:
        convolution.own.bias.data += torch.linspace(0.1, 1, convolution.n_out)  # so that a wrong mask tells
    return model


def molecules(n: int, n_atoms: int, *, room: int = 0) -> torch.Tensor:
    """Random molecules [1, molecule, atom, feature + atom], with room for more atoms that are not there."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randint(1, 4, (n, n_atoms, N_FEATURES), generator=generator)
    bonds = torch.randint(N_BONDS + 1, (n, n_atoms, n_atoms), generator=generator).triu(1)
    bonds = functional.pad(bonds + bonds.mT, (0, room, 0, room))
    return torch.cat([functional.pad(features, (0, 0, 0, room)), bonds], 2).to(torch.int8)[None]


def by_definition(model: GraphNetwork, replica: int, molecule: torch.Tensor) -> torch.Tensor:
    """Gilmer et al. 2017, Sec. 5, atom by atom and bond by bond."""
    x = [atom[:N_FEATURES].double() for atom in molecule]
    for each in model.convolutions:
        parts = [(layer.weight[replica], layer.bias[replica, 0]) for layer in (each.bond, each.weights, each.own)]
        (to_hidden, hidden_bias), (to_weights, weights_bias), (own, bias) = parts
        new = []
        for i, atom in enumerate(molecule):
            total = x[i] @ own + bias
            for j, kind in enumerate(atom[N_FEATURES:].tolist()):
                if kind:
                    one_hot = functional.one_hot(torch.tensor(kind - 1), N_BONDS).double()
                    hidden = (one_hot @ to_hidden + hidden_bias).relu()
                    total = total + x[j] @ (hidden @ to_weights + weights_bias).view(each.n_in, each.n_out)
            new.append(total.relu())
        x = new
    hidden = (sum(x) @ model.readout.weight[replica] + model.readout.bias[replica, 0]).relu()
    return hidden @ model.last.weight[replica] + model.last.bias[replica, 0]


def test_it_computes_what_the_paper_defines():
    model, inputs = network(0, 1), molecules(3, 4)
    ours = model(inputs.expand(2, -1, -1, -1))
    for replica in (0, 1):
        expected = torch.stack([by_definition(model, replica, molecule) for molecule in inputs[0]])
        torch.testing.assert_close(ours[replica], expected, rtol=1e-12, atol=1e-12)


def test_a_convolution_is_pytorch_geometrics():
    nn = pytest.importorskip("torch_geometric.nn", reason="torch_geometric is not installed")
    inputs = molecules(1, 6)
    features, bonds = inputs[0, 0].split([N_FEATURES, 6], dim=1)
    ours = BondConvolution(N_FEATURES, 3, n_bonds=N_BONDS, bond_width=7, generators=[Streams(0).generator("init")])
    bond = torch.nn.Sequential(torch.nn.Linear(N_BONDS, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3 * N_FEATURES))
    theirs = nn.NNConv(N_FEATURES, 3, bond).double()
    assert sum(each.numel() for each in theirs.parameters()) == sum(each.numel() for each in ours.parameters())
    assert not theirs.bias.any() and not ours.own.bias.any()
    with torch.no_grad():
        for one, other in ((bond[0], ours.bond), (bond[2], ours.weights), (theirs.lin, ours.own)):
            one.weight.copy_(other.weight[0].T)
            if one.bias is not None:
                one.bias.copy_(other.bias[0, 0])
    edges = bonds.nonzero().T
    expected = theirs(features.double(), edges, functional.one_hot(bonds[*edges].long() - 1, N_BONDS).double())
    bound = network(0)._bound(bonds[None, None]).double()
    torch.testing.assert_close(ours(features[None, None].double(), bound)[0, 0], expected, rtol=1e-12, atol=1e-12)


def test_the_order_of_atoms_and_room_for_more_do_not_matter():
    model, inputs = network(0), molecules(3, 5)
    order = torch.tensor([3, 1, 4, 0, 2])
    shuffled = inputs[:, :, order][..., [*range(N_FEATURES), *(N_FEATURES + order).tolist()]]
    torch.testing.assert_close(model(shuffled), model(inputs), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model(molecules(3, 5, room=4)), model(inputs), rtol=1e-12, atol=1e-12)


def test_molecules_that_are_not_bound_add_up_before_the_readout():
    """Two copies without a bond between them are twice the sum over atoms of one."""
    model, one = network(0), molecules(1, 4)
    features, bonds = one[0, 0].split([N_FEATURES, 4], dim=1)
    two = torch.cat([features.repeat(2, 1), torch.block_diag(bonds, bonds)], 1)[None, None].to(torch.int8)
    sums = []
    model.readout.register_forward_hook(lambda module, given, output: sums.append(given[0]))
    model(one), model(two)
    torch.testing.assert_close(sums[1], 2 * sums[0], rtol=1e-12, atol=1e-12)


def test_a_replica_among_others_is_that_replica_alone():
    together, alone, inputs = network(0, 1, 2), network(1), molecules(3, 4)
    for ours, single in zip(together.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours[1], single[0])
    torch.testing.assert_close(together(inputs.expand(3, -1, -1, -1))[1], alone(inputs)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("widths", [[], [32, 0]])
def test_widths_that_are_none_are_named(widths):
    with pytest.raises(UserError, match=r"model.widths="):
        network(0, widths=widths)
