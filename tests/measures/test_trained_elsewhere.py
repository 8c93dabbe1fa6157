"""The command that measures a network trained elsewhere meets what is published of two of them, to the digits given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from grok.measures.trained_elsewhere import main, measures
from grok.models.foreign import load_weights
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
    """What the command prints, by the first cell of each row."""
    monkeypatch.setenv("COLUMNS", "200")

    def printed(*arguments: str) -> dict[str, list[float]]:
        assert main([*arguments]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
        rows = ([cell.strip() for cell in line.strip("│").split("│")] for line in lines)
        return {name: [float(number) for number in numbers] for name, *numbers in rows}

    return printed


def test_the_clock_has_its_published_measures(measured):
    found = measured(str(reference(CLOCK)), "--split-seed", "1")
    for name, number in OF_CLOCK.items():
        assert found[name] == [published(number)], name
    assert [int(k) for k in found if k.isdecimal()] == [*BY_FREQUENCY]
    for k, (alpha, without) in BY_FREQUENCY.items():
        assert found[str(k)][:2] == [published(alpha), published(without)]


def test_the_spectra_and_components_of_the_clock_are_the_published_ones():
    found = measures(*load_weights(reference(CLOCK)), operation="add", fraction=0.3, split_seed=1)
    assert found["embedding_power"].values[0].topk(5).values.sum().item() == published(".830")
    norms = found["neuron_logit_norm"].values[0].square()
    assert (norms.topk(5).values.sum() / norms.sum()).item() == published(".990")
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


def small(path: Path, *, without: str = "") -> Path:
    """A network of 7 residues in the layout of Nanda et al., with an array missing."""
    shapes = {"embed.W_E": (6, 8), "pos_embed.W_pos": (3, 6), "unembed.W_U": (6, 8)}
    shapes |= {f"blocks.0.attn.W_{name}": (2, 3, 6) for name in "KQV"} | {"blocks.0.attn.W_O": (6, 6)}
    shapes |= {"blocks.0.mlp.W_in": (5, 6), "blocks.0.mlp.b_in": (5,)}
    shapes |= {"blocks.0.mlp.W_out": (6, 5), "blocks.0.mlp.b_out": (6,)}
    rng = np.random.default_rng(0)
    np.savez(path, **{name: rng.normal(size=shape) for name, shape in shapes.items() if name != without})
    return path


def test_a_network_of_seven_residues_is_measured(measured, tmp_path):
    found = measured(str(small(tmp_path / "small.npz")))
    assert 0 <= found["circularity of the first 4 components"][0] <= 1 and found["train loss"][0] > 0


@pytest.mark.parametrize(
    ("arguments", "without", "line"),
    [
        (["nowhere.npz"], "", "nowhere.npz: no such file"),
        (["small.npz"], "unembed.W_U", "small.npz: lacks unembed.W_U"),
        (["small.npz", "--fraction", "1.5"], "", "--fraction=1.5: must be a number above 0 and below 1"),
        (["small.npz", "--fraction", "0.001"], "", "task.fraction=0.001: leaves no training example of 49 pairs"),
        (["small.npz", "--attention", "2"], "", "model.attention=2.0: must be a number from 0 to 1"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, arguments, without, line):
    monkeypatch.chdir(tmp_path)
    small(Path("small.npz"), without=without)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err == f"error: {line}\n" and said.out == ""


def test_what_is_no_number_is_refused_as_the_command_line_refuses_it(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["small.npz", "--fraction", "half"])
    assert "argument --fraction: invalid float value: 'half'" in capsys.readouterr().err
