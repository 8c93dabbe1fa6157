"""Half precision with a scale for each row."""

import torch

from grok.science.half_precision import halved, restored


def test_rows_of_any_size_come_back_to_eleven_bits():
    rows = torch.randn(2, 40, 15, dtype=torch.float64) * 10.0 ** torch.arange(-20, 20).view(40, 1)
    halves, scale = halved(rows)
    assert halves.dtype == torch.float16 and halves.isfinite().all() and scale.dtype == torch.float32
    error = (restored(halves, scale) - rows).abs().amax(-1) / rows.abs().amax(-1)
    assert error.max() <= 2**-11


def test_what_half_precision_can_hold_is_as_it_holds_it():
    rows = torch.randn(3, 8) * torch.tensor([[1.0], [100.0], [0.01]])
    spacing_by_zero = 2**-24  # of half precision alone; ours has bits left there
    torch.testing.assert_close(restored(*halved(rows)), rows.half().double(), rtol=0, atol=spacing_by_zero)


def test_nothing_is_nothing_and_what_is_no_number_stays_none():
    rows = torch.tensor([[0.0, 0.0], [torch.nan, 1.0], [1.0, 3.0]])
    found = restored(*halved(rows))
    assert found[0].tolist() == [0, 0] and found[1].isnan().any() and found[2].tolist() == [1, 3]
