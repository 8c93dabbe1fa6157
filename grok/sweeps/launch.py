"""The launcher: from the overrides of all runs to the outputs of the sweep."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from omegaconf import DictConfig
from plotly.offline import get_plotlyjs
from rich.console import Console

from grok.checks import FailedRunsError, UserError, check_choice, check_int, failed_trials
from grok.old_names import refuse_old_override
from grok.records.files import write_text
from grok.records.sweep import DATASET, write_manifest
from grok.reports.run.page import PLOTLY
from grok.reports.study.study import Study
from grok.sweeps.batch import Context, FirstFailure
from grok.sweeps.composition import compose_runs, shell_command
from grok.sweeps.dispatch import dispatch
from grok.sweeps.dry_run import plan_sweep
from grok.sweeps.outputs import finalize_sweep
from grok.sweeps.run import Outcome, Run, planned_steps
from grok.sweeps.run_dir import lock_dir
from grok.sweeps.run_loggers import check_login
from grok.sweeps.schedule import group_into_batches
from grok.sweeps.study_setup import altered_keys, check_sweep, make_study
from grok.sweeps.train import train_batch
from grok.sweeps.untrained_study import report_untrained_study
from grok.sweeps.watch import watch_progress
from grok.training.interruption import Interruption
from grok.training.progress import Progress


def launch(
    job_overrides: Sequence[Sequence[str]],
    first: int,
    context: HydraContext,
    config: DictConfig,
    *,
    job: str,
    max_replicas: int | None,
    dispatch_to: str | None,
    ended: list[tuple[Path, Outcome]],
    **settings: Any,
) -> list[JobReturn]:
    """Train the runs with these overrides, numbered from `first`; their outcomes are added to those in `ended`.

    Raises:
        UserError: a setting of the launcher is not allowed, or another process is using the sweep's folder.
        FailedRunsError: runs failed, and no optimizing sweeper waits for the results of the others.
    """
    _refuse_old_overrides(job_overrides, settings)
    _check_settings(job, max_replicas, dispatch_to, stop_on_failure=config.stop_on_failure)
    study = _checked_study(config, context)
    sweep, console = Path(config.hydra.sweep.dir).absolute(), Console(highlight=False, soft_wrap=True, markup=False)
    if study is not None and study.data is not None:
        report_untrained_study(study, sweep, console, _sweep_attributes(config))
        return []
    with lock_dir(sweep, key="hydra.sweep.dir"):
        runs = compose_runs(job_overrides, first, context, config)
        batches = group_into_batches(runs, max_runs=1 if job == "run" else max_replicas)
        _announce(batches, config, console)
        check_login([] if dispatch_to else runs, console)  # other processes ask W&B themselves
        _prepare_sweep_dir(sweep, runs, config)
        if dispatch_to is None:
            found = _train_here(batches, sweep, console, stop_on_failure=config.stop_on_failure)
        else:
            with watch_progress([run.folder for run in runs], console), _announce_resume(console, runs[0]):
                found = dispatch(batches, sweep, context, config, {"_target_": dispatch_to, **settings})
        outcomes = {run.folder: outcome for run, outcome in zip(chain(*batches), chain(*found), strict=True)}
        ended += outcomes.items()
        finalize_sweep(sweep, ended, console, study=study, attributes=_sweep_attributes(config, runs))
    return _job_returns(runs, outcomes, config)


def _checked_study(config: DictConfig, context: HydraContext) -> Study | None:
    """The study of the command, whose claims can be measured on its sweep; None if there is no study."""
    study = make_study(config)
    if study is not None and study.data is None:
        check_sweep(study, config, partial(context.config_loader.load_sweep_config, config))
    return study


def _refuse_old_overrides(job_overrides: Sequence[Sequence[str]], settings: Mapping[str, Any]) -> None:
    for override in (*(f"hydra.launcher.{key}={value}" for key, value in settings.items()), *chain(*job_overrides)):
        refuse_old_override(override)


def _check_settings(job: str, max_replicas: int | None, dispatch_to: str | None, *, stop_on_failure: bool) -> None:
    check_choice("hydra.launcher.job", job, ("batch", "run"))
    if max_replicas is not None:
        check_int("hydra.launcher.max_replicas", max_replicas, minimum=1)
    if stop_on_failure and dispatch_to is not None:
        raise UserError("stop_on_failure=true: needs hydra/launcher=vectorized; other launchers start all jobs at once")


def _announce(batches: Sequence[Sequence[Run]], config: DictConfig, console: Console) -> None:
    """Print the sizes of the batches; in a dry run also their memory, time and errors, and end.

    Raises:
        FailedRunsError: in a dry run, runs would be refused.
    """
    n_runs = sum(len(batch) for batch in batches)
    sizes = " + ".join(str(len(batch)) for batch in batches[:8]) + (" + …" if len(batches) > 8 else "")
    console.print(f"{n_runs} runs (batches of {sizes}) in {config.hydra.sweep.dir}")
    if config.dry_run:
        plan_sweep(batches, Path(config.hydra.sweep.dir).absolute(), console)
        raise SystemExit(0)


def _train_here(
    batches: Sequence[Sequence[Run]], sweep: Path, console: Console, *, stop_on_failure: bool
) -> list[list[Outcome]]:
    """Train the batches in this process, one after the other, to the first failure if they are to stop then."""
    steps = [planned_steps(run) for batch in batches for run in batch]
    failures = FirstFailure(stop_on_failure)
    with Interruption() as interruption, Progress(console, steps) as progress:
        return [train_batch(batch, Context(console, progress, interruption, sweep, failures)) for batch in batches]


@contextmanager
def _announce_resume(console: Console, run: Run) -> Iterator[None]:
    """Print how to resume if the user ends a command whose runs train in other processes."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"stopped: the same command with {run.resume_with} resumes")
        raise


def _prepare_sweep_dir(sweep: Path, runs: Sequence[Run], config: DictConfig) -> None:
    """Note the runs, and remove the outputs of an earlier command, which are made again at the end."""
    axes = [str(key) for key in config.hydra.sweeper.get("params") or ()] if "study" in config else []
    write_manifest(sweep, {os.path.relpath(run.folder, sweep): run.keys for run in runs}, axes=axes)
    for name in (DATASET, "verdict.json"):
        (sweep / name).unlink(missing_ok=True)
    if not (sweep / PLOTLY).exists():
        write_text(sweep / PLOTLY, get_plotlyjs())
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)  # each run in training holds its folder's lock open
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _sweep_attributes(config: DictConfig, runs: Sequence[Run] = ()) -> dict[str, str]:
    """The attributes of the sweep's Dataset: name and command; for a study also its name, scale and altered keys."""
    study = str(config.hydra.runtime.choices["study"])
    name = str(runs[0].config["name"]) if runs else study
    attributes = {"name": name, "command": shell_command(list(config.hydra.overrides.task))}
    if "study" not in config:
        return attributes
    return {**attributes, "study": study, "scale": str(config.scale), "altered": " ".join(altered_keys(config))}


def _job_returns(runs: Sequence[Run], outcomes: Mapping[Path, Outcome], config: DictConfig) -> list[JobReturn]:
    """Each run's objective for Hydra's sweeper; infinity if it is not finite.

    Raises:
        FailedRunsError: a run failed and no optimizing sweeper goes on; in a study, a diverged run has not failed.
    """
    in_study, optimizes = "study" in config, config.hydra.runtime.choices["hydra/sweeper"] not in ("grid", "basic")
    failed = [each for each in outcomes.values() if each.status == "failed" and not (in_study and each.trained)]
    if failed and (config.stop_on_failure or not optimizes):
        raise FailedRunsError(failed[0].error)
    failed_trials.extend(each.error for each in failed)
    returned = []
    for run in runs:
        found = outcomes[run.folder].objective
        value = math.inf if found is None else found
        returned.append(JobReturn(overrides=list(run.overrides), status=JobStatus.COMPLETED, _return_value=value))
    return returned
