"""The command that measures a network trained elsewhere meets what is published of two of them, to the digits given."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import grok
from grok.measures.trained_elsewhere import measures
from grok.models.foreign import load_weights
from grok.science.losses import cross_entropy
from grok.trained_elsewhere import main
from tests.conftest import assert_drawn
from tests.science.reference_networks import CLOCK, FOLDER, PIZZA, published

OF_CLOCK = {  # recipes 3.3.3: the network of Nanda et al. with weight decay 0.1, on the split that it was trained on
    "train accuracy": "1",
    "test accuracy": "1",
    "train loss": "9.2024e-9",
    "test loss": "4.98838e-7",
    "restricted loss": "2.201e-9",
    "excluded loss (train)": "8.385",
    "trigonometric loss": "1.59e-9",
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
OF_PIZZA = {  # the authors' evaluation of model p99zdpze5l
    "circularity of the first 4 components": ".997818",  # .99781845: their float32 moves the seventh digit
    "distance irrelevance": ".171736",
    "gradient symmetricity": ".993665",
}


def reference(name: str) -> Path:
    if not (FOLDER / name).exists():
        pytest.skip(f"the published network is not here: {FOLDER / name}")
    return FOLDER / name


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, list]]:
    """What the command prints at 80 columns, by the first cell of each row; names may run over several lines."""
    monkeypatch.setenv("COLUMNS", "80")

    def printed(*arguments: str) -> dict[str, list[float]]:
        assert main([*arguments]) == 0
        said = capsys.readouterr().out
        assert "…" not in said and max(map(len, said.splitlines())) <= 80
        found: dict[str, list[float]] = {}
        name = ""
        for line in said.splitlines():
            if not line.startswith(("│", "┃")):
                continue
            first, *numbers = (cell.strip() for cell in line.replace("┃", "│").strip("│").split("│"))
            if not any(numbers):  # more of the name of the row above
                values = found.pop(name)
                name = f"{name} {first}"
                found[name] = found.get(name, []) + values
            elif numbers != ["value"]:
                name = first
                found[name] = found.get(name, []) + [math.nan if each == "–" else float(each) for each in numbers]
        return found

    return printed


def test_the_clock_has_its_published_measures(measured):
    found = measured(str(reference(CLOCK)), "--split-seed", "1")
    for name, number in OF_CLOCK.items():
        assert found[name] == [published(number)], name
    assert found["k"] == [*BY_FREQUENCY]
    alpha, without = zip(*BY_FREQUENCY.values(), strict=True)
    assert found["coefficient α of cos w(a + b − c)"] == [published(each) for each in alpha]
    assert found["excluded loss without one frequency (train)"] == [published(each) for each in without]


def test_the_spectra_and_components_of_the_clock_are_the_published_ones():
    model, p = load_weights(reference(CLOCK))
    found = measures(model, p, operation="add", fraction=0.3, split_seed=1)
    share, power = found["embedding_power"].values[0], found["neuron_logit_norm"].values[0] ** 2
    assert np.sort(share)[-5:].sum() == published(".830")
    assert np.sort(power)[-5:].sum() / power.sum() == published(".990")
    embedding = model.token_embedding[0].detach()
    variance = (embedding - embedding.mean(0)).square().sum().item()
    rest = 1 - share[[k - 1 for k in BY_FREQUENCY]].sum()
    assert found["embedding_off_keys"].values[0] ** 2 == pytest.approx(rest * variance, rel=1e-6)
    values = found["neuron_logit_singular_value"].values[0].tolist()
    assert values[:11] == pytest.approx([*values[:10], 3.04], abs=0.005)
    assert (values[0], values[9]) == (published("27.1"), published("13.5"))
    assert found["component_share"].values[0, :4].tolist() == [
        published(x) for x in (".1204", ".1181", ".0869", ".0846")
    ]
    assert found["component_circularity"].values[0, :2].tolist() == [published(".9957"), published(".9982")]
    assert found["component_frequency"].values[0].tolist() == [23, 23, 6, 6, 37, 37, 41, 41]


def test_the_pizza_has_its_published_measures(measured):
    found = measured(str(reference(PIZZA)), "--attention", "0")
    for name, number in OF_PIZZA.items():
        assert found[name] == [published(number)], name
    assert found["sum of squared weights"] == [pytest.approx(22.854**2, rel=1e-4)]  # their l2 norm


def small(path: Path, *, without: str = "", p: int = 7, depth: int = 1, **planted: np.ndarray) -> Path:
    """A network of p residues in the layout of Nanda et al., with an array missing, or others in their place."""
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


def test_a_planted_network_of_seven_residues_has_the_measures_that_were_planted(measured, tmp_path):
    """An embedding of two rings, of which the first is the larger; no logits; and all else at random."""
    angle = 2 * np.pi * np.arange(7) / 7
    rings = [3 * np.cos(angle), 3 * np.sin(angle), np.cos(3 * angle), np.sin(3 * angle), 0 * angle, 0 * angle]
    embedding = np.concatenate([rings, np.ones((6, 1))], 1)
    weights = {"embed_of_W_E": embedding, "unembed_of_W_U": np.zeros((6, 8))}
    found = measured(str(small(tmp_path / "small.npz", **weights)))
    assert found["circularity of the first 4 components"] == [pytest.approx(1)]
    entropy = -2 * (0.45 * math.log(0.45) + 0.05 * math.log(0.05))  # 9 to 1, two components each
    assert found["effective dimension of W_E"] == [pytest.approx(math.exp(entropy), rel=1e-5)]
    for part in ("train", "test"):
        assert found[f"{part} loss"] == [pytest.approx(math.log(7), rel=1e-5)]
    assert found["number of key frequencies, by W_L"] == [0] and found["number of key frequencies, by W_E"] == [2]
    assert found["distance of W_U to its key frequencies"] == [0]
    with np.load(tmp_path / "small.npz") as arrays:
        total = sum((array**2).sum() for array in arrays.values())
    assert found["sum of squared weights"] == [pytest.approx(total, rel=1e-5)]


def test_what_is_asked_for_is_left_in_a_folder(measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights, out = str(small(Path("small.npz"), p=11)), Path("new", "folder")
    found = measured(weights, "--out", str(out), "--fraction", "0.5")
    assert {path.name for path in out.iterdir()} == {"record.nc", "rings.png", "maps.png"}
    record = grok.load(out)
    assert record["test_loss"].item() == pytest.approx(found["test loss"][0], rel=1e-5)
    assert record["ring"].shape == (1, 5, 11, 2) and record["prediction"].shape == (61,) and record.attrs["p"] == 11
    for name in ("rings.png", "maps.png"):
        assert_drawn(out / name, at_least=300)


def test_what_a_file_does_not_say_is_an_option(measured, tmp_path):
    path = small(tmp_path / "deep.npz", depth=2)
    pairs = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    losses = {}
    for option, change in (("--causal", {}), ("--no-causal", dict(causal=False)), ("--activation=gelu", None)):
        found = measured(str(path), option, "--fraction", "0.5")
        losses[option] = (24 * found["train loss"][0] + 25 * found["test loss"][0]) / 49
        model, _ = load_weights(path, **({"activation": "gelu"} if change is None else change))
        exact = cross_entropy(model(pairs[None])[0], pairs.sum(1) % 7).mean().item()
        assert losses[option] == pytest.approx(exact, rel=1e-5)
    assert len({round(loss, 3) for loss in losses.values()}) == 3


@pytest.mark.parametrize(
    ("arguments", "without", "line"),
    [
        (["nowhere.npz"], "", "nowhere.npz: no such file"),
        (["small.npz"], "unembed.W_U", "small.npz: lacks unembed.W_U"),
        (["small.npz", "--fraction", "1.5"], "", "--fraction=1.5: must be a number above 0 and below 1"),
        (["small.npz", "--fraction", "0.001"], "", "small.npz: fraction=0.001: leaves no training example of 49 pairs"),
        (["small.npz", "--attention", "2"], "", "--attention=2.0: must be a number from 0 to 1"),
        (["small.npz", "--out", "small.npz"], "", "--out=small.npz: cannot be made (File exists)"),
        (["even.npz"], "", "even.npz: the network is on 8 residues, must be on an odd number from 3 to 599"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, arguments, without, line):
    monkeypatch.chdir(tmp_path)
    small(Path("small.npz"), without=without)
    small(Path("even.npz"), p=8)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err == f"error: {line}\n" and said.out == ""


def test_what_is_no_number_is_refused_as_the_command_line_refuses_it(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["small.npz", "--fraction", "half"])
    assert "argument --fraction: invalid float value: 'half'" in capsys.readouterr().err
