"""The losses of single held-out tokens, and the mean loss of each class of tokens whose truth is known exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grok.checks import UserError, check_int
from grok.measures.snapshot import Measure, Snapshot
from grok.models.model import Model
from grok.records.history import History
from grok.records.quantity import Quantity
from grok.science.language import token_classes
from grok.science.language.token_classes import BIGRAM, CLASSES, TRIGRAM
from grok.tasks.language import Language
from grok.tasks.task import Task


class TokenLosses(Measure):
    """Mean losses by class over steps, on all test tokens that count; at the end, the losses of `n_tokens` of them.

    The chosen tokens are spread evenly over the test windows, which are the same for every seed and size.
    """

    def __init__(self, *, n_tokens: int) -> None:
        check_int("measure.token_losses.n_tokens", n_tokens, minimum=1)
        self.n_tokens = n_tokens

    def validate(self, task: Task, model: Model) -> None:
        """Require a task on text.

        Raises:
            UserError: it is another task.
        """
        if not isinstance(task, Language):
            raise UserError(f"needs task=language, not {type(task).__name__}")

    def __call__(self, snapshot: Snapshot) -> dict[str, Quantity]:
        classes = _classes(snapshot)
        members = torch.nn.functional.one_hot(classes.long(), len(CLASSES)).double()
        counts = members.sum(0)
        unigram = torch.from_numpy(_task(snapshot).unigram_loss)[_targets(snapshot)]

        def by_class(values: Float[Tensor, "replica class"], title: str, unit: str) -> Quantity:
            return Quantity(
                values.expand(len(snapshot.test.loss), -1).float(),
                f"{title} of each class of tokens",
                unit,
                dims=("class",),
                coordinates={"class": CLASSES},
            )

        return {
            "class_loss": by_class(_losses(snapshot).double() @ members / counts, "mean test loss", "nat"),
            "class_unigram_loss": by_class((unigram @ members / counts)[None], "loss by token frequencies", "nat"),
            "class_share": by_class((counts / counts.sum())[None], "share", "1"),
        }

    def finalize(self, snapshot: Snapshot, history: History) -> dict[str, Quantity]:
        losses, targets, classes = _losses(snapshot), _targets(snapshot), _classes(snapshot)
        n_replicas, n = losses.shape
        chosen = np.linspace(0, n - 1, min(self.n_tokens, n)).round().astype(np.int64)

        def of_chosen(values: Tensor, title: str, unit: str = "1") -> Quantity:
            kept = values.expand(n_replicas, -1)[:, chosen]
            return Quantity(kept, title, unit, dims=("token",), coordinates={"token": chosen.tolist()})

        return {
            "token_loss": of_chosen(losses.half(), "loss of a held-out token", "nat"),
            "token_target": of_chosen(targets.to(torch.int32), "the held-out token"),
            "token_class": of_chosen(classes, "index of the token's class"),
            "n_without_embeddings": Quantity(
                torch.full((n_replicas,), _n_without_embeddings(snapshot.model)), "parameters without embeddings"
            ),
        }


def _task(snapshot: Snapshot) -> Language:
    assert isinstance(snapshot.task, Language), "validated before training"
    return snapshot.task


def _counted(snapshot: Snapshot, values: Tensor) -> Tensor:
    """Values of the test tokens that count [replica, token], on the CPU; the replicas have the same test windows."""
    assert snapshot.test.mask is not None, "tokens with little context do not count"
    return values.cpu()[:, snapshot.test.mask[0].cpu()]


def _losses(snapshot: Snapshot) -> Float[Tensor, "replica token"]:
    return _counted(snapshot, snapshot.test.loss)


def _targets(snapshot: Snapshot) -> Int[Tensor, " token"]:
    return _counted(snapshot, snapshot.test.targets)[0]


def _classes(snapshot: Snapshot) -> Int[Tensor, " token"]:
    """The class of each test token that counts, as an index in `CLASSES`."""
    return _counted(snapshot, window_classes(_task(snapshot))[None])[0]


@lru_cache(maxsize=2)
def window_classes(task: Language) -> Int[Tensor, "window position"]:
    """The class of the target at each position of each test window."""
    documents = task.corpus.held_out
    windows = task.test_starts[:, None] + np.arange(task.length + 1)
    members = {name: np.zeros(len(documents.tokens), bool) for name in token_classes.RULES}
    for first, end, width in zip(documents.starts[:-1], documents.starts[1:], documents.widths, strict=True):
        tokens = [task.token_bytes[token] for token in documents.tokens[first:end]]
        for name, found in token_classes.textual_classes(tokens, width=int(width)).items():
            members[name][first:end] = found
    in_windows = {name: found[windows] for name, found in members.items()}
    for name, n in ((TRIGRAM, 3), (BIGRAM, 2)):
        in_windows[name] = token_classes.repeats(documents.tokens[windows], n=n)
    return torch.from_numpy(token_classes.first_class(in_windows)[:, 1:])


def _n_without_embeddings(model: Model) -> int:
    """The parameters of one network outside its embeddings and unembedding."""
    outer = model.embedding_parameters
    return sum(each[0].numel() for name, each in model.named_parameters() if name not in outer)
