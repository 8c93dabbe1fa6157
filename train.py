"""Train one task, or sweep it.

python train.py task=mnist_grok
python train.py -m task=teacher_student seed=0,1,2
"""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from grok.command_line import mistakes_in_one_line, run
from grok.sweeps.folder import claimed
from grok.training.settings import Settings

CONF = Path(__file__).absolute().parent / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(config: DictConfig) -> None:
    """Train the cell that Hydra composed, in the folder that Hydra chose, from where it was left."""
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    in_sweep = job.mode is RunMode.MULTIRUN
    again = f"hydra.sweep.dir='{folder.parent}'" if in_sweep else f"hydra.run.dir='{folder}'"
    with nullcontext() if in_sweep else mistakes_in_one_line(), claimed(folder, resolved) as unfinished:
        Settings.of(resolved)
        if unfinished:
            from grok.sweeps.cell import train  # torch and Lightning, which a mistake above need not wait for

            train(resolved, folder, command=shlex.join(["python", "train.py", *job.overrides.task]), again=again)
        else:
            steps = json.loads((folder / "summary.json").read_text())["steps"]
            print(f"{folder}: finished before, at step {steps:,}; nothing to do")


if __name__ == "__main__":
    sys.exit(run(main, config_folder=CONF))
