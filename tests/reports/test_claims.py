"""Claims are judged by their records, and the README shows the verdicts that the records give."""

import json

import numpy as np
import pytest

from grok.records.files import write_dataset
from grok.reports.claims import README, Claim, readme_table, verdicts, with_table
from grok.science.curves import first_reaching
from tests.conftest import ROOT
from tests.records.test_record import history

RESULTS = sorted(path.parent for path in (ROOT / "results").glob("*/claims.yaml"))


def claim(**changes) -> Claim:
    declared = dict(
        claim="c",
        source="s",
        published="p",
        at_least=None,
        at_most=5.0,
        because="b",
        runs="*/record.nc",
        quantity="loss",
    )
    return Claim(**declared | dict(measure=lambda steps, values: values[-1]) | changes)


@pytest.fixture
def folder(tmp_path):
    for replica in (0, 1):  # their last losses are 10/3 and -10/3
        (tmp_path / str(replica)).mkdir()
        write_dataset(tmp_path / str(replica) / "record.nc", history().dataset(replica, {}))
    return tmp_path


def test_a_claim_is_the_mean_over_seeds_within_its_bounds(folder):
    verdict = claim(at_least=-1.0).judge(folder)
    assert verdict["measured"] == pytest.approx(0) and verdict["n"] == 2 and verdict["holds"]
    assert (verdict["low"], verdict["high"]) == pytest.approx((-10 / 3, 10 / 3))
    assert not claim(at_least=1.0).judge(folder)["holds"] and not claim(at_most=-1.0).judge(folder)["holds"]


def test_a_level_never_reached_is_never_and_fails(folder):
    verdict = claim(measure=lambda steps, values: first_reaching(steps, np.abs(values), level=99.0)).judge(folder)
    assert verdict["measured"] is None and not verdict["holds"] and "never" in readme_table([verdict])
    json.dumps(verdict, allow_nan=False)


def test_a_claim_without_records_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no record"):
        claim().judge(tmp_path)


@pytest.mark.parametrize("folder", RESULTS, ids=lambda path: path.name)
def test_the_kept_verdicts_are_those_of_the_kept_records(folder):
    kept = json.loads((folder / "verdict.json").read_text())
    for ours, theirs in zip(verdicts(folder), kept, strict=True):
        assert ours == theirs


def test_the_readmes_table_is_not_stale():
    judged = [verdict for folder in RESULTS for verdict in json.loads((folder / "verdict.json").read_text())]
    readme = README.read_text()
    assert with_table(readme, readme_table(judged)) == readme
