"""The LSTM is torch's own, with an axis of one replica before its parameters."""

import pytest
import torch

from grok.models.lstm import Lstm
from grok.streams import Streams
from tests.conftest import composed

SMALL = dict(d_embedding=5, depth=2, width=7, n_words=11, n_outputs=1)
INPUTS = torch.randint(11, (1, 4, 9), generator=torch.Generator().manual_seed(0))


def network(seed: int = 0) -> Lstm:
    return Lstm(**SMALL, generators=[Streams(seed).generator("init")])


def test_it_computes_what_torchs_lstm_and_embedding_compute():
    ours = network()
    embedding = torch.nn.Embedding.from_pretrained(ours.embedding.weight[0])
    theirs = torch.nn.LSTM(5, 7, num_layers=2, batch_first=True, dtype=torch.float64)
    for own, each in zip(theirs._flat_weights, ours.recurrent, strict=True):
        own.data.copy_(each[0])
    states, _ = theirs(embedding(INPUTS[0]))
    expected = states[:, -1] @ ours.last.weight[0] + ours.last.bias[0]
    torch.testing.assert_close(ours(INPUTS)[0], expected, rtol=1e-12, atol=1e-12)


def test_the_gradient_reaches_every_parameter_of_its_own_shape():
    model = network()
    model(INPUTS).sum().backward()
    assert all(each.grad.shape == each.shape and each.grad.any() for each in model.parameters())
    assert {each.shape[0] for each in model.parameters()} == {1}


def test_initial_weights_are_distributed_as_torchs_defaults():
    ours = Lstm(**SMALL | dict(width=100), generators=[Streams(0).generator("init")])
    theirs = torch.nn.LSTM(5, 100, num_layers=2)
    for one, other in zip(ours.recurrent, theirs._flat_weights, strict=True):
        assert one.abs().max() <= 0.1 and one.std().item() == pytest.approx(other.std().item(), rel=0.15)
    assert ours.embedding.weight.std().item() == pytest.approx(1, rel=0.3)


def test_the_paper_network_has_as_many_parameters_as_the_references():
    """1,001 embeddings of 64; layers of 4 · 256 · (64 + 256 + 2) and 4 · 256 · (256 + 256 + 2); 257 behind them."""
    config = composed("task=imdb_grok")["model"]
    keys = {key: config[key] for key in ("d_embedding", "depth", "width")}
    model = Lstm(**keys, n_words=1001, n_outputs=1, generators=[Streams(0).generator("init")])
    assert sum(each.numel() for each in model.parameters()) == 1001 * 64 + 4 * 256 * (322 + 514) + 257
