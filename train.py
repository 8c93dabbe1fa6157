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

from grok.checks import FailedCellsError
from grok.command_line import mistakes_in_one_line, run
from grok.configuration import of_the_cell
from grok.records.names import SUMMARY
from grok.sweeps.folder import claimed
from grok.training.settings import Settings

CONF = Path(__file__).absolute().parent / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(config: DictConfig) -> None:
    """Train the cell that Hydra composed, in the folder that Hydra chose, from where it was left.

    The cells of a sweep do not come here but to the launcher, `grok.sweeps.launching`.
    """
    whole: Any = OmegaConf.to_container(config, resolve=True)
    resolved = of_the_cell(whole)
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    with mistakes_in_one_line(), claimed(folder, resolved) as unfinished:
        Settings.of(resolved)
        if not unfinished:
            steps = json.loads((folder / SUMMARY).read_text())["steps"]
            print(f"{folder}: finished before, at step {steps:,}; nothing to do")
            return
        from grok.sweeps.cell import Cell  # torch and Lightning, which a mistake above need not wait for
        from grok.sweeps.group import train_alone

        command = shlex.join(["python", "train.py", *job.overrides.task])
        cell = Cell(config=resolved, folder=folder, command=command, again=f"hydra.run.dir='{folder}'")
        outcome = train_alone(cell)
    if outcome.status == "failed":
        print(f"failed: {outcome.error}", file=sys.stderr)
        raise FailedCellsError(outcome.error)


if __name__ == "__main__":
    sys.exit(run(main, config_folder=CONF))
