"""The dashboard of a project in W&B, as code: its panels, in a workspace and in the report of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from grok.reports.claims import readme_table

Verdicts = Sequence[dict[str, Any]]
LR, WEIGHT_DECAY = wr.Config("optimizer.lr"), wr.Config("optimizer.weight_decay")
DELAY = wr.SummaryMetric("delay")
MOST_RUNS = 100  # in a panel, where W&B shows ten: a sweep is looked at whole


def workspace(*, entity: str, project: str, judged: Mapping[str, Verdicts]) -> ws.Workspace:
    """Curves, sweep, media and claims of a project; `judged` has the verdicts of each study."""
    tables = "\n\n".join(f"### {headline(study, found)}\n\n{readme_table(found)}" for study, found in judged.items())
    halves = ws.SectionLayoutSettings(columns=2, rows=1)
    wide = ws.SectionLayoutSettings(columns=1, rows=1)
    return ws.Workspace(
        entity=entity,
        project=project,
        name="Grokking",
        sections=[
            ws.Section(name="Curves", panels=[*curves()], is_open=True),
            ws.Section(name="Sweep", panels=[*sweep()], is_open=True, layout_settings=halves),
            ws.Section(name="Media", panels=[media()], is_open=True, layout_settings=wide),
            ws.Section(
                name="Claims",
                panels=[wr.MarkdownPanel(markdown=tables or "No verdicts yet.")],
                is_open=True,
                layout_settings=wide,
            ),
        ],
        settings=ws.WorkspaceSettings(x_axis="step", smoothing_type="none", max_runs=MOST_RUNS),
    )


def report(*, entity: str, project: str, study: str, judged: Verdicts, online: bool) -> wr.Report:
    """A study's claims, and the panels of its runs, which go by its name.

    `online` says to W&B in which project the runs are, for which the client asks it; else they are the report's own.
    """
    runs = wr.Runset(
        entity=entity if online else "",
        project=project if online else "",
        name=study,
        filters=f"Config('name') = '{PurePosixPath(study).name}'",
    )
    return wr.Report(
        entity=entity,
        project=project,
        title=headline(study, judged),
        description="Published values held against the runs of this project.",
        blocks=[
            wr.H1("Claims"),
            wr.MarkdownBlock(text=readme_table(judged)),
            wr.H1("Runs"),
            wr.PanelGrid(runsets=[runs], panels=[*curves(), *sweep(), media()]),
        ],
        width="fluid",
    )


def headline(study: str, judged: Verdicts) -> str:
    """How many of a study's claims hold, in a line."""
    verdicts = [each["holds"] for each in judged]
    unjudged = verdicts.count(None)
    rest = f", {unjudged} not judged at this scale" if unjudged else ""
    return f"{study}: {verdicts.count(True)} of {len(verdicts) - unjudged} claims hold{rest}"


def curves() -> list[wr.LinePlot]:
    """Train and test in one panel, and the norms: all over log steps, as grokking needs, and unsmoothed."""
    return [
        _over_steps("accuracy", "train_accuracy", "test_accuracy", range_y=(0, 1.05)),
        _over_steps("loss", "train_loss", "test_loss", log_y=True),
        _over_steps("weight norm", "weight_norm", "last_layer_weight_norm"),
    ]


def sweep() -> list[wr.ScatterPlot | wr.ParallelCoordinatesPlot]:
    """What the swept keys do to the delay."""
    columns = [
        wr.ParallelCoordinatesPlotColumn(metric=metric, display_name=name, log=log)
        for metric, name, log in (
            (wr.Config("init_scale"), "init_scale", True),
            (LR, "optimizer.lr", True),
            (WEIGHT_DECAY, "optimizer.weight_decay", True),
            (DELAY, "delay", True),
            (wr.SummaryMetric("test_accuracy"), "test_accuracy", False),
        )
    ]
    return [
        wr.ScatterPlot(title="delay against weight decay", x=WEIGHT_DECAY, y=DELAY, log_x=True, log_y=True),
        wr.ParallelCoordinatesPlot(title="sweep", columns=columns),
    ]


def media() -> wr.MediaBrowser:
    """The rings that embeddings form, and each run's figure."""
    return wr.MediaBrowser(title="rings and figures", media_keys=["rings", "figure"], num_columns=2)


def _over_steps(title: str, *metrics: str, **options: Any) -> wr.LinePlot:
    """Metrics against the optimiser's steps."""
    return wr.LinePlot(
        title=title,
        x="step",
        y=list(metrics),
        log_x=True,
        title_x="optimiser step",
        title_y=title,
        smoothing_type="none",
        smoothing_factor=0,
        max_runs_to_show=MOST_RUNS,
        **options,
    )
