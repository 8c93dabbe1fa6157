"""Sweeps as jobs of a real Slurm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import TrainProcess
from tests.sweeps import slurm, sweep

pytestmark = pytest.mark.cluster

CLUSTER = (
    "cluster=slurm",
    "hydra.launcher.partition=debug",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=2",
    "hydra.launcher.timeout_min=10",
    "hydra.launcher.max_num_timeout=1",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[slurm.Slurm]:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="pip install -e '.[slurm]'")
    if missing := slurm.missing():
        pytest.skip(f"no {', '.join(missing)}: apt-get install slurm-wlm munge")
    with slurm.started() as running:
        yield running


def start(cluster: slurm.Slurm, name: str, *overrides: str, folder: Path) -> TrainProcess:
    """The sweep as jobs with this name."""
    name = f"hydra.launcher.name={name}"
    return sweep.start(*CLUSTER, name, *overrides, folder=folder, environment=cluster.environment)


@pytest.mark.slow
def test_a_batch_of_runs_is_one_job(cluster, alone, tmp_path):
    sweep.finish(start(cluster, "batches", *sweep.BATCHES, folder=tmp_path / "sweep"))
    sweep.assert_complete(tmp_path / "sweep", *sweep.BATCHES, alone=alone)
    assert len(cluster.jobs("batches")) == 2


@pytest.mark.slow
def test_each_run_can_be_a_job(cluster, alone, tmp_path):
    runs = ("seed=0,1", "steps=100")
    sweep.finish(start(cluster, "runs", "hydra.launcher.job=run", *runs, folder=tmp_path / "sweep"))
    sweep.assert_complete(tmp_path / "sweep", *runs, alone=alone)
    assert len(cluster.jobs("runs")) == 2


def test_a_job_at_its_time_limit_is_requeued_and_resumes(cluster, uninterrupted, tmp_path):
    limited = start(cluster, "limited", *sweep.LONG, folder=tmp_path)
    sweep.wait_for_checkpoints(limited, tmp_path / "0", tmp_path / "1")
    cluster.time_out("limited")
    sweep.finish(limited)
    for name in ("0", "1"):
        sweep.assert_resumed(tmp_path / name, uninterrupted / name)
