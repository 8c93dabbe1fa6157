"""Joint norms."""

import torch

from grok.science.norms import joint_norm


def test_a_joint_norm_is_pythagoras_over_tensors_and_apart_for_replicas():
    weight, bias = torch.tensor([[[3.0]], [[1.0]]]), torch.tensor([[4.0], [0.0]])
    assert joint_norm([weight, bias]).tolist() == [5.0, 1.0]
