"""What a study says of data that was made up."""

from __future__ import annotations

import xarray as xr

from grok.reports.study import Study


def failing(declared: Study, dataset: xr.Dataset) -> set[str]:
    """The claims that do not hold of those judged at the dataset's scale, which are all that name it; those of single
    runs that are published left out."""
    scale = dataset.attrs["scale"]
    judged = {name: claim.judge(dataset, scale)["holds"] for name, claim in declared.claims.items()}
    assert all((judged[name] is not None) == (scale in claim.scales) for name, claim in declared.claims.items())
    return {name for name, holds in judged.items() if holds is False and not name.startswith("published")}
