"""Skills as regression: targets are signed parities, and strengths grow from 0 to 1 in the order of frequency."""

import pytest
import torch

import grok
from grok.checks import UserError
from grok.random_streams import RandomStreams
from grok.tasks.skill_parity import SkillParity

KEYS = {"n_subtasks": 3, "n_bits": 8, "subset_size": 2, "alpha": 0.6, "n_test_per_subtask": 10}


def test_targets_are_the_signed_parities_of_sparse_parity():
    for n_train in (None, 50):
        task = SkillParity(**KEYS, target=5.0, n_train=n_train)
        data, parity = task.data(RandomStreams(3)), task._parity.data(RandomStreams(3))
        assert torch.equal(data.test.inputs, parity.test.inputs)
        assert data.test.targets.squeeze(-1).tolist() == [5.0 if each else -5.0 for each in parity.test.targets]
        assert (data.sample is None) == (n_train is not None)
    with pytest.raises(UserError, match=r"task\.target=0"):
        SkillParity(**KEYS, target=0.0, n_train=None)


def test_skills_are_learned_in_the_order_of_frequency(command, tmp_path):
    small = [f"task.{key}={value}" for key, value in KEYS.items()]
    run = ["task=skill_parity", *small, "model.width=64", "batch_size=128", "steps=1500", "init_scale=0.3"]
    assert command(*run, "task.target=2", "logger=none", "hydra.run.dir=run")[0] in (0, None)
    strength = grok.load(tmp_path / "run")["skill_strength"]
    first, last = strength.isel(step=0), strength.isel(step=-1)
    assert (abs(first) < 0.3).all() and last.sel(subtask=1) > 0.9
    halfway = [float(strength["step"][(strength.sel(subtask=k) > 0.5).argmax("step")]) for k in (1, 2)]
    assert 0 < halfway[0] < halfway[1]
