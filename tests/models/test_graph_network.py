"""The graph network equals its definition and PyTorch Geometric. The order of atoms and padding have no effect."""

import pytest
import torch
from torch.nn import functional

from grok.checks import UserError
from grok.models.graph_network import BondConvolution, GraphNetwork
from grok.models.spec import Graphs
from grok.random_streams import RandomStreams

N_FEATURES, N_BONDS = 5, 4


def network(*seeds: int, widths=(6, 3)) -> GraphNetwork:
    model = GraphNetwork(
        widths=widths,
        bond_width=7,
        readout_width=4,
        inputs=Graphs(N_FEATURES, N_BONDS),
        n_outputs=1,
        generators=[RandomStreams(seed).generator("init") for seed in seeds],
    )
    for convolution in model.convolutions:
        convolution.own.bias.data += torch.linspace(0.1, 1, convolution.n_out)  # makes an error in the mask visible
    return model


def molecules(n: int, n_atoms: int, *, padding: int = 0) -> torch.Tensor:
    """Random molecules [1, molecule, atom, feature + atom], with this number of padding atoms."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randint(1, 4, (n, n_atoms, N_FEATURES), generator=generator)
    bonds = torch.randint(N_BONDS + 1, (n, n_atoms, n_atoms), generator=generator).triu(1)
    bonds = functional.pad(bonds + bonds.mT, (0, padding, 0, padding))
    return torch.cat([functional.pad(features, (0, 0, 0, padding)), bonds], 2).to(torch.int8)[None]


def by_definition(model: GraphNetwork, replica: int, molecule: torch.Tensor) -> torch.Tensor:
    """Gilmer et al. 2017, Sec. 5, atom by atom and bond by bond."""
    x = [atom[:N_FEATURES].double() for atom in molecule]
    for each in model.convolutions:
        layers = [(layer.weight[replica], layer.bias[replica, 0]) for layer in (each.bond, each.weights, each.own)]
        (to_hidden, hidden_bias), (to_weights, weights_bias), (own, bias) = layers
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


def test_outputs_match_the_definition_in_the_paper():
    model, inputs = network(0, 1), molecules(3, 4)
    outputs = model(inputs.expand(2, -1, -1, -1))
    for replica in (0, 1):
        expected = torch.stack([by_definition(model, replica, molecule) for molecule in inputs[0]])
        torch.testing.assert_close(outputs[replica], expected, rtol=1e-12, atol=1e-12)


def test_a_convolution_equals_that_of_pytorch_geometric():
    nn = pytest.importorskip("torch_geometric.nn", reason="torch_geometric is not installed")
    inputs = molecules(1, 6)
    features, bonds = inputs[0, 0].split([N_FEATURES, 6], dim=1)
    convolution = BondConvolution(
        N_FEATURES, 3, n_bonds=N_BONDS, bond_width=7, generators=[RandomStreams(0).generator("init")]
    )
    bond = torch.nn.Sequential(torch.nn.Linear(N_BONDS, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3 * N_FEATURES))
    reference = nn.NNConv(N_FEATURES, 3, bond).double()
    counts = [sum(each.numel() for each in module.parameters()) for module in (reference, convolution)]
    assert counts[0] == counts[1]
    assert not reference.bias.any() and not convolution.own.bias.any()
    pairs = ((bond[0], convolution.bond), (bond[2], convolution.weights), (reference.lin, convolution.own))
    with torch.no_grad():
        for target, source in pairs:
            target.weight.copy_(source.weight[0].T)
            if target.bias is not None:
                target.bias.copy_(source.bias[0, 0])
    edges = bonds.nonzero().T
    expected = reference(features.double(), edges, functional.one_hot(bonds[*edges].long() - 1, N_BONDS).double())
    adjacency = network(0)._adjacency(bonds[None, None]).double()
    outputs = convolution(features[None, None].double(), adjacency)[0, 0]
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-12)


def test_the_order_of_atoms_and_padding_have_no_effect():
    model, inputs = network(0), molecules(3, 5)
    order = torch.tensor([3, 1, 4, 0, 2])
    shuffled = inputs[:, :, order][..., [*range(N_FEATURES), *(N_FEATURES + order).tolist()]]
    torch.testing.assert_close(model(shuffled), model(inputs), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model(molecules(3, 5, padding=4)), model(inputs), rtol=1e-12, atol=1e-12)


def test_two_copies_of_a_molecule_without_a_bond_between_them_have_twice_its_sum_over_atoms():
    model, one = network(0), molecules(1, 4)
    features, bonds = one[0, 0].split([N_FEATURES, 4], dim=1)
    two = torch.cat([features.repeat(2, 1), torch.block_diag(bonds, bonds)], 1)[None, None].to(torch.int8)
    sums = []
    model.readout.register_forward_hook(lambda module, given, output: sums.append(given[0]))
    model(one), model(two)
    torch.testing.assert_close(sums[1], 2 * sums[0], rtol=1e-12, atol=1e-12)


def test_a_batched_replica_equals_that_replica_alone():
    batched, alone, inputs = network(0, 1, 2), network(1), molecules(3, 4)
    for parameter, single in zip(batched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(parameter[1], single[0])
    torch.testing.assert_close(batched(inputs.expand(3, -1, -1, -1))[1], alone(inputs)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("widths", [[], [32, 0]])
def test_invalid_widths_are_an_error_that_names_the_key(widths):
    with pytest.raises(UserError, match=r"model.widths="):
        network(0, widths=widths)
