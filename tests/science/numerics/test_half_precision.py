"""Half precision with a scale for each row."""

import torch

from grok.science.numerics.half_precision import from_half, to_half


def test_rows_of_any_magnitude_are_restored_to_eleven_bits():
    rows = torch.randn(2, 40, 15, dtype=torch.float64) * 10.0 ** torch.arange(-20, 20).view(40, 1)
    halves, scale = to_half(rows)
    assert halves.dtype == torch.float16 and halves.isfinite().all() and scale.dtype == torch.float32
    error = (from_half(halves, scale) - rows).abs().amax(-1) / rows.abs().amax(-1)
    assert error.max() <= 2**-11


def test_values_within_the_range_of_half_precision_are_rounded_like_half_precision():
    rows = torch.randn(3, 8) * torch.tensor([[1.0], [100.0], [0.01]])
    spacing_near_zero = 2**-24  # of half precision without a scale; ours is finer there
    torch.testing.assert_close(from_half(*to_half(rows)), rows.half().double(), rtol=0, atol=spacing_near_zero)


def test_zeros_stay_zero_and_nan_stays_nan():
    rows = torch.tensor([[0.0, 0.0], [torch.nan, 1.0], [1.0, 3.0]])
    restored = from_half(*to_half(rows))
    assert restored[0].tolist() == [0, 0] and restored[1].isnan().any() and restored[2].tolist() == [1, 3]
