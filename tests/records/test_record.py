"""The record: labeled, complete, and readable at any moment."""

import contextlib
import ctypes
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import grok
from grok.checks import UserError
from grok.records.files import write_dataset, write_text
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.records.sweep import write_manifest
from tests.conftest import TINY, composed


def history() -> History:
    """Two replicas, three evaluations; one quantity with its own axis."""
    history = History()
    for step in (0, 1, 10):
        spectrum = torch.arange(6.0).view(2, 3) + step
        history.append(
            step,
            {
                "loss": Quantity(torch.tensor([step, -step]) / 3, "loss", unit="nat"),
                "power": Quantity(spectrum, "power", dims=("frequency",), coordinates={"frequency": [1, 2, 5]}),
            },
        )
    return history


def test_a_record_round_trips_with_its_labels_and_units(tmp_path):
    dataset = history().dataset(1, {"seed": 1, "note": "α"})
    write_dataset(tmp_path / "record.nc", dataset)
    loaded = grok.load(tmp_path)
    assert loaded.identical(dataset)
    assert loaded["power"].sel(step=10, frequency=5).item() == 15  # replica 1, third value, plus the step
    assert loaded["loss"].attrs["units"] == "nat" and loaded["step"].attrs["units"] == "step"


def test_a_history_round_trips_through_a_checkpoint(tmp_path):
    torch.save(history().state_dict(), tmp_path / "state")
    restored = History()
    restored.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert restored.dataset(0, {}).identical(history().dataset(0, {}))


def test_a_record_has_its_configuration_and_provenance(run):
    record = grok.load(run("steps=20", "seed=3"))
    assert json.loads(record.attrs["config"]) == composed(*TINY, "steps=20", "seed=3")
    assert record.attrs["torch"] == version("torch") and record.attrs["device"] == "cpu"
    assert record.attrs["n_parameters"] == 5 * 16 + 16 + 16 * 16 + 16 + 16 * 5 + 5
    assert record.attrs.keys() >= {"code", "command", "data_source", "data_checksum", "data_split", "python", "seconds"}
    norms = record["layer_weight_norm"]
    assert norms.dims == ("step", "layer")
    np.testing.assert_allclose(np.sqrt((norms**2).sum("layer")), record["weight_norm"], rtol=1e-6)


def test_the_summary_agrees_with_the_record(run):
    folder = run("steps=20")
    summary, record = json.loads((folder / "summary.json").read_text()), grok.load(folder)
    assert summary.keys() >= {
        "train_accuracy",
        "test_accuracy",
        "train_loss",
        "test_loss",
        "memorization_step",
        "generalization_step",
    }
    assert summary.keys() >= {"delay", "transition_width", "phase", "steps", "seconds", "steps_per_second"}
    assert summary["test_loss"] == record["test_loss"].values[-1] and summary["steps"] == 20


def test_a_sweep_keeps_the_precision_of_its_records(tmp_path):
    """Evaluations that a run lacks are NaN in that precision; integers become float64."""
    write_manifest(tmp_path, {"0": {"seed": 0}, "1": {"seed": 1}})
    for number, steps in enumerate(([0, 1], [0, 2])):
        recorded = {
            kind: ("step", np.arange(3, 5).astype(kind)) for kind in ("float16", "float32", "float64", "int8", "bool")
        }
        mixed = np.arange(2, dtype=("float16", "float32")[number])
        (tmp_path / str(number)).mkdir()
        write_dataset(
            tmp_path / str(number) / "record.nc", xr.Dataset({**recorded, "mixed": ("step", mixed)}, {"step": steps})
        )
    sweep = grok.load(tmp_path)
    expected = {"float16": "float16", "float32": "float32", "int8": "float64", "bool": "float64", "mixed": "float32"}
    assert {name: sweep[name].dtype.name for name in expected} == expected
    for name in ("float16", "int8"):
        np.testing.assert_array_equal(sweep[name].transpose("seed", "step"), [[3, 4, np.nan], [3, np.nan, 4]])


def test_loading_a_missing_record_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no record;"):
        grok.load(tmp_path)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match="has not saved its record yet"):
        grok.load(tmp_path)
    with pytest.raises(UserError, match="no record;"):
        grok.load(tmp_path / "recrod.nc")
    (tmp_path / "record.nc").write_bytes(b"no record")
    with pytest.raises(UserError, match="cannot be read as a record"):
        grok.load(tmp_path)


@pytest.fixture
def full_disk(tmp_path) -> Path:
    """A file system of 20 MB, small enough to fill."""
    folder = tmp_path / "full"
    folder.mkdir()
    with mounted(folder, b"size=20m"):
        yield folder


@pytest.fixture
def read_only_disk(tmp_path) -> Path:
    """A file system that cannot be written; root can write everywhere else."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    with mounted(folder, b"ro"):
        yield folder


@contextmanager
def mounted(folder: Path, options: bytes) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = 1 if options == b"ro" else 0  # MS_RDONLY
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", flags, b"" if flags else options) != 0:
        pytest.skip(f"mounting a file system: {os.strerror(ctypes.get_errno())}")
    yield
    libc.umount(str(folder).encode())


def test_a_record_with_old_names_is_refused_in_one_line(tmp_path):
    write_dataset(tmp_path / "record.nc", history().dataset(0, {"sittings": "[]"}))
    with pytest.raises(UserError, match=r"record\.nc: written with old names \(sittings is now sessions\)"):
        grok.load(tmp_path)


def test_a_sweep_with_old_names_is_refused_in_one_line(tmp_path):
    old = history().dataset(0, {}).rename(loss="table_accuracy")
    write_dataset(tmp_path / "sweep.nc", old)
    with pytest.raises(UserError, match=r"written with old names \(table_accuracy is now full_table_accuracy\)"):
        grok.load(tmp_path)
    write_dataset(tmp_path / "sweep.nc", history().dataset(0, {}).expand_dims({"task.random_numbers": ["ours"]}))
    with pytest.raises(UserError, match=r"written with old names \(task\.random_numbers is now task\.rng\)"):
        grok.load(tmp_path)
    (tmp_path / "sweep.json").write_text('{"axes": [], "cells": {}}')
    with pytest.raises(UserError, match=r"sweep\.json: written with old names \(cells is now runs\)"):
        grok.load(tmp_path)


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one(full_disk):
    write_text(full_disk / "file.txt", "old")
    with pytest.raises(UserError, match=r"file.txt: cannot be written \(No space left on device\)"):
        write_text(full_disk / "file.txt", "x" * 30_000_000)
    with pytest.raises(UserError, match="No space left on device"):
        write_dataset(full_disk / "record.nc", xr.Dataset({"x": ("i", np.arange(4_000_000.0))}))
    assert [path.name for path in full_disk.iterdir()] == ["file.txt"] and (full_disk / "file.txt").read_text() == "old"


def test_a_read_only_folder_is_one_line(run, read_only_disk):
    with pytest.raises(UserError, match=r"hydra.run.dir=.*: cannot be written \(Read-only file system\)"):
        run("steps=10", folder="read_only/run")


def test_a_run_whose_disk_fills_up_ends_in_one_line_and_resumes_when_there_is_space(run, full_disk):
    run("steps=60", folder="full/run")
    ballast = full_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    with pytest.raises(UserError, match="No space left on device"):
        run("steps=120", "save_every_seconds=0", folder="full/run")
    assert not list(full_disk.rglob("*.part*"))
    ballast.unlink()
    straight = run("steps=120", folder="straight")
    values = grok.load(run("steps=120", folder="full/run")).drop_attrs()
    assert values.drop_sel(step=60).identical(grok.load(straight).drop_attrs())


def test_kept_datasets_are_compressed_without_loss(tmp_path):
    steps = np.arange(20_000)
    dataset = xr.Dataset(
        {"loss": ("step", np.exp(-steps / 1e3)), "few": ("seed", [1.5, 2]), "phase": ("seed", ["a", "b"])}
    )
    for name, compressed in (("kept.nc", True), ("plain.nc", False)):
        write_dataset(tmp_path / name, dataset.assign_coords(step=steps), compressed=compressed)
    kept, plain = (xr.load_dataset(tmp_path / name, engine="h5netcdf") for name in ("kept.nc", "plain.nc"))
    assert kept.identical(plain)
    assert (tmp_path / "kept.nc").stat().st_size < 0.95 * (tmp_path / "plain.nc").stat().st_size
