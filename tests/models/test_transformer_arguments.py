"""The arguments of the transformer: the size and initialization of the reference network, and one-line errors."""

import math

import pytest

from grok.checks import UserError
from tests.conftest import composed
from tests.models.test_transformer import NANDA, transformer


def test_it_has_the_226_816_parameters_of_the_reference():
    shapes = {name: tuple(each[0].shape) for name, each in transformer(0, **NANDA).named_parameters()}
    assert sum(math.prod(shape) for shape in shapes.values()) == 226_816
    assert shapes["embedding.tokens"] == (114, 128) and shapes["unembedding.weight"] == (128, 114)


def test_initial_weights_have_the_mean_and_std_of_the_reference():
    for name, parameter in transformer(0, **NANDA).named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif parameter.numel() > 1000:
            std = 114**-0.5 if name == "unembedding.weight" else 128**-0.5
            assert parameter.std().item() == pytest.approx(std, rel=0.03)
            assert parameter.mean().item() == pytest.approx(0, abs=0.002)


def test_the_configuration_is_the_reference_network():
    model = composed("task=modular_addition")["model"]
    assert {key: model[key] for key in model if key != "_target_"} == {
        key: value for key, value in NANDA.items() if key in model
    }


def test_a_head_count_that_does_not_divide_the_width_is_a_one_line_error(command):
    arguments = ("task=modular_addition", "task.p=7", "logger=none", "steps=1")
    code, stderr = command(*arguments, "model.heads=5")
    assert code and stderr.strip().splitlines()[-1].endswith(
        "model.heads=5: must divide model.width=128, unless model.d_head is set"
    )
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("change", "requirement"),
    [
        (dict(attention_coefficient=1.5), "must be a number at least 0 and at most 1"),
        (dict(activation="tanh"), "must be one of relu, gelu"),
        (dict(depth=0), "must be an integer from 1 to 1,000"),
        (dict(heads=0), "must be an integer of at least 1"),
        (dict(d_head=0), "must be an integer of at least 1"),
        (dict(dropout=1), "must be a number at least 0 and below 1"),
    ],
)
def test_an_invalid_value_is_an_error_that_names_its_key_and_the_allowed_values(change, requirement):
    with pytest.raises(UserError, match=f"^model.{min(change)}=.*: {requirement}$"):
        transformer(0, **change)
