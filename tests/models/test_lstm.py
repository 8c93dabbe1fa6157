"""The LSTM equals torch's own. Its parameters have a replica axis of size one."""

import pytest
import torch

from grok.models.lstm import Lstm
from grok.models.spec import TokenSequences
from grok.random_streams import RandomStreams
from tests.conftest import composed

SMALL = dict(d_embedding=5, depth=2, width=7, inputs=TokenSequences(11, 9), n_outputs=1)
INPUTS = torch.randint(11, (1, 4, 9), generator=torch.Generator().manual_seed(0))


def network(seed: int = 0) -> Lstm:
    return Lstm(**SMALL, generators=[RandomStreams(seed).generator("init")])


def test_it_computes_the_same_outputs_as_torchs_embedding_and_lstm():
    model = network()
    embedding = torch.nn.Embedding.from_pretrained(model.embedding.weight[0])
    reference = torch.nn.LSTM(5, 7, num_layers=2, batch_first=True, dtype=torch.float64)
    for target, source in zip(reference._flat_weights, model.recurrent, strict=True):
        target.data.copy_(source[0])
    states, _ = reference(embedding(INPUTS[0]))
    expected = states[:, -1] @ model.last.weight[0] + model.last.bias[0]
    torch.testing.assert_close(model(INPUTS)[0], expected, rtol=1e-12, atol=1e-12)


def test_every_parameter_has_a_gradient_of_its_shape():
    model = network()
    model(INPUTS).sum().backward()
    assert all(each.grad.shape == each.shape and each.grad.any() for each in model.parameters())
    assert {each.shape[0] for each in model.parameters()} == {1}


def test_initial_weights_have_the_distribution_of_torchs_defaults():
    model = Lstm(**SMALL | dict(width=100), generators=[RandomStreams(0).generator("init")])
    reference = torch.nn.LSTM(5, 100, num_layers=2)
    for weight, expected in zip(model.recurrent, reference._flat_weights, strict=True):
        assert weight.abs().max() <= 0.1 and weight.std().item() == pytest.approx(expected.std().item(), rel=0.15)
    assert model.embedding.weight.std().item() == pytest.approx(1, rel=0.3)


def test_the_network_of_the_paper_has_as_many_parameters_as_the_reference():
    """1,001 embeddings of 64, layers of 4 · 256 · (64 + 256 + 2) and 4 · 256 · (256 + 256 + 2), and 257 outputs."""
    config = composed("task=imdb_grok")["model"]
    keys = {key: config[key] for key in ("d_embedding", "depth", "width")}
    model = Lstm(**keys, inputs=TokenSequences(1001, 500), n_outputs=1, generators=[RandomStreams(0).generator("init")])
    assert sum(each.numel() for each in model.parameters()) == 1001 * 64 + 4 * 256 * (322 + 514) + 257
