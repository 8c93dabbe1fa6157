"""Count sketches are exact without collisions, and unbiased with collisions."""

import pytest
import torch

from grok.science.numerics.sketches import count_sketch, distances_to


def test_a_sketch_without_collisions_keeps_every_distance():
    vectors = torch.randn(2, 5, 8, dtype=torch.float64).cumsum(1)
    sign = torch.tensor([1.0, -1.0] * 4, dtype=torch.float64)
    sketches = count_sketch(vectors, torch.randperm(11)[:8], sign, length=11)
    distances = distances_to(sketches, -1)
    torch.testing.assert_close(distances, (vectors - vectors[:, -1:]).norm(dim=-1))
    assert distances[:, -1].tolist() == [0, 0]
    torch.testing.assert_close(distances_to(sketches, 0), (vectors - vectors[:, :1]).norm(dim=-1))


def test_a_sketch_is_linear_and_its_squared_length_is_unbiased():
    generator, vector = torch.Generator().manual_seed(0), torch.randn(3000, dtype=torch.float64)
    squared_lengths = []
    for _ in range(200):
        place = torch.randint(64, (3000,), generator=generator)
        sign = (torch.randint(2, (3000,), generator=generator) * 2 - 1).double()
        sketch = count_sketch(vector, place, sign, length=64)
        squared_lengths.append(sketch.square().sum())
    torch.testing.assert_close(count_sketch(3 * vector, place, sign, length=64), 3 * sketch)
    std = (2 / 64) ** 0.5
    assert torch.stack(squared_lengths).mean() / vector.square().sum() == pytest.approx(1, abs=4 * std / 200**0.5)
