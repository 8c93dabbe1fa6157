"""The study of clusters of tokens runs on files, and its networks show their clusters."""

import numpy as np
import pytest

import grok
from grok.reports.quanta.token_clusters import as_text, clusters_of
from grok.reports.study.ledger import load_study
from tests.conftest import assert_drawn

KEYS = ("study=language_quanta", "scale=smoke", "task.length=16", "logger=none", "hydra.sweep.dir=sweep", "plot=[]")


@pytest.mark.slow
def test_the_study_runs_on_files_is_judged_and_is_drawn(command, tmp_path):
    pytest.importorskip("tokenizers")
    rng = np.random.default_rng(0)
    (tmp_path / "texts").mkdir()
    for number in range(30):
        words = ["".join(rng.choice([*"abcdefgh"], rng.integers(1, 6))) for _ in range(200)]
        (tmp_path / "texts" / f"{number}.txt").write_text(" ".join(words) + "\n")
    code, stderr = command(*KEYS, f"task.files={tmp_path / 'texts'}")
    assert code == 0, stderr
    assert_drawn(tmp_path / "sweep" / "figure.png", min_share=0.01)
    record = grok.load(tmp_path / "sweep" / "0")
    coherent = [each for each in clusters_of(record) if each.coherent]
    assert f"⟦{coherent[0].samples[0][1]}⟧" in as_text(coherent, n_lines=1)
    sweep = grok.load(tmp_path / "sweep")
    verdicts = load_study("language_quanta", "smoke").judge(sweep.assign_attrs(altered=""))
    assert all(each["holds"] is None for each in verdicts)
    unmeasured = [each["claim"] for each in verdicts if each["measured"] is None]
    assert len(unmeasured) == 4, "the files have no wrapped lines, which are the subject of four claims"
