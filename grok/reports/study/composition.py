"""The configuration of a study of this project."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from grok.checks import UserError

CONF = Path(__file__).parents[3] / "conf"


def compose_study(name: str, scale: str) -> DictConfig:
    """The configuration of the study with this name at this scale.

    Raises:
        UserError: conf/study has no such study.
    """
    if not (CONF / "study" / f"{name}.yaml").exists():
        raise UserError(f"study={name}: only a study of {CONF / 'study'} can be a result")
    in_train = GlobalHydra.instance().is_initialized()  # by the command of another study, which has the same files
    with nullcontext() if in_train else initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=[f"study={name}", f"scale={scale}"], return_hydra_config=True)
