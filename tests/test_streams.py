"""Random numbers: one seed, named streams."""

import hashlib

import numpy as np
import torch

from grok.streams import Streams


def draw(seed: int, name: str, index: int = 0) -> torch.Tensor:
    return torch.rand(1000, generator=Streams(seed).generator(name, index))


def test_a_stream_is_a_function_of_seed_name_and_index():
    assert torch.equal(draw(5, "init"), draw(5, "init"))
    others = [draw(6, "init"), draw(5, "split"), draw(5, "init", 1), draw(5, "batches")]
    for other in others:
        assert not torch.equal(draw(5, "init"), other)
        assert torch.corrcoef(torch.stack([draw(5, "init"), other]))[0, 1].abs() < 0.15


def test_consecutive_parts_of_a_stream_do_not_resemble_each_other():
    parts = torch.stack([draw(0, "batches", index) for index in range(50)])
    off_diagonal = torch.corrcoef(parts) - torch.eye(50)
    assert off_diagonal.abs().max() < 0.16  # 1,225 pairs of 1,000 numbers: five standard deviations


def test_the_streams_of_a_seed_are_the_same_everywhere():
    # SHA-256 and the Mersenne Twister are both specified: numpy's twister draws the same bits from the same start.
    start = int.from_bytes(hashlib.sha256(b"init:0").digest()[:4], "big")
    bits = np.random.RandomState(start).randint(0, 2**32, 1000, dtype=np.uint32) & (2**24 - 1)
    assert np.array_equal((draw(0, "init") * 2**24).numpy(), bits)
