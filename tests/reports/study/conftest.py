"""A made-up claim, and a made-up Dataset on which it is judged."""

import numpy as np
import pytest
import xarray as xr

from grok.reports.study.claim import Claim
from grok.science.statistics.curves import final

DECLARED = {"papers": ["p"], "mechanism": "m", "task": "t"}  # by a made-up study


def claim(**changes) -> Claim:
    """A claim about the final test loss at init_scale 2, with these fields changed."""
    fields = dict(
        claim="c",
        source="s",
        published="p",
        bound_min=None,
        bound_max=5.0,
        rationale="b",
        quantity="test_loss",
        where={"init_scale": 2.0},
        dims=["step"],
        measure=final,
        scales=["laptop", "paper"],
        not_judged_because="too short",
    )
    return Claim(**fields | changes)


@pytest.fixture
def dataset() -> xr.Dataset:
    """Two values of init_scale, three seeds, three evaluation steps.

    Seed 2 has no run at init_scale 1, and its run at init_scale 2 ended at step 10.
    """
    loss = np.array([[[9.0, 5, 3], [9, 6, 4], [np.nan] * 3], [[8, 4, 1], [8, 4, 3], [8, 5, np.nan]]])
    steps = np.array([[np.nan, 50.0, np.nan], [10, 20, np.nan]])
    phases = np.array([["confusion", "grokking", ""], ["grokking", "grokking", "confusion"]])
    return xr.Dataset(
        {
            "test_loss": (("init_scale", "seed", "step"), loss),
            "test_accuracy": (("init_scale", "seed", "step"), 1 / loss),
            "generalization_step": (("init_scale", "seed"), steps),
            "phase": (("init_scale", "seed"), phases),
        },
        {"init_scale": [1.0, 2.0], "seed": [0, 1, 2], "step": [0, 10, 20]},
    ).assign(
        train_accuracy=(("init_scale", "seed", "step"), 1 / loss),
        finished=(("init_scale", "seed"), [[True, True, False], [True] * 3]),
        last_step=(("init_scale", "seed"), [[20, 20, np.nan], [20, 20, 10]]),
    )
