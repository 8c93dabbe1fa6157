"""From the resolved configurations of replicas to the module that trains them in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Generator

from grok.checks import UserError, as_typed_value
from grok.configuration import differences, leaves
from grok.measures.snapshot import Measure
from grok.models.model import Model, models_that_fit
from grok.optimizers.broadcasting import broadcast_to_parameter
from grok.optimizers.optimizer import OptimizerSettings
from grok.optimizers.schedule import Schedule
from grok.optimizers.transforms.transform import Transform
from grok.random_streams import RandomStreams
from grok.tasks.task import Data, Task
from grok.training.batches import ReplicaDataset, batch_source, check_data
from grok.training.batching import class_attribute, shared_config
from grok.training.evaluation_steps import evaluation_steps
from grok.training.free_memory import check_weights_fit, refuse_too_large
from grok.training.instantiation import check_base, instantiate_as, instantiate_cached
from grok.training.kept_steps import KeptSteps
from grok.training.module import ReplicaModule
from grok.training.settings import Settings

# bfloat16: tensors are float32, and the device may round matrix products
DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.float32}


def build(configs: Sequence[Mapping[str, Any]]) -> tuple[ReplicaModule, list[Data]]:
    """The module that trains one replica per configuration, and each replica's data.

    The configurations may differ in per-replica keys only: see `grok.training.batching`.

    Raises:
        UserError: a value that a task, model, optimizer or measure refuses, or a model that a measure cannot read.
    """
    config = _first_checked(configs)
    settings = [Settings.from_config(config) for config in configs]
    first = settings[0]
    streams = [RandomStreams(each.seed) for each in settings]
    tasks = [check_base(instantiate_cached(config["task"], "task"), Task, "task") for config in configs]
    data = [_data(config["task"], task, stream) for task, stream in zip(tasks, streams, strict=True)]
    if first.stop_when_grokked and tasks[0].thresholds is None:
        raise UserError("stop_when_grokked=true: this task has no thresholds (task.thresholds)")
    dtype = DTYPES[first.precision]
    model = _model(configs, tasks, streams, init_scales=[each.init_scale for each in settings]).to(dtype)
    check_weights_fit(model, select_device(config))
    train = ReplicaDataset([each.train for each in data], dtype=dtype)
    test = ReplicaDataset([each.test for each in data], dtype=dtype, other=train)
    module = ReplicaModule(
        model=model,
        task=tasks[0],
        replicas=[*zip(tasks, streams, strict=True)],
        batches=batch_source(tasks[0], train, data, streams, first.batch_size),
        train=train,
        test=test,
        optimizer_settings=[_optimizer_settings(config["optimizer"]) for config in configs],
        schedules=[_schedule(config["optimizer"]) for config in configs],
        transforms=_transforms([config["optimizer"]["transforms"] for config in configs], streams),
        measures=_measures(config.get("measure", {}), tasks[0], model),
        evaluation_steps=evaluation_steps(
            first.steps, per_decade=first.evaluate_per_decade, every=first.evaluate_every
        ),
        kept_steps=KeptSteps(per_decade=first.keep_weights_per_decade, every=first.keep_weights_every),
        stop_when_grokked=first.stop_when_grokked,
        overfit_rule=first.overfit_rule,
    )
    return module, data


def make_model(configs: Sequence[Mapping[str, Any]], task: Task, generators: Sequence[Generator]) -> Model:
    """The model of these configurations of a task, one replica per configuration, with weights from the generators.

    Raises:
        UserError: a value that the model refuses, or a model that does not fit the task.
    """
    _check_fit(configs[0]["model"], task)
    values = _replica_values([config["model"] for config in configs])
    derived = {**values, "inputs": task.spec.inputs, "n_outputs": task.spec.outputs.n, "generators": generators}
    with refuse_too_large("model", configs[0]["model"]):
        return instantiate_as(Model, configs[0]["model"], "model", **derived)


def select_device(config: Mapping[str, Any]) -> torch.device:
    """The device of a run; `auto` is a GPU if there is one with the required precision.

    Raises:
        UserError: the device is not on this machine, or cannot compute in the required precision.
    """
    name, float64_users = Settings.from_config(config).device, [*_float64_users(config)]
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(
            kind for kind in ("cuda", "mps", "cpu") if available[kind] and not (kind == "mps" and float64_users)
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device={name}: must be auto, cpu, cuda, cuda:<number> or mps") from error
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if not available[device.type] or (device.index or 0) >= count:
        found = ", ".join(kind for kind, is_available in available.items() if is_available)
        raise UserError(f"device={name}: not on this machine, which has {found}")
    if device.type == "mps" and float64_users:
        raise UserError(f"device={name}: has no float64, needed by {', '.join(float64_users)}; choose device=cpu")
    return device


def _first_checked(configs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first configuration, if the others differ from it in per-replica keys only."""
    first = configs[0]
    shared = shared_config(first)
    for config in configs[1:]:
        if different := [*differences(shared, shared_config(config))]:
            raise ValueError(f"batched replicas must agree in {', '.join(different)}")
    return first


def _data(config: Mapping[str, Any], task: Task, streams: RandomStreams) -> Data:
    """The data of a replica, which have the shapes of the task's spec."""
    with refuse_too_large("task", config):
        data = task.data(streams)
    check_data(task, data)
    return data


def _model(
    configs: Sequence[Mapping[str, Any]],
    tasks: Sequence[Task],
    streams: Sequence[RandomStreams],
    *,
    init_scales: Sequence[float],
) -> Model:
    """The model of all replicas with its scaled initial weights, in float64."""
    model = make_model(configs, tasks[0], [stream.generator("init") for stream in streams])
    for task in tasks:
        task.validate(model)
    scales = torch.tensor(init_scales, dtype=torch.float64)
    with torch.no_grad():
        _load_initial_weights(model, tasks, streams)
        for parameter in model.parameters():
            parameter.mul_(broadcast_to_parameter(scales, parameter))
    return model


def _check_fit(config: Mapping[str, Any], task: Task) -> None:
    """Require a model that reads the task's inputs and gives the outputs that it needs.

    Raises:
        UserError: it reads or gives others.
    """
    if "_target_" not in config:
        return  # reported when the model is built
    spec, name = task.spec, str(config["_target_"]).rpartition(".")[2]
    reads, gives = class_attribute(config, "reads", ()), class_attribute(config, "gives", ())
    if reads and type(spec.inputs) not in reads:
        difference = f"reads {_either(reads)}, but {type(task).__name__} gives {spec.inputs}"
    elif gives and type(spec.outputs) not in gives:
        difference = f"gives {_either(gives)}, but {type(task).__name__} needs {spec.outputs}"
    else:
        return
    raise UserError(f"model: {name} {difference}; these models fit: {', '.join(models_that_fit(spec)) or 'none'}")


def _either(kinds: Sequence[type]) -> str:
    """The names of the kinds, such as `Vectors or Images`."""
    return " or ".join(each.__name__ for each in kinds)


def _replica_values(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The per-replica keys of a model or a transform, with one value per replica."""
    first = configs[0]
    keys = class_attribute(first, "per_replica_keys", ()) if "_target_" in first else ()
    return {key: [config[key] for config in configs] for key in keys if key in first}


def _optimizer_settings(config: Mapping[str, Any]) -> OptimizerSettings:
    own = {key: value for key, value in config.items() if key not in ("schedule", "transforms")}
    return check_base(instantiate_cached(own, "optimizer"), OptimizerSettings, "optimizer")


def _schedule(config: Mapping[str, Any]) -> Schedule:
    return check_base(instantiate_cached(config["schedule"], "optimizer.schedule"), Schedule, "optimizer.schedule")


def _transforms(configs: Sequence[Mapping[str, Any]], streams: Sequence[RandomStreams]) -> dict[str, Transform]:
    """The transforms of all replicas, by name, without those that are turned off by null."""
    transforms = {}
    for name, config in configs[0].items():
        key = f"optimizer.transforms.{name}"
        if not isinstance(config, Mapping | None):
            given = f"{key}={as_typed_value(config)}"
            raise UserError(f"{given}: must have keys with values; +optimizer/transform={name} adds a transform")
        if config is not None:
            values = _replica_values([each[name] for each in configs])
            try:
                transforms[name] = instantiate_as(Transform, config, key, **values)
            except UserError as error:
                raise UserError(str(error) if str(error).startswith("optimizer.") else f"{key}.{error}") from error
            transforms[name].streams = streams
    return transforms


def _load_initial_weights(model: Model, tasks: Sequence[Task], streams: Sequence[RandomStreams]) -> None:
    """Load the initial weights that a task prescribes, such as those of a published run."""
    parameters = dict(model.named_parameters())
    for replica, (task, stream) in enumerate(zip(tasks, streams, strict=True)):
        for name, weights in task.initial_weights(model, stream).items():
            parameters[name][replica] = weights


def _measures(configs: Mapping[str, Any], task: Task, model: Model) -> list[Measure]:
    """The measures, once each accepts the task and the model."""
    measures = {name: instantiate_as(Measure, config, f"measure.{name}") for name, config in configs.items()}
    for name, measure in measures.items():
        try:
            measure.validate(task, model)
        except UserError as error:
            raise UserError(f"measure={name}: {error}") from error
    return [*measures.values()]


def _float64_users(config: Mapping[str, Any]) -> Iterator[str]:
    """The parts of a configuration that compute in float64 on the device: values that say so, and measures and
    transforms that declare `needs_float64 = True`."""
    yield from (f"{key}={value}" for key, value in leaves(config) if value == "float64")
    groups = {"measure=": config.get("measure", {}), "optimizer/transform=": config["optimizer"].get("transforms", {})}
    for prefix, group in groups.items():
        made = {name: each for name, each in group.items() if isinstance(each, Mapping)}
        yield from (f"{prefix}{name}" for name, each in made.items() if class_attribute(each, "needs_float64", False))
