"""The dashboard of a W&B project, as code: its panels, in a workspace and in the report on a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from grok.reports.study.verdicts import markdown_table

Verdicts = Sequence[dict[str, Any]]
LR, WEIGHT_DECAY = wr.Config("optimizer.lr"), wr.Config("optimizer.weight_decay")
DELAY = wr.SummaryMetric("delay")
MAX_RUNS = 100  # runs that a panel shows; W&B shows 10 by default, fewer than most sweeps have


def workspace(*, entity: str, project: str, judged: Mapping[str, Verdicts]) -> ws.Workspace:
    """The workspace of a project: curves, sweep, media, and claims; `judged` has the verdicts of each study."""
    tables = "\n\n".join(f"### {headline(study, each)}\n\n{markdown_table(each)}" for study, each in judged.items())
    two_columns = ws.SectionLayoutSettings(columns=2, rows=1)
    one_column = ws.SectionLayoutSettings(columns=1, rows=1)
    return ws.Workspace(
        entity=entity,
        project=project,
        name="Grokking",
        sections=[
            ws.Section(name="Curves", panels=[*curves()], is_open=True),
            ws.Section(name="Sweep", panels=[*sweep()], is_open=True, layout_settings=two_columns),
            ws.Section(name="Media", panels=[media()], is_open=True, layout_settings=one_column),
            ws.Section(
                name="Claims",
                panels=[wr.MarkdownPanel(markdown=tables or "No verdicts yet.")],
                is_open=True,
                layout_settings=one_column,
            ),
        ],
        settings=ws.WorkspaceSettings(x_axis="step", smoothing_type="none", max_runs=MAX_RUNS),
    )


def report(*, entity: str, project: str, study: str, judged: Verdicts, online: bool) -> wr.Report:
    """The report on a study: its claims, and panels of its runs, which have the study's name.

    With `online`, the runs are taken from the given project, for which the client asks W&B. Otherwise the project of
    the runs is left empty; W&B then uses the project of the report.
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
        description="Published values compared with the runs of this project.",
        blocks=[
            wr.H1("Claims"),
            wr.MarkdownBlock(text=markdown_table(judged)),
            wr.H1("Runs"),
            wr.PanelGrid(runsets=[runs], panels=[*curves(), *sweep(), media()]),
        ],
        width="fluid",
    )


def headline(study: str, judged: Verdicts) -> str:
    """The study's name and how many of its claims hold, in one line."""
    verdicts = [each["holds"] for each in judged]
    n_not_judged = verdicts.count(None)
    rest = f", {n_not_judged} not judged at this scale" if n_not_judged else ""
    return f"{study}: {verdicts.count(True)} of {len(verdicts) - n_not_judged} claims hold{rest}"


def curves() -> list[wr.LinePlot]:
    """Panels of accuracy, loss and weight norms over log steps, without smoothing; train and test share a panel."""
    return [
        _over_steps("accuracy", "train_accuracy", "test_accuracy", range_y=(0, 1.05)),
        _over_steps("loss", "train_loss", "test_loss", log_y=True),
        _over_steps("weight norm", "weight_norm", "last_layer_weight_norm"),
    ]


def sweep() -> list[wr.ScatterPlot | wr.ParallelCoordinatesPlot]:
    """Panels that show how the delay depends on the swept keys."""
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
        wr.ScatterPlot(title="delay versus weight decay", x=WEIGHT_DECAY, y=DELAY, log_x=True, log_y=True),
        wr.ParallelCoordinatesPlot(title="sweep", columns=columns),
    ]


def media() -> wr.MediaBrowser:
    """A panel with each run's figure and its rings of the embedding."""
    return wr.MediaBrowser(title="rings and figures", media_keys=["rings", "figure"], num_columns=2)


def _over_steps(title: str, *metrics: str, **options: Any) -> wr.LinePlot:
    """A panel of metrics over optimizer steps."""
    return wr.LinePlot(
        title=title,
        x="step",
        y=list(metrics),
        log_x=True,
        title_x="optimizer step",
        title_y=title,
        smoothing_type="none",
        smoothing_factor=0,
        max_runs_to_show=MAX_RUNS,
        **options,
    )
