"""Changes of weights along a gradient do what they should on a linear loss."""

import torch

from grok.science.quanta.weight_changes import changed_along


def test_a_step_raises_a_linear_loss_by_the_given_amount_and_ablation_leaves_the_rest():
    generator = torch.Generator().manual_seed(0)
    weights, gradient = (
        {name: torch.randn(n, generator=generator, dtype=torch.float64) for name, n in (("a", 3), ("b", 5))}
        for _ in range(2)
    )

    def flat(values):
        return torch.cat([values["a"], values["b"]])

    changed = changed_along(weights, gradient, rise=0.1)
    w, g = flat(weights), flat(gradient)
    torch.testing.assert_close(flat(changed["step"]) @ g, w @ g + 0.1)
    projection = torch.eye(8, dtype=torch.float64) - torch.outer(g, g) / (g @ g)
    torch.testing.assert_close(flat(changed["ablation"]), projection @ w)
