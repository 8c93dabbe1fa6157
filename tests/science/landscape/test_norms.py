"""Joint norms."""

import torch

from grok.science.landscape.norms import joint_norm


def test_a_joint_norm_covers_all_tensors_of_one_replica():
    weight, bias = torch.tensor([[[3.0]], [[1.0]]]), torch.tensor([[4.0], [0.0]])
    assert joint_norm([weight, bias]).tolist() == [5.0, 1.0]
