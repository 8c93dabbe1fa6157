"""Losses agree with torch's and keep the leading axes."""

import torch
from torch.nn import functional

from grok.science import losses

OUTPUTS = torch.randn(3, 7, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.randint(0, 10, (3, 7), generator=torch.Generator().manual_seed(1))


def test_the_mean_of_one_hot_squared_error_equals_torchs_mse():
    errors = losses.one_hot_squared_error(OUTPUTS, LABELS)
    assert errors.shape == (3, 7)
    torch.testing.assert_close(errors.mean(), functional.mse_loss(OUTPUTS, functional.one_hot(LABELS, 10).double()))


def test_cross_entropy_equals_torchs():
    expected = functional.cross_entropy(OUTPUTS.flatten(0, 1), LABELS.flatten(), reduction="none").view(3, 7)
    torch.testing.assert_close(losses.cross_entropy(OUTPUTS, LABELS), expected)


def test_an_example_is_correct_if_its_label_has_the_largest_output():
    assert losses.is_argmax(torch.eye(10)[None], torch.arange(10)[None]).all()
    assert not losses.is_argmax(-torch.eye(10)[None], torch.arange(10)[None]).any()


def test_cross_entropy_in_float64_resolves_losses_that_float32_rounds_to_zero():
    outputs, labels = torch.tensor([[30.0, 0.0]]), torch.tensor([0])
    assert losses.cross_entropy(outputs, labels) == 0
    precise = losses.cross_entropy(outputs, labels, precision=torch.float64)
    torch.testing.assert_close(precise, torch.tensor([-30.0], dtype=torch.float64).exp(), rtol=1e-2, atol=0)
    assert precise.dtype == torch.float64


def test_binary_cross_entropy_equals_the_cross_entropy_of_two_classes_whose_logits_differ_by_the_output():
    output, labels = OUTPUTS[..., :1], LABELS % 2
    two_logits = torch.cat([torch.zeros_like(output), output], -1)
    torch.testing.assert_close(losses.binary_cross_entropy(output, labels), losses.cross_entropy(two_logits, labels))
    assert torch.equal(losses.is_correct_sign(output, labels), losses.is_argmax(two_logits, labels))
    extreme = losses.binary_cross_entropy(torch.tensor([[-200.0]]), torch.tensor([1]))
    assert extreme.item() == 200  # the reference code rounds probabilities, so its loss stops at 100


def test_the_mean_leaves_out_what_the_mask_hides_even_if_it_is_not_finite():
    values = torch.tensor([[[1.0, torch.inf], [3.0, torch.nan]], [[2.0, 4.0], [torch.inf, 1.0]]])
    mask = torch.tensor([[[True, False], [True, False]], [[True, True], [False, False]]])
    assert losses.mean_loss(values, mask).tolist() == [2, 3]
    weights = torch.tensor([[1.0, 3.0], [5.0, 1.0]])
    assert losses.mean_loss(values, mask, weights).tolist() == [2.5, 3]
    assert losses.mean_loss(values, torch.zeros_like(mask)).tolist() == [0, 0]
    assert losses.mean_loss(values, None).isfinite().tolist() == [False, False]


def test_the_kl_divergence_is_the_expected_log_ratio_and_zero_for_equal_distributions():
    logits = torch.tensor([[0.0, 0.0], [2.0, -1.0]], dtype=torch.float64)
    reference = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64)
    p = logits.softmax(1)
    expected = torch.distributions.kl_divergence(*map(torch.distributions.Categorical, (p, reference)))
    torch.testing.assert_close(losses.kl_divergence(logits, reference), expected)
    torch.testing.assert_close(losses.kl_divergence(logits + 5, p), torch.zeros(2, dtype=torch.float64))
