"""Copying by induction: a random piece occurs several times in a random sequence (Olsson et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from grok.checks import UserError, check_int
from grok.tasks.next_token import NOT_COUNTED, GeneratedSequences


@dataclass(frozen=True, kw_only=True)
class Induction(GeneratedSequences):
    """Random tokens, among which a piece of `piece_length` distinct random tokens occurs `n_occurrences` times.

    The places of the piece are random and do not overlap. The loss counts the tokens that can be known: those of the
    piece from its second occurrence on, except the first of each occurrence.
    """

    piece_length: int
    n_occurrences: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int("task.piece_length", self.piece_length, minimum=2)
        check_int("task.n_occurrences", self.n_occurrences, minimum=2)
        if self.n_tokens < self.piece_length:
            raise UserError(
                f"task.n_tokens={self.n_tokens}: must be at least task.piece_length={self.piece_length}, because the "
                "tokens of the piece are distinct"
            )
        if self.length + 1 < (needed := self.piece_length * self.n_occurrences):
            raise UserError(
                f"task.length={self.length}: must be at least {needed - 1}, for task.n_occurrences="
                f"{self.n_occurrences} of task.piece_length={self.piece_length}"
            )

    @property
    def rule(self) -> str:
        return (
            f"{self.length + 1} random tokens of {self.n_tokens}, in which a piece of {self.piece_length} occurs "
            f"{self.n_occurrences} times"
        )

    def sample(
        self, n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example position"], Int[Tensor, "example position"]]:
        tokens = torch.randint(self.n_tokens, (n, self.length + 1), generator=generator)
        piece = torch.rand(n, self.n_tokens, generator=generator).argsort(1)[:, : self.piece_length]
        places = self._starts(n, generator).unsqueeze(2) + torch.arange(self.piece_length)
        tokens.scatter_(1, places.flatten(1), piece.repeat(1, self.n_occurrences))
        known = torch.zeros(n, self.length + 1, dtype=torch.bool).scatter_(1, places[:, 1:, 1:].flatten(1), True)
        return tokens[:, :-1], tokens.where(known, NOT_COUNTED)[:, 1:]

    def _starts(self, n: int, generator: Generator) -> Int[Tensor, "example occurrence"]:
        """The first place of each occurrence, in order; all arrangements are equally likely.

        An arrangement is a choice of occurrences among the free places and the occurrences, each counted as one place.
        """
        n_slots = self.length + 1 - self.n_occurrences * (self.piece_length - 1)
        slots = torch.rand(n, n_slots, generator=generator).argsort(1)[:, : self.n_occurrences].sort(1).values
        return slots + torch.arange(self.n_occurrences) * (self.piece_length - 1)
