"""A corpus of documents as tokens of a byte-level BPE that was trained on it (Sennrich et al. 2016), cached in one
file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from grok.checks import UserError
from grok.data.cached import Arrays, cached
from grok.data.documents import (
    INSTALL_PLAYS,
    Document,
    documents_of_files,
    has_plays,
    installed_documents,
    installed_source,
)

HELD_OUT = 0.05  # the share of documents that are held out
N_BYTES = 256  # tokens of single bytes, which every vocabulary has
MAX_TOKENS = 2**16  # of a vocabulary; tokens are stored in 16 bits
ENCODING_VERSION = "corpus-1"  # version of the documents and their encoding: increase the number when they change
DOCUMENTS_AT_ONCE = 1000  # that are encoded in parallel


@dataclass(frozen=True, eq=False)
class TokenDocuments:
    """The tokens of documents, one after the other."""

    tokens: np.ndarray  # int32 [token]
    starts: np.ndarray  # int64 [document + 1]: index of the first token of each document, then the number of tokens
    widths: np.ndarray  # int16 [document]: columns of a wrapped document, else 0

    @property
    def longest(self) -> int:
        """The number of tokens of the longest document."""
        return int(np.diff(self.starts).max(initial=0))


@dataclass(frozen=True, eq=False)
class Corpus:
    """Training and held-out documents as tokens. Which documents are held out is a function of their texts."""

    tokenizer: Any  # tokenizers.Tokenizer
    train: TokenDocuments
    held_out: TokenDocuments
    source: str
    sha256: str  # of the tokens and the tokenizer

    def token_bytes(self) -> list[bytes]:
        """The bytes of each token of the vocabulary."""
        byte_of = {character: bytes([byte]) for byte, character in enumerate(byte_characters())}
        tokens = [self.tokenizer.id_to_token(number) for number in range(self.tokenizer.get_vocab_size())]
        special = {each.content for each in self.tokenizer.get_added_tokens_decoder().values()}
        return [
            token.encode() if token in special else b"".join(byte_of.get(each, each.encode()) for each in token)
            for token in tokens
        ]


def load(folder: str, *, files: str | None, n_documents: int | None, n_tokens: int, tokenizer: str | None) -> Corpus:
    """The corpus of installed packages or of a user's `files`, with a vocabulary of at most `n_tokens`.

    `tokenizer` is the `tokenizer.json` of another model; None: a tokenizer is trained on the corpus. `n_documents`
    chooses as many documents at random, the same ones every time; None: all. The corpus is made once, which takes a
    minute or two, and cached in the folder.

    Raises:
        UserError: a package is missing, there is no text, or a file is damaged or cannot be written.
    """
    if files is not None and not Path(files).exists():
        raise UserError(f"task.files={files}: no such file or folder")
    place, own = (None if each is None else Path(each).resolve() for each in (files, tokenizer))
    return _load(Path(folder).resolve(), place, n_documents, n_tokens, own)


@lru_cache(maxsize=2)
def _load(
    folder: Path, files: Path | None, n_documents: int | None, n_tokens: int, own_tokenizer: Path | None
) -> Corpus:
    if files is None:
        name, source, documents = "installed", installed_source(), None
        rule = source
    else:
        documents = documents_of_files(files)
        rule = f"{len(documents)} documents {hashlib.sha256(b''.join(each.digest for each in documents)).hexdigest()}"
        name = f"files_{hashlib.sha256(str(files).encode()).hexdigest()[:8]}"
        source = f"{len(documents):,} documents of {files.name}"
    own = "" if own_tokenizer is None else hashlib.sha256(own_tokenizer.read_bytes()).hexdigest()[:12]
    path = folder / "language" / f"{name}_{n_documents or 'all'}_{own or n_tokens}.npz"
    rule = f"{ENCODING_VERSION}, tokenizers {_tokenizers_version()}, {rule}"
    rule += f", whole documents by tokenizer {own}" if own else ""

    def make() -> Arrays:
        found = installed_documents() if documents is None else documents
        return encoded(_chosen(found, n_documents), n_tokens=n_tokens, tokenizer=own_tokenizer)

    arrays = cached(path, rule=rule, make=make)
    checksum = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
    return Corpus(
        tokenizer=_tokenizers().Tokenizer.from_str(arrays["tokenizer"].tobytes().decode()),
        train=_part(arrays, "train"),
        held_out=_part(arrays, "held_out"),
        source=f"{source}; encoded corpus {checksum[:12]}",
        sha256=checksum,
    )


def missing_plays(files: str | None) -> str:
    """The command that adds Shakespeare to the corpus; empty if there is nothing to add."""
    return "" if files is not None or has_plays() else f"without Shakespeare ({INSTALL_PLAYS} adds it)"


def _chosen(documents: Iterable[Document], n: int | None) -> list[Document]:
    """The documents in the order of their hashes, the first n of them."""
    return sorted(documents, key=lambda each: each.digest[8:])[:n]


def read_tokenizer(path: str | Path) -> Any:
    """The tokenizer in a `tokenizer.json`, which encodes whole texts: without truncation and padding.

    Raises:
        UserError: there is no such file, it is no tokenizer, or it is no byte-level BPE.
    """
    if not Path(path).is_file():
        raise UserError(f"task.tokenizer={path}: no such file; it must be the tokenizer.json of a model")
    try:
        tokenizer = _tokenizers().Tokenizer.from_file(str(path))
    except UserError:
        raise
    except Exception as error:  # the library raises bare exceptions
        line = " ".join(str(error).split())[:200]
        raise UserError(f"task.tokenizer={path}: cannot be read as a tokenizer.json ({line})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    decoder = json.loads(tokenizer.to_str())["decoder"] or {}
    if "ByteLevel" not in {each["type"] for each in (decoder, *decoder.get("decoders", ())) if each}:
        raise UserError(f"task.tokenizer={path}: must be a byte-level tokenizer, such as those of GPT-2 and Pythia")
    n = tokenizer.get_vocab_size()
    if gaps := [number for number in range(n) if tokenizer.id_to_token(number) is None]:
        raise UserError(f"task.tokenizer={path}: has {n:,} tokens, but none with the number {gaps[0]:,}")
    return tokenizer


def other_numbers(tokenizer: Any, file: Path) -> list[str]:
    """The tokens of a tokenizer that the tokenizer in a file numbers otherwise, or does not have."""
    numbers = _tokenizers().Tokenizer.from_file(str(file)).get_vocab()
    return sorted(token for token, number in tokenizer.get_vocab().items() if numbers.get(token) != number)


def encoded(documents: Sequence[Document], *, n_tokens: int, tokenizer: Path | None = None) -> Arrays:
    """The arrays of a corpus: the tokens of all documents and their tokenizer, trained on the training documents
    unless it is given.

    A document is held out if its hash is among the lowest 5 % of hashes; at least one is.
    """
    print(f"encoding {sum(len(each.text) for each in documents) / 1e6:,.1f} MB of text once …", flush=True)
    by_hash = sorted(documents, key=lambda each: each.digest[:8])
    n_held_out = max(1, sum(each.digest[:8] < int(HELD_OUT * 2**64).to_bytes(8, "big") for each in by_hash))
    parts = {"held_out": by_hash[:n_held_out], "train": by_hash[n_held_out:]}
    if tokenizer is None:
        made = trained_tokenizer([each.text for each in parts["train"]], n_tokens=n_tokens)
    else:
        made = read_tokenizer(tokenizer)
    arrays: Arrays = {"tokenizer": np.frombuffer(made.to_str().encode(), np.uint8)}
    for name, part in parts.items():
        tokens = [*_encode(made, [each.text for each in part])]
        arrays[f"{name}_tokens"] = np.concatenate([np.empty(0, np.uint16), *tokens])
        arrays[f"{name}_starts"] = np.cumsum([0, *map(len, tokens)])
        arrays[f"{name}_widths"] = np.array([each.width for each in part], np.int16)
    return arrays


def trained_tokenizer(texts: Sequence[str], *, n_tokens: int) -> Any:
    """A byte-level BPE with at most `n_tokens` tokens: all bytes, and the most frequent pairs of tokens.

    Pairs do not cross the words, numbers, punctuation and white space into which GPT-2 splits a text.
    """
    library = _tokenizers()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(vocab_size=n_tokens, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def byte_characters() -> list[str]:
    """The character by which byte-level BPE writes each byte: itself if it is printable, else one from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(N_BYTES) if byte not in printable]
    return [chr(byte) if byte in printable else chr(N_BYTES + others.index(byte)) for byte in range(N_BYTES)]


def _encode(tokenizer: Any, texts: Sequence[str]) -> Iterable[np.ndarray]:
    for first in range(0, len(texts), DOCUMENTS_AT_ONCE):
        batch = tokenizer.encode_batch_fast(texts[first : first + DOCUMENTS_AT_ONCE], add_special_tokens=False)
        yield from (np.array(each.ids, np.uint16) for each in batch)


def _part(arrays: Arrays, name: str) -> TokenDocuments:
    tokens, starts, widths = (arrays[f"{name}_{each}"] for each in ("tokens", "starts", "widths"))
    return TokenDocuments(tokens.astype(np.int32), starts, widths)


def _tokenizers() -> Any:
    try:
        return import_module("tokenizers")
    except ImportError as error:
        raise UserError(
            "task: encoding text needs the package tokenizers, which is not installed; "
            "pip install -c constraints.txt -e '.[language]'"
        ) from error


def _tokenizers_version() -> str:
    _tokenizers()
    return version("tokenizers")
