"""The configuration of a study of this project."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
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
    if GlobalHydra.instance().is_initialized():  # by the command of another study, perhaps with more folders
        return compose("train", overrides=[f"study={name}", f"scale={scale}"], return_hydra_config=True)
    config = deepcopy(_composed(name))
    config.scale = scale
    return config


@cache
def _composed(name: str) -> DictConfig:
    """The configuration of the study at its default scale, composed once: Hydra takes a third of a second."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=[f"study={name}"], return_hydra_config=True)
