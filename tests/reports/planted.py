"""The claims of a study, judged on a Dataset with planted values."""

from __future__ import annotations

import xarray as xr

from grok.reports.study.study import Study


def failing(declared: Study, dataset: xr.Dataset) -> set[str]:
    """The names of the claims that do not hold, among those judged at the Dataset's scale.

    Claims named `published…` are left out, because they are about the reference's single runs. A claim must be judged
    exactly if it has the Dataset's scale among its scales.
    """
    scale = dataset.attrs["scale"]
    judged = {name: claim.judge(dataset, scale)["holds"] for name, claim in declared.claims.items()}
    assert all((judged[name] is not None) == (scale in claim.scales) for name, claim in declared.claims.items())
    return {name for name, holds in judged.items() if holds is False and not name.startswith("published")}
