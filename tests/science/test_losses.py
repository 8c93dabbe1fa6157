"""Losses agree with torch's own, and leave leading axes alone."""

import torch
from torch.nn import functional

from grok.science import losses

OUTPUTS = torch.randn(3, 7, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.randint(0, 10, (3, 7), generator=torch.Generator().manual_seed(1))


def test_one_hot_squared_error_averages_to_torchs_mse():
    ours = losses.one_hot_squared_error(OUTPUTS, LABELS)
    assert ours.shape == (3, 7)
    torch.testing.assert_close(ours.mean(), functional.mse_loss(OUTPUTS, functional.one_hot(LABELS, 10).double()))


def test_cross_entropy_is_torchs():
    theirs = functional.cross_entropy(OUTPUTS.flatten(0, 1), LABELS.flatten(), reduction="none").view(3, 7)
    torch.testing.assert_close(losses.cross_entropy(OUTPUTS, LABELS), theirs)


def test_the_largest_output_decides():
    assert losses.is_argmax(torch.eye(10)[None], torch.arange(10)[None]).all()
    assert not losses.is_argmax(-torch.eye(10)[None], torch.arange(10)[None]).any()


def test_cross_entropy_in_float64_is_finer_than_its_outputs():
    outputs, labels = torch.tensor([[30.0, 0.0]]), torch.tensor([0])
    assert losses.cross_entropy(outputs, labels) == 0
    fine = losses.cross_entropy(outputs, labels, precision=torch.float64)
    torch.testing.assert_close(fine, torch.tensor([-30.0], dtype=torch.float64).exp(), rtol=1e-2, atol=0)
    assert fine.dtype == torch.float64


def test_binary_cross_entropy_is_the_cross_entropy_of_two_classes_whose_logits_differ_by_the_output():
    output, labels = OUTPUTS[..., :1], LABELS % 2
    two = torch.cat([torch.zeros_like(output), output], -1)
    torch.testing.assert_close(losses.binary_cross_entropy(output, labels), losses.cross_entropy(two, labels))
    assert torch.equal(losses.is_sign(output, labels), losses.is_argmax(two, labels))
    far = losses.binary_cross_entropy(torch.tensor([[-200.0]]), torch.tensor([1]))
    assert far.item() == 200  # where the reference code's, of rounded probabilities, stops at 100
