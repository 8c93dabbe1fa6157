"""The token losses of a family of networks: from the record of a sweep, or from an array."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from grok.checks import UserError
from grok.records.per_run import final_values
from grok.science.language.token_scaling import BLOCK, MIN_MODELS, complete_seeds
from grok.science.quanta.emergence import CHANCE_LEVELS, ROUNDING

LOSS = "token_loss"  # the quantity of the measure token_losses


@dataclass(frozen=True, kw_only=True)
class TokenFamily:
    """Token losses of models in the order of their sizes, for each seed."""

    sizes: np.ndarray  # [model]
    losses: np.ndarray  # [seed, token, model]
    unit: str

    @property
    def mean(self) -> np.ndarray:
        """The mean losses over seeds [token, model]."""
        return np.asarray(self.losses[0] if len(self.losses) == 1 else self.losses.mean(0, dtype=np.float32))


def family_of_sweep(dataset: xr.Dataset) -> TokenFamily:
    """The final token losses of a sweep over sizes and seeds.

    N is the number of parameters without embeddings if the runs have it. Only seeds whose runs all have losses count.

    Raises:
        UserError: the runs have no token losses, or there are fewer than three sizes.
    """
    if LOSS not in dataset:
        raise UserError(f"{LOSS}: not recorded in these runs; +measure=token_losses records it")
    losses = final_values(dataset, LOSS) if "step" in dataset[LOSS].dims else dataset[LOSS]
    for dim in {"seed", "token"} - {*losses.dims}:
        losses = losses.expand_dims(dim)
    axes = [dim for dim in losses.dims if dim not in ("seed", "token")]
    numbers = losses.stack(model=axes).transpose("seed", "token", "model").values
    size = dataset["n_without_embeddings" if "n_without_embeddings" in dataset else "n_parameters"]
    sizes = (
        size.mean([dim for dim in size.dims if dim not in axes])
        .broadcast_like(losses.isel(seed=0, token=0, drop=True))
        .stack(model=axes)
        .values
    )
    trained = np.isfinite(numbers).all(1).any(0)  # models, in any seed
    kept = np.flatnonzero(trained & np.isfinite(sizes))
    kept = kept[np.argsort(sizes[kept], kind="stable")]
    losses_by_size = numbers[:, :, kept]
    complete = complete_seeds(losses_by_size)
    if not complete.any():
        raise UserError("no seed has the token losses of all sizes")
    if len(kept) < MIN_MODELS or (np.diff(sizes[kept]) <= 0).any():
        raise UserError(
            f"{len({*sizes[kept]})} sizes in {len(kept)} runs per seed: must be at least {MIN_MODELS} sizes, each once"
        )
    return TokenFamily(sizes=sizes[kept], losses=losses_by_size[complete], unit="nats")


def family_of_array(path: Path, sizes: np.ndarray, unit: str) -> TokenFamily:
    """The losses tokens × models in a `.npy` file, which stays on the disk.

    Raises:
        UserError: the file is no such array, its shape does not fit the sizes, or a loss is negative or not finite.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        losses = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be read as a .npy array ({str(error).splitlines()[0]})") from error
    if not isinstance(losses, np.ndarray) or losses.dtype.kind not in "fiu" or losses.ndim != 2:
        given = f"{losses.ndim} axes of {losses.dtype}" if isinstance(losses, np.ndarray) else "several arrays"
        raise UserError(f"{path}: has {given}, must have 2 axes of real numbers, tokens × models")
    if losses.shape[1] != len(sizes) or not len(losses):
        raise UserError(
            f"{path}: has the shape {losses.shape}, must be (tokens, {len(sizes)}) for the {len(sizes)} --sizes"
        )
    for start in range(0, len(losses), BLOCK):
        block = losses[start : start + BLOCK]
        wrong = ~(np.isfinite(block) & (block >= -ROUNDING * CHANCE_LEVELS[unit]))
        if wrong.any():
            token, model = (int(each) for each in np.argwhere(wrong)[0])
            raise UserError(
                f"{path}: the loss of token {start + token} at N = {sizes[model]:g} is {block[token, model]:g}, "
                "must be a number of at least 0"
            )
    return TokenFamily(sizes=sizes, losses=losses[None], unit=unit)
