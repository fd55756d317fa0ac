"""The first rows are there before anything is judged, and claim nothing that was not looked at."""

from __future__ import annotations

from pointsman.cluster.store import Store, read_documents
from pointsman.probes.state.glance import glance
from pointsman.probes.verdict import Verdict
from rule_worlds import changed


def test_a_glance_shows_the_names_and_what_is_claimed_and_judges_nothing() -> None:
    snapshot = read_documents(changed().values())
    picture = glance(snapshot)
    assert {row.ref for row in picture.overview.routes} == set(snapshot.routes)
    assert {row.claimed for row in picture.overview.routes} == {Verdict.PASS}
    assert {row.computed for row in picture.overview.routes} == {Verdict.UNKNOWN}
    assert picture.findings == ()
    assert picture.snapshot is snapshot


def test_a_glance_says_what_still_loads() -> None:
    picture = glance(Store().snapshot())
    assert {state.state for state in picture.overview.troubled_kinds.values()} == {"loading"}
