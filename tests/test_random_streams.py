"""Random streams: one seed, a named stream for each purpose."""

import hashlib

import numpy as np
import torch

from grok.random_streams import RandomStreams


def sample(seed: int, name: str, index: int = 0) -> torch.Tensor:
    return torch.rand(1000, generator=RandomStreams(seed).generator(name, index))


def test_a_stream_is_a_function_of_seed_name_and_index():
    assert torch.equal(sample(5, "init"), sample(5, "init"))
    others = [sample(6, "init"), sample(5, "split"), sample(5, "init", 1), sample(5, "batches")]
    for other in others:
        assert not torch.equal(sample(5, "init"), other)
        assert torch.corrcoef(torch.stack([sample(5, "init"), other]))[0, 1].abs() < 0.15


def test_consecutive_parts_of_a_stream_are_uncorrelated():
    parts = torch.stack([sample(0, "batches", index) for index in range(50)])
    off_diagonal = torch.corrcoef(parts) - torch.eye(50)
    assert off_diagonal.abs().max() < 0.16  # 1,225 pairs of 1,000 numbers: five standard deviations


def test_the_streams_of_a_seed_are_the_same_on_every_machine():
    # SHA-256 and the Mersenne Twister are both specified: numpy's twister gives the same bits from the same seed.
    start = int.from_bytes(hashlib.sha256(b"init:0").digest()[:4], "big")
    bits = np.random.RandomState(start).randint(0, 2**32, 1000, dtype=np.uint32) & (2**24 - 1)
    assert np.array_equal((sample(0, "init") * 2**24).numpy(), bits)
