"""Rules on text give the tokens that follow from them, and no others."""

import re
import textwrap

import numpy as np
import pytest

from grok.science.language import token_classes
from grok.science.language.token_classes import CLASSES, HEADING, PATTERNS, WRAP, repeats, textual_classes

PARAGRAPH = "The café on the corner was closed, so we did not stay; however, the walk home along the river was a joy."


def tokens_of(text: str) -> list[bytes]:
    """Words with the space before them, marks, and single newlines with their indentation."""
    return [each.encode() for each in re.findall(r"'t| ?\w+?(?='t)| ?\w+| ?[-=]+|\n *(?= )|\s|[^\w\s]", text)]


def found(text: str, name: str, *, width: int = 0) -> list[str]:
    """The tokens of a class, each with the two tokens before it."""
    tokens = tokens_of(text)
    assert b"".join(tokens).decode() == text
    places = np.flatnonzero(textual_classes(tokens, width=width)[name])
    return [b"".join(tokens[max(0, place - 2) : place + 1]).decode() for place in places]


@pytest.mark.parametrize("width", [20, 33, 40])
def test_newlines_of_wrapped_text_are_all_but_those_between_paragraphs(width):
    paragraphs = [textwrap.fill(PARAGRAPH, width)] * 2
    text = "\n\n".join(paragraphs) + "\nshort\n" + paragraphs[0]
    n_wraps = 3 * paragraphs[0].count("\n")
    assert len(found(text, WRAP, width=width)) == n_wraps >= 6
    assert found(text, WRAP) == []  # the text is not said to be wrapped


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("n't", "I don't. It isn't? 'tis, can'tankerous, at 't", [" don't", " isn't"]),
        (
            "comma after However",
            "However, it is, however, odd. However it is,",
            ["However,", " however,"],
        ),
        ("be after should, will, …", "It will be or should be, to be, will behave", ["It will be", " or should be"]),
        ("of after one, lot, …", "a lot of them, one of us, kind, of course", ["a lot of", ", one of"]),
        ("import after from", "from a.b import c\nimport d\n# from here import", ["import"]),
    ],
)
def test_a_phrase_gives_its_last_token(name, text, expected):
    assert [each.split()[-1] for each in found(text, name)] == [each.split()[-1] for each in expected]


def test_a_colon_gives_an_indentation_and_a_definition_gives_self():
    code = "class A:\n    def run(self, x):\n        if x: return\n        return self\n\ndef f(x):\n    pass\n"
    assert len(found(code, "indentation after a colon")) == 3
    assert found(code, "self in a definition") == [" run(self"]


def test_an_underline_is_as_long_as_its_heading():
    text = "Parameters\n----------\nx\n\n    Notes\n    -----\n    text\n\nTitle\n=====\n"
    assert [each[-5:] for each in found(text, HEADING)] == ["-----", "-----", "====="]
    for other in (
        "Parameters\n-----\n",
        "----\n----\n",
        "Notes\n    -----\n",
        "Notes\n--=--\n",
        "a - b\n",
        "\n-----\n",
    ):
        assert found(other, HEADING) == [], other


def test_every_byte_of_a_class_belongs_to_one_token_even_if_the_text_is_not_ascii():
    text = "naïve – Notes\n-------------\n don't"
    assert found(text, HEADING) == [" Notes\n" + "-" * 13] and len(found(text, "n't")) == 1


def test_repeats_are_the_ends_of_ngrams_that_occurred_before():
    windows = np.array([[1, 2, 3, 1, 2, 3, 3, 3], [5, 5, 5, 5, 1, 2, 1, 2]])
    assert repeats(windows, n=2).astype(int).tolist() == [[0, 0, 0, 0, 1, 1, 0, 1], [0, 0, 1, 1, 0, 0, 0, 1]]
    assert repeats(windows, n=3).astype(int).tolist() == [[0, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0]]


def test_a_token_belongs_to_its_first_class():
    members = {name: np.zeros(3, bool) for name in token_classes.RULES}
    members[WRAP][1] = members[token_classes.BIGRAM][1] = members[token_classes.BIGRAM][2] = True
    assert [CLASSES[index] for index in token_classes.first_class(members)] == [
        token_classes.OTHER,
        WRAP,
        token_classes.BIGRAM,
    ]
    assert {*PATTERNS} < {*CLASSES}
