"""Files of weights: every format and wrapping gives the same network, and what is no such file is a one-line error."""

import random
import zlib
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from grok.checks import UserError
from grok.models.pretrained_addition import load_weights
from grok.models.weight_files import read_tensors
from tests.models.test_pretrained_addition import all_pairs, nanda_weights, saved


def prefixed(prefix):
    return {f"{prefix}{name}": array for name, array in nanda_weights().items()}


@pytest.mark.parametrize(
    "content",
    [
        nanda_weights(),
        {"model": nanda_weights(), "epoch": 7},
        {"model_state_dict": nanda_weights(), "optimizer_state_dict": {"state": {}}, "loss": torch.ones(1)},
        {"state_dict": prefixed("model."), "pytorch-lightning_version": "2.6"},
        prefixed("module."),
        prefixed("_orig_mod."),
        {"state_dict": prefixed("module._orig_mod.model.")},
        {name.replace("blocks.0.", "blocks.0._orig_mod."): array for name, array in nanda_weights().items()},
        {name: array.double() for name, array in nanda_weights().items()},
    ],
    ids=["bare", "model", "model_state_dict", "state_dict", "module", "compiled", "all", "compiled blocks", "float64"],
)
def test_a_wrapped_state_dict_gives_the_same_network(content, tmp_path):
    expected, _ = load_weights(saved(nanda_weights(), tmp_path / "weights.npz"))
    for name in ("weights.pt", "weights.ckpt"):
        torch.save(content, tmp_path / name)
        assert torch.equal(load_weights(tmp_path / name)[0](all_pairs()), expected(all_pairs()))


@pytest.mark.parametrize("name", ["weights.npz", "weights.bin", "weights.safetensors"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_format_and_precision_gives_the_rounded_network(name, dtype, tmp_path):
    if name == "weights.npz" and dtype == torch.bfloat16:
        pytest.skip("NumPy has no bfloat16")
    rounded = {each: array.to(dtype) for each, array in nanda_weights().items()}
    exact = {each: array.double() for each, array in rounded.items()}
    model, _ = load_weights(saved(rounded, tmp_path / name))
    expected, _ = load_weights(saved(exact, tmp_path / "exact.pt"))
    assert torch.equal(model(all_pairs()), expected(all_pairs()))


def error_of(path):
    with pytest.raises(UserError) as caught:
        load_weights(path)
    line = str(caught.value).removeprefix(f"{path}: ")
    assert line != str(caught.value) and "\n" not in line and "\x1b" not in line and "weights_only" not in line
    return line


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("absent.pt", None, "no such file"),
        ("weights.h5", b"", "must be a .npz, .pt, .pth, .ckpt, .bin or .safetensors file"),
        ("weights.npz", b"no archive", "cannot be read as .npz"),
        ("weights.npz", b"PK\x03\x04 half of one", "cannot be read as .npz"),
        ("weights.pt", b"no archive", "cannot be read as .pt (damaged, or not written by torch.save)"),
        ("weights.pt", b"PK\x03\x04 half of one", "cannot be read as .pt"),
        ("weights.pt", b"", "cannot be read as .pt"),
        ("weights.safetensors", b"x", "cannot be read as .safetensors"),
        ("weights.pt", b"\n<!DOCTYPE html>\n<html>", "is an HTML page, not the weights"),
        ("weights.safetensors", b"<html lang=en>", "is an HTML page, not the weights"),
        (
            "weights.npz",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "is a git-LFS pointer, not the weights; git lfs pull downloads them",
        ),
    ],
)
def test_what_is_no_file_of_weights_is_a_one_line_error(name, content, line, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert error_of(tmp_path / name).startswith(line)


def test_a_damaged_compressed_file_is_a_one_line_error(tmp_path):
    """A damaged byte in the stream of the first array raises zlib's own error."""
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, **{name: array.numpy() for name, array in nanda_weights().items()})
    content = bytearray(path.read_bytes())
    name, extra = content[26] + 256 * content[27], content[28] + 256 * content[29]
    content[30 + name + extra] = 0xFF  # an invalid block type
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_weights(path)
    assert isinstance(caught.value.__cause__, zlib.error)
    assert error_of(path).startswith("cannot be read as .npz")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_torch_file_with_any_damaged_byte_is_read_or_a_one_line_error(is_zip, tmp_path):
    path, draw = tmp_path / "weights.pt", random.Random(0)
    torch.save({"model": {"weight": torch.ones(2)}, "step": 1}, path, _use_new_zipfile_serialization=is_zip)
    intact, lines = path.read_bytes(), set()
    for _ in range(200):
        content = bytearray(intact)
        content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            assert isinstance(read_tensors(path), dict)
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1
            lines.add(str(error))
    assert len(lines) > 5


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        ({"model": nanda_weights(), "config": Namespace(p=7)}, "argparse.Namespace"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        ({"embed.W_E": Path("/")}, "pathlib.PosixPath"),
        ({"embed.W_E": np.ones(3)}, "numpy._core.multiarray._reconstruct"),
    ],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_with_other_objects_names_their_class_and_the_remedy(content, refused, is_zip, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    assert error_of(path) == (
        f"torch refuses to load {refused} from it; save the state dict alone: torch.save(model.state_dict(), …)"
    )


def test_the_weights_of_a_run_are_told_as_such(tmp_path):
    path = saved({"embedding.tokens": torch.ones(2, 2)}, tmp_path / "step_000000001.safetensors")
    assert error_of(path) == "weights of a run; grok.load_model(<run folder>) loads them"
