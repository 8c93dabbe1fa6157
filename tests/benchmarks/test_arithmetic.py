"""The operations of a step are those of its matrix products."""

import torch

from tests.benchmarks.arithmetic import operations


def test_products_in_place_count_like_others():
    left, right, total = torch.zeros(2, 5, 4), torch.zeros(2, 4, 3), torch.zeros(2, 5, 3)
    for product in (lambda: left @ right, lambda: total.baddbmm_(left, right), lambda: torch.bmm(left, right)):
        assert operations(product) == 2 * 2 * 5 * 4 * 3
