"""A study is read from its YAML: claims share defaults, and each key that is wrong is named."""

import pytest

from grok.checks import UserError
from grok.reports.study.reading import read_study
from grok.science.statistics.curves import final, first_below, scalar

CLAIM = {"claim": "c", "published": "0.1", "bounds": {"max": 3, "rationale": "r"}, "measure": {"of": "delay"}}
DEFAULTS = {
    "published": {"source": "Someone 2020"},
    "measure": {"where": {"init_scale": 1}},
    "judged_at": {"scales": ["paper"], "not_judged_because": "too short"},
}
STUDY = {
    "title": "t",
    "papers": ["p"],
    "mechanism": "m",
    "task": "t",
    "scales": {"paper": {}},
    "preset": {},
    "figure": "grid",
}


def claim(**changes):
    """The only claim of a study, with these keys changed."""
    return read_study({**STUDY, "claim_defaults": DEFAULTS, "claims": {"one": {**CLAIM, **changes}}}).claims["one"]


def test_a_claim_takes_the_defaults_that_it_does_not_change():
    found = claim()
    assert (found.claim, found.source, found.published) == ("c", "Someone 2020", "0.1")
    assert (found.bound_min, found.bound_max, found.rationale) == (None, 3, "r")
    assert (found.quantity, found.where, found.dims, found.measure) == ("delay", {"init_scale": 1}, [], scalar)
    assert (found.scales, found.not_judged_because, found.reduce) == (["paper"], "too short", None)
    assert claim(published={"value": "2", "source": "Other 2021"}).source == "Other 2021"
    assert claim(judged_at={"scales": ["laptop"]}).not_judged_because == "too short"


def test_a_function_measures_the_curve_unless_the_claim_says_otherwise():
    found = claim(measure={"first_below": 0.1, "of": "test_loss", "where": {}})
    assert found.dims == ["step"] and found.where == {}
    assert found.measure.func is first_below and found.measure.keywords == {"level": 0.1}
    with_default = {**DEFAULTS, "measure": {"final": None, "where": {"a": 1}}}
    own = {**CLAIM, "measure": {"first_below": 0.1, "of": "test_loss"}}
    one = read_study({**STUDY, "claim_defaults": with_default, "claims": {"one": own}}).claims["one"]
    assert one.measure.func is first_below and one.where == {"a": 1}
    reduced = claim(measure={"final": None, "of": "test_loss", "over": ["width"], "reduce": "final"})
    assert reduced.dims == ["width"] and reduced.reduce is final


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"published": {"value": "1", "sorce": "s"}},
            r"one.published: no key sorce \(did you mean source\?\)",
        ),
        ({"bounds": {"max": 3}}, "study.claims.one.bounds: needs rationale"),
        ({"bounds": 3}, "study.claims.one.bounds: needs rationale"),
        ({"bounds": {"rationale": "r"}}, "study.claims.one.bounds=.*: must have the number min or max"),
        ({"bounds": {"max": "x", "rationale": "r"}}, "study.claims.one.bounds=.*: must have the number min or max"),
        ({"measure": None}, "study.claims.one.measure: is empty"),
        ({"measure": {"of": 3}}, "study.claims.one.measure.of=3: must be a quantity"),
        ({"measure": {"of": "x", "where": "seed"}}, "one.measure.where=seed: must be"),
        ({"measure": {"of": "x", "over": "step"}}, "one.measure.over=step: must be a list"),
        ({"judged_at": "paper"}, "one.judged_at.scales=paper: must be a list"),
        ({"measure": {"final": None}}, "study.claims.one.measure: needs of"),
        (
            {"measure": {"fnal": None, "of": "x"}},
            r"one.measure: no function fnal \(did you mean final\?\)",
        ),
        ({"quantity": "x"}, "study.claims.one: no key quantity"),
        ({"claims": "x"}, r"study.claims.one: no key claims \(did you mean claim\?\)"),
    ],
)
def test_a_wrong_key_of_a_claim_is_named(changes, message):
    with pytest.raises(UserError, match=message):
        claim(**changes)


def test_a_study_needs_its_papers_and_mechanism_and_has_no_other_keys():
    with pytest.raises(UserError, match=r"study: needs papers, mechanism, task"):
        read_study({key: STUDY[key] for key in ("title", "scales", "preset", "figure")} | {"claims": {}})
    with pytest.raises(UserError, match=r"study: no key paper \(did you mean papers\?\)"):
        read_study({**STUDY, "claims": {}, "paper": "p"})
    with pytest.raises(UserError, match=r"study.papers=p: must be a list"):
        read_study({**STUDY, "claims": {}, "papers": "p"})
    with pytest.raises(UserError, match=r"study.claims=null: must have keys with values"):
        read_study({**STUDY, "claims": None})
    with pytest.raises(UserError, match=r"study.claim_defaults: no key claim"):
        read_study({**STUDY, "claims": {}, "claim_defaults": {"claim": "x"}})
    with pytest.raises(UserError, match=r"study.claims.one=3: must have keys with values"):
        read_study({**STUDY, "claims": {"one": 3}})
