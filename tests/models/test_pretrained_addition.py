"""Pretrained weights: every layout gives the same network, and other arrays are one-line errors.

The formats of files are tested in `test_weight_files.py`, and the measures of published networks in
`tests/measures/test_pretrained_addition.py`.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from grok.checks import UserError
from grok.models.pretrained_addition import load_weights
from grok.science.modular.binary_operations import table
from tests.science.reference_networks import Network

P, D, HEADS, D_HEAD, D_MLP = 7, 6, 2, 3, 5


def nanda_weights(depth: int = 1, n_positions: int = 3, d_head: int = D_HEAD) -> dict[str, Tensor]:
    """Weights of a small network in the layout of Nanda's code."""
    vocabulary = P + n_positions - 2
    shapes = {"embed.W_E": (D, vocabulary), "pos_embed.W_pos": (n_positions, D), "unembed.W_U": (D, vocabulary)}
    for layer in range(depth):
        shapes |= {f"blocks.{layer}.attn.W_{name}": (HEADS, d_head, D) for name in "KQV"}
        shapes |= {f"blocks.{layer}.attn.W_O": (D, HEADS * d_head), f"blocks.{layer}.mlp.W_in": (D_MLP, D)}
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
            converted[name.replace("W_", "b_")] = torch.zeros(array.shape[::2])
        elif kind == "W_O":
            array = array.T.unflatten(0, (HEADS, -1))
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
        save_file({name: array.contiguous() for name, array in weights.items()}, path)
    else:
        torch.save(weights, path)
    return path


def all_pairs(p: int = P) -> Tensor:
    return table("add", p)[0][None]


@pytest.mark.parametrize("d_head", [D_HEAD, 2, 5])
@pytest.mark.parametrize("n_positions", [2, 3])
@pytest.mark.parametrize("depth", [1, 2])
def test_both_layouts_give_the_same_network(depth, n_positions, d_head, tmp_path):
    """Also with heads whose widths do not add up to that of the network, such as 4 of 21 in 86 (Zhong et al.)."""
    weights = nanda_weights(depth, n_positions, d_head)
    model, p = load_weights(saved(weights, tmp_path / "nanda.npz"))
    assert p == P and model(all_pairs()).shape == (1, P * P, P)
    lens, _ = load_weights(saved(transformer_lens_weights(weights), tmp_path / "lens.pt"))
    torch.testing.assert_close(lens(all_pairs()), model(all_pairs()), rtol=1e-12, atol=1e-12)
    if depth == 1:
        reference = Network({name: each.double() for name, each in weights.items()}, p=P, uniform=False)
        torch.testing.assert_close(model(all_pairs())[0], reference.forward()[0], rtol=1e-12, atol=1e-12)


def logits(path: Path, **weights: Tensor) -> Tensor:
    """The logits of the network of TransformerLens with some arrays replaced or added."""
    names = {name.replace("__", "."): each for name, each in weights.items()}
    return load_weights(saved(transformer_lens_weights(nanda_weights(d_head=5)) | names, path))[0](all_pairs())[0]


def test_biases_of_the_attention_and_of_the_logits_count(tmp_path):
    path, generator = tmp_path / "lens.pt", torch.Generator().manual_seed(1)
    bias, by_head = torch.arange(P).float(), torch.randn(HEADS, 5, generator=generator)
    plain, output_weights = logits(path), transformer_lens_weights(nanda_weights(d_head=5))["blocks.0.attn.W_O"]
    torch.testing.assert_close(logits(path, unembed__b_U=bias), plain + bias)
    torch.testing.assert_close(logits(path, blocks__0__attn__b_K=by_head), plain)  # it adds the same to all scores
    assert not torch.allclose(logits(path, blocks__0__attn__b_Q=by_head), plain)
    mixed = torch.einsum("hd,hdm->m", by_head, output_weights)  # the weights of the attention add up to 1
    by_values, by_outputs = logits(path, blocks__0__attn__b_V=by_head), logits(path, blocks__0__attn__b_O=mixed)
    torch.testing.assert_close(by_values, by_outputs, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(by_values, plain)


def test_layer_norms_are_read_and_applied(tmp_path):
    """With norms, a constant that is added to every embedding changes nothing."""
    path, ones, zeros = tmp_path / "lens.pt", torch.ones(D), torch.zeros(D)
    norms = {f"{name}__{kind}": each for kind, each in (("w", ones), ("b", zeros)) for name in ("ln_final",)}
    norms |= {f"blocks__0__ln{i}__{kind}": each for kind, each in (("w", ones), ("b", zeros)) for i in (1, 2)}
    shifted = {"pos_embed__W_pos": nanda_weights()["pos_embed.W_pos"] + 3}
    torch.testing.assert_close(logits(path, **norms, **shifted), logits(path, **norms), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(path, **shifted), logits(path), atol=0.1)
    doubled = {"ln_final__w": 2 * ones}
    torch.testing.assert_close(logits(path, **norms | doubled), 2 * logits(path, **norms))
    for name in ("blocks__0__ln1__b", "blocks__0__ln2__w"):
        assert not torch.allclose(logits(path, **norms | {name: torch.arange(D).float()}), logits(path, **norms))


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
            changed(blocks__0__attn__W_O=torch.ones(6, 9)),
            "blocks.0.attn.W_O has the shape (6, 9), must be (6, 6)",
        ),
        (changed(blocks__0__attn__b_Q=torch.ones(3, 3)), "blocks.0.attn.b_Q has the shape (3, 3), must be (2, 3)"),
        (
            changed(blocks__0__ln1__w=torch.ones(6)),
            "lacks ln_final.w, ln_final.b, blocks.0.ln1.b, blocks.0.ln2.w, blocks.0.ln2.b",
        ),
        (changed(blocks__0__attn__rotary=torch.ones(6)), "blocks.0.attn.rotary is not a weight of this transformer"),
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
