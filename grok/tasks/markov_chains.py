"""In-context learning of Markov chains: each sequence comes from a chain of its own (Edelman et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Generator, Tensor

from grok.checks import UserError, check_choice
from grok.science.language.markov_chains import MAX_DOUBLY_STOCHASTIC, PRIORS, random_chains, sample_sequences
from grok.tasks.next_token import GeneratedSequences


@dataclass(frozen=True, kw_only=True)
class MarkovChains(GeneratedSequences):
    """Sequences of Markov chains whose transition matrices are drawn from a `prior`. The loss counts every token."""

    prior: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("task.prior", self.prior, PRIORS)
        if self.prior == "doubly_stochastic" and self.n_tokens > MAX_DOUBLY_STOCHASTIC:
            raise UserError(
                f"task.n_tokens={self.n_tokens}: must be at most {MAX_DOUBLY_STOCHASTIC} for "
                "task.prior=doubly_stochastic"
            )

    @property
    def rule(self) -> str:
        return f"{self.length + 1} tokens of a Markov chain on {self.n_tokens} tokens from the {self.prior} prior"

    def sample(
        self, n: int, generator: Generator
    ) -> tuple[Int[Tensor, "example position"], Int[Tensor, "example position"]]:
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        chains = random_chains(n, self.n_tokens, prior=self.prior, rng=rng)
        tokens = torch.from_numpy(sample_sequences(chains, self.length + 1, rng=rng))
        return tokens[:, :-1], tokens[:, 1:]
