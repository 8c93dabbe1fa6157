"""A replica's random numbers: one seed, and a named stream for each purpose.

A stream is a function of (seed, name, index), not a state that moves on: the batches of epoch 7 are the same whether or
not epoch 6 was ever drawn. A resumed run therefore restores its random numbers by restoring its step, and purposes
(`split`, `init`, `batches`, …) have streams apart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Streams:
    """The random numbers of the replica with this seed."""

    seed: int

    def generator(self, name: str, index: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
        """A fresh generator at the start of the stream `name`, or of its part number `index`.

        torch's generator takes 32 bits of seed, so consecutive parts take consecutive seeds from a hashed start: within
        a stream no two parts coincide. Two streams may by chance share a stretch of parts; among 1,000 seeds of 20,000
        epochs that is so for about 5 pairs of the half million, which then show their replicas the same orders.
        """
        start = int.from_bytes(hashlib.sha256(f"{name}:{self.seed}".encode()).digest()[:4], "big")
        return torch.Generator(device).manual_seed((start + index) % 2**32)
