"""Sketches: exact where nothing falls together, right in the mean where much does."""

import pytest
import torch

from grok.science.sketches import count_sketch, distance_to_last


def test_a_sketch_with_room_for_all_keeps_every_distance():
    walk = torch.randn(2, 5, 8, dtype=torch.float64).cumsum(1)
    sign = torch.tensor([1.0, -1.0] * 4, dtype=torch.float64)
    sketches = count_sketch(walk, torch.randperm(11)[:8], sign, length=11)
    found = distance_to_last(sketches)
    torch.testing.assert_close(found, (walk - walk[:, -1:]).norm(dim=-1))
    assert found[:, -1].tolist() == [0, 0]


def test_a_sketch_is_linear_and_its_squared_length_right_in_the_mean():
    generator, vector = torch.Generator().manual_seed(0), torch.randn(3000, dtype=torch.float64)
    squares = []
    for _ in range(200):
        place = torch.randint(64, (3000,), generator=generator)
        sign = (torch.randint(2, (3000,), generator=generator) * 2 - 1).double()
        sketch = count_sketch(vector, place, sign, length=64)
        squares.append(sketch.square().sum())
    torch.testing.assert_close(count_sketch(3 * vector, place, sign, length=64), 3 * sketch)
    deviation = (2 / 64) ** 0.5
    assert torch.stack(squares).mean() / vector.square().sum() == pytest.approx(1, abs=4 * deviation / 200**0.5)
