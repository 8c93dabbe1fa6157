"""The command on token losses: arrays that someone brings, sweeps, and mistakes in one line."""

import json

import numpy as np
import pytest
import xarray as xr

from grok.checks import UserError
from grok.reports.language.token_family import family_of_array, family_of_sweep
from grok.reports.token_scaling import main
from grok.science.quanta.emergence import CHANCE_LEVELS, NATS_PER_BIT, ROUNDING, is_polygenic
from tests.conftest import assert_drawn
from tests.science.quanta.test_emergence import PARAMETERS, SHARP, SMOOTH

BITS = np.concatenate([SHARP, SMOOTH, np.full((4, 7), 8.0)])
SIZES = ("--sizes", ",".join(map(str, PARAMETERS)))


@pytest.fixture
def array(tmp_path):
    np.save(tmp_path / "losses.npy", BITS * NATS_PER_BIT)
    return str(tmp_path / "losses.npy")


def test_an_array_gives_a_table_a_figure_and_the_published_kinds(array, tmp_path, capsys):
    (tmp_path / "contexts.json").write_text(json.dumps({"2": "Attorney Ess Marshall\n costs $5"}))
    contexts = ("--contexts", str(tmp_path / "contexts.json"))
    assert main([array, *SIZES, "--unit", "nats", *contexts, "--out", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "token_scaling.json").read_text())
    assert result["sharp_tokens"] == [0, 0, 0, 1, 1, 0, 1] and result["smooth_share"] == 0.3
    assert sorted(each["token"] for each in result["tokens"]) == [*range(6)]
    assert [each["kind"] for each in result["tokens"]] == ["sharp"] * 3 + ["smooth"] * 3
    assert_drawn(tmp_path / "out" / "token_scaling.png")
    printed = capsys.readouterr().out
    assert "18,915,328" in printed and "smooth (a falling line versus ln N): 30.000% of tokens" in printed


def test_bits_and_chosen_tokens_give_the_same_losses(tmp_path):
    np.save(tmp_path / "losses.npy", BITS)
    out = tmp_path / "out"
    arguments = [str(tmp_path / "losses.npy"), *SIZES, "--unit", "bits", "--tokens", "9,0", "--out", str(out)]
    assert main(arguments) == 0
    first, second = json.loads((out / "token_scaling.json").read_text())["tokens"]
    assert (first["token"], first["kind"], second["kind"]) == (9, "neither", "sharp")
    np.testing.assert_allclose(second["loss"], SHARP[0] * NATS_PER_BIT)


def sweep() -> xr.Dataset:
    """Three sizes in falling order and two seeds, of which the second lacks a run."""
    losses = np.array([[[0.1, 1.0], [0.2, 2.0], [6.0, 3.0]], [[0.1, 1.0], [np.nan, np.nan], [6.0, 3.0]]], np.float16)
    parameters = np.array([[9.0, 5.0, 2.0], [9.0, np.nan, 2.0]])
    return xr.Dataset(
        {
            "token_loss": (("seed", "model.width", "token"), losses),
            "n_parameters": (("seed", "model.width"), parameters),
        },
        {"seed": [0, 1], "model.width": [30, 20, 10]},
    )


def test_a_sweep_gives_its_complete_seeds_by_size():
    family = family_of_sweep(sweep())
    assert family.sizes.tolist() == [2, 5, 9] and family.unit == "nats"
    np.testing.assert_allclose(family.losses, np.float16([[[6, 0.2, 0.1], [3, 2, 1]]]))
    for dataset, message in (
        (sweep().drop_vars("token_loss"), "not recorded"),
        (sweep().isel({"model.width": [0, 2]}), "2 sizes"),
        (sweep().isel(seed=[1]), "2 sizes"),
    ):
        with pytest.raises(UserError, match=message):
            family_of_sweep(dataset)


@pytest.mark.parametrize("unit", ["nats", "bits"])
def test_an_array_may_be_rounded_below_zero_as_far_as_the_rules_allow(unit, tmp_path):
    np.save(tmp_path / "losses.npy", losses := np.full((1, 3), -0.9 * ROUNDING * CHANCE_LEVELS[unit]))
    family = family_of_array(tmp_path / "losses.npy", np.array([1, 2, 3]), unit)
    assert not is_polygenic(family.losses[0], family.sizes, unit=unit).any()
    np.save(tmp_path / "losses.npy", losses * 1.2)
    with pytest.raises(UserError, match="must be a number of at least 0"):
        family_of_array(tmp_path / "losses.npy", np.array([1, 2, 3]), unit)


NATS = (*SIZES, "--unit", "nats")


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (BITS, SIZES, "--unit: an array needs it (nats or bits)"),
        (BITS, ("--unit", "nats"), "--sizes: an array needs it"),
        (BITS, (*SIZES, "--unit", "nat"), "--unit=nat: must be one of nats, bits"),
        (BITS, ("--sizes", "1e6,3e6", "--unit", "nats"), "at least 3 sizes"),
        (BITS, ("--sizes", "3,2,1", "--unit", "nats"), "in rising order"),
        (BITS, ("--sizes", "a", "--unit", "nats"), "must be positive numbers"),
        (BITS.T, NATS, "the shape (7, 10), must be (tokens, 7)"),
        (BITS[0], NATS, "has 1 axes of float64"),
        (BITS - 1, NATS, "the loss of token 0 at N = 1.2086e+09 is -0.578"),
        (np.where(BITS == 8, np.nan, BITS), NATS, "the loss of token 6 at N = 1.89153e+07 is nan"),
        (BITS.astype(str), NATS, "must have 2 axes of real numbers"),
        (b"{}", NATS, "cannot be read as a .npy array"),
        (b"", NATS, "cannot be read as a .npy array"),
        (BITS, (*NATS, "--tokens", "10"), "must be rows from 0 to 9"),
        (BITS, (*NATS, "--permutations", "0"), "--permutations=0: must be an integer of at least 1"),
        (BITS, (*NATS, "--contexts", "missing.json"), "--contexts=missing.json: must be a JSON file"),
    ],
)
def test_a_mistake_is_one_line(content, arguments, message, tmp_path, capsys):
    path = tmp_path / "losses.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    assert main([str(path), *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_missing_file_and_options_of_arrays_for_a_folder_are_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.npy"), *NATS]) == 2 and main([str(tmp_path), "--unit", "nats"]) == 2
    assert main([str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and "no such file" in lines[0] and "only for arrays" in lines[1] and "no record" in lines[2]
