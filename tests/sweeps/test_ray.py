"""Sweeps as tasks of a real Ray cluster: two raylets with one CPU each, started in another folder than the sweep."""

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process import TrainProcess
from tests.sweeps import sweep

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="pip install -e '.[ray]'")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:  # short, for sockets
        patch.setenv("RAY_TMPDIR", folder)  # its files, and its choice of cluster, stay in this folder
        patch.setenv("RAY_AUTH_MODE", "disabled")  # otherwise it writes a token into the home folder
        from ray.cluster_utils import Cluster

        running = Cluster()
        try:
            with contextlib.chdir(folder):
                running.add_node(num_cpus=1, include_dashboard=True, dashboard_port=0)  # it knows where tasks ran
                running.add_node(num_cpus=1)
            yield running
        finally:
            running.shutdown()


def start(*overrides: str, folder: Path) -> TrainProcess:
    """The sweep as tasks of this machine's cluster, started in the folder that will hold it."""
    return sweep.start("cluster=ray", *overrides, folder="sweep", cwd=folder)


def tasks(cluster: Any, **having: str) -> list[Any]:
    """The tasks that the cluster ever received, or those with these attributes."""
    from ray.util.state import list_tasks

    return list_tasks(
        address=cluster.address, detail=True, filters=[(key, "=", value) for key, value in having.items()]
    )


def test_batches_of_runs_are_spread_over_the_nodes(cluster, alone, tmp_path):
    sweep.finish(start(*sweep.BATCHES, folder=tmp_path))
    sweep.assert_complete(tmp_path / "sweep", *sweep.BATCHES, alone=alone)
    assert len(tasks(cluster)) == 2 == len({task.node_id for task in tasks(cluster)})


def test_a_task_whose_worker_dies_is_restarted_and_resumes(cluster, uninterrupted, tmp_path):
    killed = start(*sweep.LONG, folder=tmp_path)
    folders = [tmp_path / "sweep" / name for name in ("0", "1")]
    sweep.wait_for_checkpoints(killed, *folders)
    (task,) = tasks(cluster, state="RUNNING")
    os.kill(task.worker_pid, signal.SIGKILL)
    sweep.finish(killed)
    for folder in folders:
        sweep.assert_resumed(folder, uninterrupted / folder.name)
