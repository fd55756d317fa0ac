"""A change is not blamed for what its controllers have had no time to answer."""

from __future__ import annotations

from pointsman.cluster.store import read_documents
from pointsman.probes.state.changes import change
from pointsman.probes.state.diagnose import diagnose
from rule_worlds import changed, condition


def test_an_old_refusal_is_not_held_against_the_grant_that_mends_it() -> None:
    """It was refused rightly; what mends it makes the refusal wrong, until its controller looks again."""
    refused = condition("route", "Accepted", "False", "NotAllowedByListeners")
    shut = changed(refused)
    shut["gateway"]["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": {"from": "Same"}}
    opened = {"gateway": changed()["gateway"]}
    opened["gateway"].pop("status", None)
    base = read_documents(shut.values())
    found = change(base, read_documents(opened.values()))
    assert "GW117" not in {one.rule for one in found.brought}
    assert "GW117" not in {one.rule for one in diagnose(base)}
