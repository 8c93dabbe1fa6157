"""Classes of tokens whose next token follows from a rule that is known exactly: the truth for quanta in language.

A text is given as the bytes of its tokens. A class is true for the tokens that the rule gives, not for those before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Int

# The first group is what the rule gives. The token with its first byte belongs to the class.
PATTERNS = {
    "n't": re.compile(rb"n('t)\b"),
    "comma after However": re.compile(rb"\b[Hh]owever(,)"),
    "be after should, will, …": re.compile(rb"\b(?:should|would|could|will|might|must|may|can)( be)\b"),
    "of after one, lot, …": re.compile(rb"\b(?:one|lot|lots|kind|sort|rest|couple|bunch)( of)\b"),
    "self in a definition": re.compile(rb"\bdef \w+\((self)\b"),
    "indentation after a colon": re.compile(rb":(\n[ ]+)(?=[^\s])"),
    "import after from": re.compile(rb"^[ ]*from [\w.]+( import)\b", re.MULTILINE),
}
# All tokens of an underline belong to its class.
UNDERLINE = re.compile(rb"^[ ]*([-=~^]{3,})[ ]*$", re.MULTILINE)
OTHER, WRAP, HEADING, TRIGRAM, BIGRAM = (
    "all others",
    "newline of wrapped text",
    "underline of a heading",
    "repeated trigram (induction)",
    "repeated bigram",
)
# A token belongs to the first class that is true for it, so that the classes are a partition; `OTHER` if none is.
RULES = (WRAP, *PATTERNS, HEADING, TRIGRAM, BIGRAM)
CLASSES = (OTHER, *RULES)


def textual_classes(tokens: Sequence[bytes], *, width: int) -> dict[str, Bool[np.ndarray, " token"]]:
    """Which tokens of a document each rule on its text gives; `width` is that of a wrapped document, else 0."""
    text, ends = b"".join(tokens), np.cumsum([len(each) for each in tokens], dtype=np.int64)
    spans = {WRAP: [(place, place + 1) for place in wrap_newlines(text, width=width)], HEADING: [*underlines(text)]}
    for name, pattern in PATTERNS.items():
        spans[name] = [(found.start(1), found.start(1) + 1) for found in pattern.finditer(text)]
    found = {name: np.zeros(len(tokens), bool) for name in spans}
    for name, each in spans.items():
        for start, end in each:
            first, last = np.searchsorted(ends, (start, end - 1), side="right")
            found[name][first : last + 1] = True
    return found


def wrap_newlines(text: bytes, *, width: int) -> Iterator[int]:
    """The places of newlines that wrap a paragraph: the next word does not fit into the line's `width` columns.

    Newlines at the end of a paragraph do not count. Without a width (0), no newline counts.
    """
    lines, end = text.split(b"\n"), -1
    for line, following in zip(lines, lines[1:] if width else [], strict=False):
        end += len(line) + 1
        word = following.partition(b" ")[0]
        if line and word and len(_decoded(line)) + 1 + len(_decoded(word)) > width:
            yield end


def underlines(text: bytes) -> Iterator[tuple[int, int]]:
    """The first byte and the end of each underline of a heading: a line of one mark, as long as the line above.

    Both lines are indented equally, as in numpydoc and reStructuredText.
    """
    for found in UNDERLINE.finditer(text):
        before = text[: found.start()]
        heading = before[before.rfind(b"\n", 0, -1) + 1 : -1].rstrip()
        indent = found.start(1) - found.start()
        title = heading.removeprefix(b" " * indent)
        is_one_mark, is_title = len({*found[1]}) == 1, title == title.lstrip() and not UNDERLINE.match(heading)
        if is_one_mark and is_title and len(heading) - len(title) == indent and len(_decoded(title)) == len(found[1]):
            yield found.span(1)


def repeats(windows: Int[np.ndarray, "window token"], *, n: int) -> Bool[np.ndarray, "window token"]:
    """Which tokens end an n-gram that occurred before in their window.

    A repeated trigram is the reference's rule for a token that induction can predict (Michaud et al. 2023, code).
    """
    size, n_tokens = windows.shape[1] - n + 1, int(windows.max(initial=0)) + 1
    grams = sum(windows[:, place : place + size].astype(np.int64) * n_tokens**place for place in range(n))
    found = np.zeros(windows.shape, bool)
    for place in range(1, size):
        found[:, place + n - 1] = (grams[:, :place] == grams[:, place : place + 1]).any(1)
    return found


def first_class(members: dict[str, Bool[np.ndarray, "*token"]]) -> Int[np.ndarray, "*token"]:
    """The index in `CLASSES` of the first class that each token belongs to."""
    by_rank = np.stack([members[name] for name in RULES])
    return np.where(by_rank.any(0), by_rank.argmax(0) + 1, 0).astype(np.int8)


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace")
