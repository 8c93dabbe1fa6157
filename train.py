"""Train one task, or sweep it.

python train.py task=mnist_grok
python train.py -m task=teacher_student seed=0,1,2
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from grok.checks import FailedRunsError
from grok.command_line import run, user_errors_in_one_line
from grok.configuration import as_typed, run_config
from grok.records.file_names import SUMMARY
from grok.sweeps.run_dir import lock_dir, lock_new_dir, needs_training
from grok.training.settings import Settings

CONF = Path(__file__).absolute().parent / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(config: DictConfig) -> None:
    """Train the run that Hydra composed, in the folder that Hydra chose, from its last checkpoint.

    Runs of a sweep do not pass through here: the launcher, `grok.sweeps.launch`, trains them.
    """
    with user_errors_in_one_line(CONF):
        composed: Any = OmegaConf.to_container(config, resolve=True)
    resolved = run_config(composed)
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    is_given = any(each.startswith("hydra.run.dir=") for each in job.overrides.hydra)
    lock = lock_dir if is_given else lock_new_dir
    with user_errors_in_one_line(CONF), lock(folder, key="hydra.run.dir") as folder:
        Settings.from_config(resolved)
        if not needs_training(folder, resolved) and not config.dry_run:
            steps = json.loads((folder / SUMMARY).read_text())["steps"]
            print(f"{folder}: finished before, at step {steps:,}; nothing to do")
            return
        # These import torch and Lightning; the mistakes above need not wait for them.
        from grok.sweeps.dry_run import plan_run
        from grok.sweeps.run import Run
        from grok.sweeps.train import train_run

        command = shlex.join(["python", "train.py", *map(as_typed, job.overrides.task)])
        alone = Run(config=resolved, folder=folder, command=command, resume_with=f"hydra.run.dir='{folder}'")
        if config.dry_run:
            plan_run(alone)
            return
        outcome = train_run(alone)
    if outcome.status == "failed":
        print(f"failed: {outcome.error}", file=sys.stderr)
        raise FailedRunsError(outcome.error)


if __name__ == "__main__":
    sys.exit(run(main, config_folder=CONF))
