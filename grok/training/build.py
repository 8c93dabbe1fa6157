"""From the resolved configurations of replicas to the module that trains them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from grok.checks import UserError
from grok.configuration import differences, leaves
from grok.optimizers.optimizer import along_replicas
from grok.streams import Streams
from grok.tasks.task import Data, Task
from grok.training.feed import EpochFeed, FreshFeed, Tables
from grok.training.instantiation import instantiate, instantiate_frozen
from grok.training.module import Training
from grok.training.schedule import looks
from grok.training.settings import Settings
from grok.training.side_by_side import declared, shared_part

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.float32}


def build(configs: Sequence[Mapping[str, Any]]) -> tuple[Training, list[Data]]:
    """The module that trains one replica for each configuration, and each replica's data.

    The configurations may differ in what is a replica's own: see `grok.training.side_by_side`.

    Raises:
        UserError: a value that a task, model, optimiser or measure refuses, or a network that a measure cannot read.
    """
    own = configs[0]
    agreed = shared_part(own)
    for config in configs[1:]:
        if different := [*differences(agreed, shared_part(config))]:
            raise ValueError(f"replicas side by side must agree in {', '.join(different)}")
    if "performance" not in own["measure"]:
        raise UserError(f"measure={[*own['measure']]}: must include performance, by which every task is judged")
    settings = [Settings.of(config) for config in configs]
    first = settings[0]
    streams = [Streams(each.seed) for each in settings]
    tasks = [instantiate_frozen(config["task"], "task") for config in configs]
    data = [task.data(stream) for task, stream in zip(tasks, streams, strict=True)]
    dtype = DTYPES[first.precision]
    generators = [stream.generator("init") for stream in streams]
    of_each = _of_each(configs)
    model = instantiate(own["model"], "model", **of_each, **tasks[0].dimensions, generators=generators)
    scales = torch.tensor([each.init_scale for each in settings], dtype=torch.float64)
    with torch.no_grad():
        _start(model, tasks, streams)
        for parameter in model.parameters():
            parameter.mul_(along_replicas(scales, parameter))
    model.to(dtype)
    measures = {name: instantiate(measure, f"measure.{name}") for name, measure in own["measure"].items()}
    for name, measure in measures.items():
        _check(name, measure, tasks[0], model)
    train = Tables([each.train for each in data], dtype=dtype)
    fresh = [each.fresh for each in data if each.fresh is not None]
    feed = FreshFeed(train, fresh, streams, first.batch_size) if fresh else EpochFeed(train, streams, first.batch_size)
    training = Training(
        model=model,
        task=tasks[0],
        sources=[*zip(tasks, streams, strict=True)],
        feed=feed,
        train=train,
        test=Tables([each.test for each in data], dtype=dtype),
        optimizer_settings=[instantiate_frozen(config["optimizer"], "optimizer") for config in configs],
        measures=[*measures.values()],
        looks=looks(first.steps, per_decade=first.looks_per_decade, every=first.looks_every),
        stop_when_grokked=first.stop_when_grokked,
    )
    return training, data


def _of_each(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The model's keys that are a replica's own, with a value for each replica."""
    own = configs[0]["model"]
    keys = declared(own, "replica_wise", ()) if "_target_" in own else ()
    return {key: [config["model"][key] for config in configs] for key in keys if key in own}


def _start(model: nn.Module, tasks: Sequence[Task], streams: Sequence[Streams]) -> None:
    """Put in place the weights from which a task has its replica start, if it has some: those of a published run."""
    parameters = dict(model.named_parameters())
    for replica, (task, stream) in enumerate(zip(tasks, streams, strict=True)):
        for name, weights in task.start(model, stream).items() if hasattr(task, "start") else ():
            parameters[name][replica] = weights


def _check(name: str, measure: Any, task: Task, model: nn.Module) -> None:
    """Let a measure that can refuse what it cannot measure do so."""
    try:
        if hasattr(measure, "check"):
            measure.check(task, model)
    except UserError as error:
        raise UserError(f"measure={name}: {error}") from error


def device_of(config: Mapping[str, Any]) -> torch.device:
    """The device a run trains on; `auto` is a GPU where there is one that has the precision asked for.

    Raises:
        UserError: the device asked for is not there, or cannot compute in the precision asked for.
    """
    name, exact = Settings.of(config).device, [*_in_float64(config)]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind] and not (kind == "mps" and exact))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device={name}: must be auto, cpu, cuda, cuda:<number> or mps") from error
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if not there[device.type] or (device.index or 0) >= count:
        found = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise UserError(f"device={name}: not on this machine, which has {found}")
    if device.type == "mps" and exact:
        raise UserError(f"device={name}: has no float64, needed by {', '.join(exact)}; choose device=cpu")
    return device


def _in_float64(config: Mapping[str, Any]) -> Iterator[str]:
    """What of a configuration is computed in float64 on the device: values that say so, and measures that declare it
    by `needs_float64 = True`."""
    yield from (f"{key}={value}" for key, value in leaves(config) if value == "float64")
    yield from (f"measure={name}" for name, each in config["measure"].items() if declared(each, "needs_float64", False))
