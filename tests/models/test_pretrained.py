"""Pretrained weights: every layout and file format gives the same network, and invalid files are one-line errors.

The measures of published networks are tested in `tests/measures/test_pretrained.py`.
"""

import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from grok.checks import UserError
from grok.models.pretrained import load_weights
from grok.science.modular.binary_operations import table

P, D, HEADS, D_HEAD, D_MLP = 7, 6, 2, 3, 5


def nanda_weights(depth: int = 1, n_positions: int = 3) -> dict[str, Tensor]:
    """Weights of a small network in the layout of Nanda's code."""
    vocabulary = P + n_positions - 2
    shapes = {"embed.W_E": (D, vocabulary), "pos_embed.W_pos": (n_positions, D), "unembed.W_U": (D, vocabulary)}
    for layer in range(depth):
        shapes |= {f"blocks.{layer}.attn.W_{name}": (HEADS, D_HEAD, D) for name in "KQV"}
        shapes |= {f"blocks.{layer}.attn.W_O": (D, D), f"blocks.{layer}.mlp.W_in": (D_MLP, D)}
        shapes |= {f"blocks.{layer}.mlp.W_out": (D, D_MLP), f"blocks.{layer}.mlp.b_in": (D_MLP,)}
        shapes |= {f"blocks.{layer}.mlp.b_out": (D,)}
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def transformer_lens_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights in the layout of TransformerLens, with its biases and buffers."""
    converted = {}
    for name, array in weights.items():
        kind = name.rpartition(".")[2]
        if kind in ("W_K", "W_Q", "W_V"):
            array = array.transpose(1, 2)
            converted[name.replace("W_", "b_")] = torch.zeros(HEADS, D_HEAD)
        elif kind == "W_O":
            array = array.T.reshape(HEADS, D_HEAD, D)
            converted[name.replace("W_", "b_")] = torch.zeros(D)
            converted[name.replace("W_O", "IGNORE")] = torch.tensor(-torch.inf)
            converted[name.replace("W_O", "mask")] = torch.ones(3, 3).tril().bool()
        elif kind in ("W_E", "W_in", "W_out"):
            array = array.T
        elif kind == "W_U":
            array = array[:, :P]  # the demonstration of TransformerLens has no logit of "="
            converted["unembed.b_U"] = torch.zeros(P)
        converted[name] = array
    return converted


def saved(weights: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **{name: array.numpy() for name, array in weights.items()})
    elif path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file({name: array.contiguous() for name, array in weights.items()}, path)
    else:
        torch.save(weights, path)
    return path


def all_pairs(p: int = P) -> Tensor:
    return table("add", p)[0][None]


@pytest.mark.parametrize("n_positions", [2, 3])
@pytest.mark.parametrize("depth", [1, 2])
def test_both_layouts_and_all_file_formats_give_the_same_network(depth, n_positions, tmp_path):
    weights = nanda_weights(depth, n_positions)
    model, p = load_weights(saved(weights, tmp_path / "nanda.npz"))
    lens = saved(transformer_lens_weights(weights), tmp_path / "lens.pt")
    nested = tmp_path / "nested.pth"
    torch.save({"model": weights, "epoch": 7}, nested)
    assert p == P and model(all_pairs()).shape == (1, P * P, P)
    for path in (lens, nested):
        torch.testing.assert_close(load_weights(path)[0](all_pairs()), model(all_pairs()), rtol=1e-12, atol=1e-12)


needs_safetensors = pytest.mark.skipif(find_spec("safetensors") is None, reason="needs the package safetensors")


@needs_safetensors
def test_a_safetensors_file_gives_the_same_network(tmp_path):
    first, second = (
        load_weights(saved(nanda_weights(), tmp_path / f"weights.{kind}"))[0] for kind in ("npz", "safetensors")
    )
    assert torch.equal(first(all_pairs()), second(all_pairs()))


def test_options_that_a_file_does_not_contain_are_arguments(tmp_path):
    path = saved(nanda_weights(), tmp_path / "weights.npz")
    default, _ = load_weights(path)
    for change in (dict(attention_coefficient=0.5), dict(activation="gelu")):
        assert not torch.allclose(load_weights(path, **change)[0](all_pairs()), default(all_pairs()))
    single_precision, _ = load_weights(path, dtype=torch.float32)
    assert single_precision(all_pairs()).dtype == torch.float32


def changed(**arrays: Tensor | None) -> dict[str, Tensor]:
    """Nanda's weights with some arrays replaced; None removes an array."""
    weights = nanda_weights() | {name.replace("__", "."): each for name, each in arrays.items()}
    return {name: each for name, each in weights.items() if each is not None}


@pytest.mark.parametrize(
    ("weights", "line"),
    [
        (changed(embed__W_E=None, blocks__0__attn__W_V=None), "lacks embed.W_E, blocks.0.attn.W_V"),
        ({"a": torch.ones(1)}, "lacks embed.W_E, pos_embed.W_pos, unembed.W_U, blocks.0.attn.W_K"),
        (
            changed(blocks__0__attn__W_K=torch.ones(2, 3, 5)),
            "blocks.0.attn.W_K has the shape (2, 3, 5), must be (2, 3, 6)",
        ),
        (changed(blocks__0__mlp__W_in=torch.ones(6, 5)), "blocks.0.mlp.W_in has the shape (6, 5), must be (5, 6)"),
        (changed(embed__W_E=torch.ones(8, 6)), "embed.W_E has the shape (8, 6), must be (6, tokens)"),
        (changed(blocks__0__attn__W_Q=torch.ones(6, 6)), "blocks.0.attn.W_Q has the shape (6, 6), must have 3 axes"),
        (changed(unembed__W_U=torch.ones(6, 5)), "unembed.W_U has the shape (6, 5), must be (6, 8)"),
        (changed(pos_embed__W_pos=torch.ones(4, 6)), "pos_embed.W_pos has 4 positions, must have 2 or 3"),
        (
            changed(blocks__0__attn__W_Q=torch.ones(3, 3, 6)),
            "3 heads of width 3 must add up to the width 6",
        ),
        (changed(blocks__0__attn__b_Q=torch.ones(2, 3)), "blocks.0.attn.b_Q is not zero"),
        (changed(blocks__0__ln1__w=torch.ones(6)), "blocks.0.ln1.w is not a weight of this transformer"),
        (changed(blocks__2__mlp__b_in=torch.ones(5)), "lacks blocks.1.attn.W_K"),
        (changed(unembed__W_U=torch.full((6, 8), torch.nan)), "unembed.W_U must be finite real numbers"),
        (changed(pos_embed__W_pos=torch.ones(3, 6) * 1j), "pos_embed.W_pos must be finite real numbers"),
    ],
)
def test_a_file_with_other_arrays_is_a_one_line_error(weights, line, tmp_path):
    path = saved(weights, tmp_path / "weights.npz")
    with pytest.raises(UserError) as caught:
        load_weights(path)
    assert str(caught.value).startswith(f"{path}: {line}") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("absent.pt", None, "no such file"),
        ("weights.bin", b"", "must be a .npz, .pt, .pth or .safetensors file"),
        ("weights.npz", b"no archive", "cannot be read as .npz"),
        ("weights.npz", b"PK\x03\x04 half of one", "cannot be read as .npz"),
        ("weights.pt", b"no archive", "cannot be read as .pt"),
        ("weights.pt", b"", "cannot be read as .pt"),
        pytest.param("weights.safetensors", b"x", "cannot be read as .safetensors", marks=needs_safetensors),
    ],
)
def test_a_file_that_cannot_be_read_is_a_one_line_error(name, content, line, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_weights(path)
    assert str(caught.value).startswith(f"{path}: {line}") and "\n" not in str(caught.value)


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
    assert str(caught.value).startswith(f"{path}: cannot be read as .npz") and "\n" not in str(caught.value)


def test_a_file_with_executable_code_is_an_error(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"embed.W_E": Path("/")}, path)
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(path)
