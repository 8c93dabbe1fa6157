"""`python -m grok.analyze` reproduces the published values of two pretrained networks to all published digits."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import grok
from grok.analyze import main
from grok.measures.pretrained_addition import measure_pretrained
from grok.models.pretrained_addition import load_weights
from grok.science.losses import cross_entropy
from tests.conftest import assert_drawn
from tests.science.reference_networks import CLOCK, FOLDER, PIZZA, published

# The network of Nanda et al. with weight decay 0.1, on the split that it was trained on (recipes 3.3.3).
CLOCK_VALUES = {
    "train accuracy": "1",
    "test accuracy": "1",
    "train loss": "9.2024e-9",
    "test loss": "4.98838e-7",
    "restricted loss, current frequencies": "2.201e-9",
    "excluded loss (train), current frequencies": "8.385",
    "trigonometric loss, current frequencies": "1.59e-9",
    "logit variance explained by Σ α cos w(a + b − c)": ".97477",
    "number of key frequencies, by W_L": "5",
    "number of key frequencies, by W_E": "10",
    "Gini of W_E in Fourier space": ".5386",
    "Gini of W_L in Fourier space": ".7576",
    "neurons explained by one frequency": ".361",
    "sum of squared weights": "1180.97",
    "circularity of the first 4 components": ".9597",
    "effective dimension of W_E": "16.02",
    "distance irrelevance": ".7436",
}
BY_FREQUENCY = {  # k: α, and the training loss without it
    6: ("9.375", ".0293"),
    23: ("31.30", "1.176"),
    37: ("6.80", "4.4e-4"),
    39: ("5.05", "6.5e-5"),
    41: ("6.07", "2.6e-4"),
}
PIZZA_VALUES = {  # the authors' evaluation of model p99zdpze5l
    "circularity of the first 4 components": ".997818",  # .99781845: their float32 moves the seventh digit
    "distance irrelevance": ".171736",
    "gradient symmetricity": ".993665",
}


def reference(name: str) -> Path:
    if not (FOLDER / name).exists():
        pytest.skip(f"the published network is missing: {FOLDER / name}")
    return FOLDER / name


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, list]]:
    """The values that the command prints at 80 columns, by quantity; a name may continue on the next lines."""
    monkeypatch.setenv("COLUMNS", "80")

    def printed(*arguments: str) -> dict[str, list[float]]:
        assert main([*arguments]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert not any("…" in line for line in lines) and max(map(len, lines)) <= 80
        values: dict[str, list[float]] = {}
        name = ""
        for line in lines:
            if not line.startswith(("│", "┃")):
                continue
            first, *numbers = (part.strip() for part in line.replace("┃", "│").strip("│").split("│"))
            if not any(numbers):  # the name continues
                row = values.pop(name)
                name = f"{name} {first}"
                values[name] = values.get(name, []) + row
            elif numbers != ["value"]:
                name = first
                values[name] = values.get(name, []) + [math.nan if each == "–" else float(each) for each in numbers]
        return values

    return printed


def test_the_clock_has_its_published_values(measured):
    values = measured(str(reference(CLOCK)), "--split-seed", "1")
    for name, number in CLOCK_VALUES.items():
        assert values[name] == [published(number)], name
    assert values["k"] == [*BY_FREQUENCY]
    alpha, excluded = zip(*BY_FREQUENCY.values(), strict=True)
    assert values["coefficient α of cos w(a + b − c)"] == [published(each) for each in alpha]
    assert values["excluded loss without one frequency (train)"] == [published(each) for each in excluded]


def test_the_clock_has_its_published_spectra_and_components():
    model, p = load_weights(reference(CLOCK))
    record = measure_pretrained(model, p, operation="add", fraction=0.3, split_seed=1)
    share, power = record["embedding_power"].values[0], record["neuron_logit_norm"].values[0] ** 2
    assert np.sort(share)[-5:].sum() == published(".830")
    assert np.sort(power)[-5:].sum() / power.sum() == published(".990")
    embedding = model.token_embedding[0].detach()
    variance = (embedding - embedding.mean(0)).square().sum().item()
    rest = 1 - share[[k - 1 for k in BY_FREQUENCY]].sum()
    assert record["embedding_distance"].values[0] ** 2 == pytest.approx(rest * variance, rel=1e-6)
    values = record["neuron_logit_singular_value"].values[0].tolist()
    assert values[:11] == pytest.approx([*values[:10], 3.04], abs=0.005)
    assert (values[0], values[9]) == (published("27.1"), published("13.5"))
    assert record["component_share"].values[0, :4].tolist() == [
        published(x) for x in (".1204", ".1181", ".0869", ".0846")
    ]
    assert record["component_circularity"].values[0, :2].tolist() == [published(".9957"), published(".9982")]
    assert record["component_frequency"].values[0].tolist() == [23, 23, 6, 6, 37, 37, 41, 41]


def test_the_pizza_has_its_published_values(measured):
    values = measured(str(reference(PIZZA)), "--attention-coefficient", "0")
    for name, number in PIZZA_VALUES.items():
        assert values[name] == [published(number)], name
    assert values["sum of squared weights"] == [pytest.approx(22.854**2, rel=1e-4)]  # the published norm


def small(path: Path, *, without: str = "", p: int = 7, depth: int = 1, **planted: np.ndarray) -> Path:
    """A random network of p residues in the layout of Nanda et al., with an array missing or with planted arrays."""
    shapes = {"embed.W_E": (6, p + 1), "pos_embed.W_pos": (3, 6), "unembed.W_U": (6, p + 1)}
    for layer in range(depth):
        shapes |= {f"blocks.{layer}.attn.W_{name}": (2, 3, 6) for name in "KQV"}
        shapes |= {f"blocks.{layer}.attn.W_O": (6, 6), f"blocks.{layer}.mlp.W_in": (5, 6)}
        shapes |= {f"blocks.{layer}.mlp.b_in": (5,), f"blocks.{layer}.mlp.W_out": (6, 5)}
        shapes |= {f"blocks.{layer}.mlp.b_out": (6,)}
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items() if name != without}
    np.savez(path, **arrays | {name.replace("_of_", "."): each for name, each in planted.items()})
    return path


def test_a_network_of_seven_residues_with_planted_weights_has_the_planted_values(measured, tmp_path):
    """The embedding is a large ring and a small one, the logits are 0, all other weights are random."""
    angle = 2 * np.pi * np.arange(7) / 7
    rings = [3 * np.cos(angle), 3 * np.sin(angle), np.cos(3 * angle), np.sin(3 * angle), 0 * angle, 0 * angle]
    embedding = np.concatenate([rings, np.ones((6, 1))], 1)
    weights = {"embed_of_W_E": embedding, "unembed_of_W_U": np.zeros((6, 8))}
    values = measured(str(small(tmp_path / "small.npz", **weights)))
    assert values["circularity of the first 4 components"] == [pytest.approx(1)]
    entropy = -2 * (0.45 * math.log(0.45) + 0.05 * math.log(0.05))  # variances 9 : 1, two components each
    assert values["effective dimension of W_E"] == [pytest.approx(math.exp(entropy), rel=1e-5)]
    for part in ("train", "test"):
        assert values[f"{part} loss"] == [pytest.approx(math.log(7), rel=1e-5)]
    assert values["number of key frequencies, by W_L"] == [0] and values["number of key frequencies, by W_E"] == [2]
    assert values["distance of W_U to its key frequencies"] == [0]
    with np.load(tmp_path / "small.npz") as arrays:
        total = sum((array**2).sum() for array in arrays.values())
    assert values["sum of squared weights"] == [pytest.approx(total, rel=1e-5)]


def test_out_writes_the_record_and_the_plots_into_a_folder(measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights, out = str(small(Path("small.npz"), p=11)), Path("new", "folder")
    values = measured(weights, "--out", str(out), "--fraction", "0.5")
    assert {path.name for path in out.iterdir()} == {"record.nc", "rings.png", "maps.png"}
    record = grok.load(out)
    assert record["test_loss"].item() == pytest.approx(values["test loss"][0], rel=1e-5)
    assert record["ring"].shape == (1, 5, 11, 2) and record["prediction"].shape == (61,) and record.attrs["p"] == 11
    for name in ("rings.png", "maps.png"):
        assert_drawn(out / name, min_pixels=300)


def test_causality_and_activation_are_options_because_the_file_lacks_them(measured, tmp_path):
    path = small(tmp_path / "deep.npz", depth=2)
    pairs = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    options = {"--causal": {}, "--no-causal": {"causal": False}, "--causal --activation=gelu": {"activation": "gelu"}}
    losses = {}
    for option, arguments in options.items():
        values = measured(str(path), *option.split(), "--fraction", "0.5")
        losses[option] = (24 * values["train loss"][0] + 25 * values["test loss"][0]) / 49
        model, _ = load_weights(path, **arguments)
        exact = cross_entropy(model(pairs[None])[0], pairs.sum(1) % 7).mean().item()
        assert losses[option] == pytest.approx(exact, rel=1e-5)
    assert len({round(loss, 3) for loss in losses.values()}) == 3


def test_a_file_whose_measures_depend_on_causality_ends_with_a_line_that_names_the_options(tmp_path, capsys):
    deep, shallow = str(small(tmp_path / "deep.npz", depth=2)), str(small(tmp_path / "small.npz"))
    values = {}
    for option in ("--causal", "--no-causal"):
        assert main([deep, option]) == 0
        (row,) = [line for line in capsys.readouterr().out.splitlines() if "gradient symmetricity" in line]
        values[option] = float(row.split("│")[2])
    assert abs(values["--causal"] - values["--no-causal"]) > 0.01
    assert main([deep]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("the file does not say whether attention is causal")
    assert all(f"{value:.4g} with {option}" in last for option, value in values.items())
    assert main([shallow]) == 0 and "causal" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "without", "line"),
    [
        (["nowhere.npz"], "", "nowhere.npz: no such file"),
        (["small.npz"], "unembed.W_U", "small.npz: lacks unembed.W_U"),
        (["small.npz", "--fraction", "1.5"], "", "--fraction=1.5: must be a number above 0 and below 1"),
        (["small.npz", "--fraction", "0.001"], "", "small.npz: fraction=0.001: leaves no training example of 49 pairs"),
        (
            ["small.npz", "--attention-coefficient", "2"],
            "",
            "--attention-coefficient=2.0: must be a number at least 0 and at most 1",
        ),
        (["small.npz", "--step", "3"], "", "--step=3: is only for run folders, not for weight files"),
        (["small.npz", "--out", "small.npz"], "", "--out=small.npz: cannot be made (File exists)"),
        (["even.npz"], "", "even.npz: the network has 8 residues; their number must be odd and from 3 to 599"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, arguments, without, line):
    monkeypatch.chdir(tmp_path)
    small(Path("small.npz"), without=without)
    small(Path("even.npz"), p=8)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err == f"error: {line}\n" and printed.out == ""


def test_an_option_that_is_not_a_number_is_refused_by_the_argument_parser(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["small.npz", "--fraction", "half"])
    assert "argument --fraction: invalid float value: 'half'" in capsys.readouterr().err
