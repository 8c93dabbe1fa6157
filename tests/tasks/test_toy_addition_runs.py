"""Toy addition: more published runs, step by step, with the reference's random numbers."""

import pytest

from grok.training.build import build
from tests.tasks.test_toy_addition import configuration_of, evaluated_at


@pytest.mark.parametrize(("n_train", "seed", "published"), [(50, 2, 977), (54, 2, 850)])
def test_the_published_runs_with_fresh_batches_of_45_are_met(n_train, seed, published):
    """The first step at which RQI > .95 in toy/results/fig4; its step s is our step s + 1."""
    config = configuration_of(seed, rng="reference", sampling="fresh", n_train=n_train) | {"batch_size": 45}
    values = evaluated_at(build([config])[0], *range(published - 4, published + 3))
    first = next(step for step, each in values.items() if each["rqi"] > 0.95)
    assert abs(first - published - 1) <= 1


@pytest.mark.parametrize(("lr", "weight_decay", "published"), [(1e-3, 2, 225), (1e-2, 2, 178), (1e-4, 0, 560)])
def test_published_runs_on_s3_are_met_with_the_penalty_of_the_reference(lr, weight_decay, published):
    """The first step at which test accuracy ≥ 0.9 in toy/results/fig5d (seed 0); its step s is our step s + 1.

    The reference adds 0.001 times the mean absolute embedding to the loss, which is no part of the task.
    """
    config = configuration_of(0, rng="reference", operation="compose_s3", n_train=24) | {"measure": {}}
    config["model"] |= {"combine": "matrix_product", "d_embedding": 9, "embedding_bound": 0.05}
    config["optimizer"]["param_groups"]["decoder"] = {"lr": lr, "weight_decay": weight_decay}
    module, _ = build([config])
    embeddings = module.model.embeddings.weight
    embeddings.register_hook(lambda gradient: gradient + 1e-3 * embeddings.detach().sign() / embeddings.numel())
    values = evaluated_at(module, *range(published - 4, published + 5))
    first = next(step for step, each in values.items() if each["test_accuracy"] >= 0.9)
    assert abs(first - published - 1) <= 1
