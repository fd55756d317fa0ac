"""Documents laid over a world: what that brings and mends, and that silence is never called a fault."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus_truth import cases, documents, nasty_cases, needs_corpus
from hostile_worlds import EVERYTHING, documents_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from offline_kit import CLASS, GATEWAY, HEALTHY, ROUTE, SERVICE, SLICE, diagnose, joined
from pointsman.cluster.overlay import overlay, without_answers
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.state.changes import Change, change
from pointsman.probes.state.diagnose import diagnose as judge
from pointsman.probes.verdict import Finding, Verdict

CONTROLLER = "example.net/edge"


def answered(condition: str = "Accepted", status: str = "True", generation: int = 1) -> dict[str, Any]:
    return {
        "type": condition,
        "status": status,
        "reason": condition,
        "message": "",
        "observedGeneration": generation,
    }


def cluster(text: str = HEALTHY, **statuses: Any) -> Snapshot:
    """A live cluster that holds the documents, all of them answered by their controller."""
    held = []
    for one in yaml.safe_load_all(text):
        kind = one["kind"]
        one["metadata"]["generation"] = 1
        if kind == "GatewayClass":
            one["status"] = {"conditions": [answered()]}
        elif kind == "Gateway":
            one["status"] = {
                "addresses": [{"value": "192.0.2.1"}],
                "conditions": [answered(), answered("Programmed")],
                "listeners": [
                    {
                        "name": "http",
                        "conditions": [answered(), answered("Programmed"), answered("ResolvedRefs")],
                    }
                ],
            }
        elif kind == "HTTPRoute":
            parent = {
                "parentRef": one["spec"]["parentRefs"][0],
                "controllerName": CONTROLLER,
                "conditions": [answered(), answered("ResolvedRefs", **statuses)],
            }
            one["status"] = {"parents": [parent]}
        held.append(one)
    return live(read_documents(held))


def live(snapshot: Snapshot, *absent: str) -> Snapshot:
    kinds = ("GatewayClass", "Gateway", "HTTPRoute", "Service", "EndpointSlice", "ReferenceGrant", "Secret")
    states = {
        kind: KindState("absent" if kind in absent else "live") for kind in (*kinds, *snapshot.kinds, *absent)
    }
    return replace(snapshot, offline=False, kinds=states)


def applied(base: Snapshot, *texts: str) -> Change:
    return change(base, read_documents(yaml.safe_load_all(joined(*texts))))


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(one.rule, one.verdict.value) for one in findings if one.verdict is not Verdict.PASS]


def test_the_healthy_cluster_is_healthy() -> None:
    assert told(judge(cluster())) == []


def test_a_broken_backend_is_brought_and_its_repair_mends() -> None:
    broken = ROUTE.replace("name: store, port", "name: nowhere, port")
    brought = applied(cluster(), broken)
    assert told(brought.brought) == [("GW103", "FAIL")]
    assert (told(brought.mended), brought.added, brought.changed) == ([], 0, 1)
    mended = applied(cluster(joined(CLASS, GATEWAY, broken, SERVICE, SLICE), status="False"), ROUTE)
    assert told(mended.mended) == [("GW103", "FAIL")]
    assert told(mended.brought) == []
    # the controller still says ResolvedRefs=False, and nobody knows what it will say
    assert told(mended.answers) == [("GW102", "FAIL")]


def test_an_old_yes_does_not_hide_a_new_no() -> None:
    """The live status says Accepted=True of the old spec; the new one names a Gateway that is not there."""
    brought = applied(cluster(), ROUTE.replace("name: main", "name: gone"))
    assert told(brought.brought) == [("GW107", "FAIL")]


def test_new_objects_without_an_answer_are_no_fault() -> None:
    """Nobody has claimed them, no endpoints are there: that is what a moment after `apply` is like."""
    change = applied(live(read_documents([])), CLASS, GATEWAY, ROUTE, SERVICE)
    assert told(change.brought) == []
    assert change.added == 4
    # but where the Service has been there without endpoints, the route is what brings the 503
    assert told(applied(cluster(joined(CLASS, GATEWAY, SERVICE)), ROUTE).brought) == [("GW106", "FAIL")]


def test_a_new_listener_awaits_its_answer() -> None:
    """Old conditions speak of an old spec, and neither they nor their absence is a fault."""
    more = GATEWAY + "  - {name: other, port: 81, protocol: HTTP}\n"
    change = applied(cluster(), more)
    assert told(change.brought) == []
    assert change.changed == 1
    clash = GATEWAY + "  - {name: other, port: 80, protocol: HTTP}\n"
    assert {rule for rule, _ in told(applied(cluster(), clash).brought)} >= {"GW301"}


def test_labels_alone_leave_every_answer_standing() -> None:
    dressed = ROUTE.replace("namespace: shop}", "namespace: shop, labels: {a: b}}")
    laid = overlay(cluster(), read_documents([yaml.safe_load(dressed)]))
    assert (len(laid.changed), laid.unanswered) == (1, frozenset())
    (route,) = laid.snapshot.routes.values()
    assert (route.meta.generation, route.meta.labels) == (1, {"a": "b"})
    assert route.status.parents


def test_what_an_api_server_fills_in_is_no_change() -> None:
    """HTTPRoute: rules, matches and path have defaults; a Service gets its target port."""
    held = yaml.safe_load(ROUTE)
    held["spec"]["rules"][0]["matches"] = [{"path": {"type": "PathPrefix", "value": "/"}}]
    service = yaml.safe_load(SERVICE)
    service["spec"] |= {"ports": [{"port": 8080, "targetPort": 8080}], "externalTrafficPolicy": "Cluster"}
    base = live(read_documents([held, service]))
    over = read_documents(yaml.safe_load_all(joined(ROUTE, SERVICE)))
    assert not overlay(base, over).changed
    # the other way round it is no default that was asked for
    other = yaml.safe_load(ROUTE)
    other["spec"]["rules"][0]["matches"] = [{"path": {"type": "PathPrefix", "value": "/a"}}]
    assert overlay(base, read_documents([other])).changed
    held["spec"]["hostnames"] = ["a.example"]
    assert overlay(live(read_documents([held])), over).changed


def test_a_new_spec_has_an_unknown_generation_and_the_old_status() -> None:
    base = cluster()
    laid = overlay(base, read_documents([yaml.safe_load(ROUTE.replace("8080", "8081"))]))
    (route,) = laid.snapshot.routes.values()
    assert (route.meta.generation, bool(route.status.parents)) == (0, True)
    assert not without_answers(laid.snapshot, laid.unanswered).routes[route.ref].status.parents
    assert base.routes[route.ref].meta.generation == 1


def test_a_status_in_a_document_counts_over_documents_only() -> None:
    document = {**yaml.safe_load(ROUTE), "status": {"parents": [{"controllerName": "mine"}]}}
    document["spec"]["hostnames"] = ["a.example"]
    over = read_documents([document])
    for base, wanted in ((cluster(), CONTROLLER), (replace(cluster(), offline=True), "mine")):
        (route,) = overlay(base, over).snapshot.routes.values()
        assert route.status.parents[0].controller_name == wanted


def test_a_kind_that_the_cluster_does_not_serve_is_refused() -> None:
    route = ROUTE.replace("HTTPRoute", "TCPRoute")
    change = applied(live(read_documents(yaml.safe_load_all(HEALTHY)), "TCPRoute"), route)
    assert ("GW007", "FAIL") in told(change.brought)


def test_what_cannot_be_read_stays_unknown() -> None:
    base = cluster()
    base = replace(base, kinds={**base.kinds, "Service": KindState("denied")})
    change = applied(base, ROUTE.replace("name: store, port", "name: nowhere, port"))
    assert {verdict for _, verdict in told(change.brought)} <= {"UNKNOWN"}


# -- what is there already changes nothing


def changes_nothing(base: Snapshot, over: Snapshot) -> None:
    change_now = change(base, over)
    assert (change_now.brought, change_now.mended, change_now.answers) == ((), (), ())
    assert change_now.stays == judge(base)
    assert (change_now.added, change_now.changed) == (0, 0)


@cache
def corpus_file(path: Path) -> list[dict[str, Any]]:
    return documents(path)


@needs_corpus
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_there_already_brings_and_mends_nothing(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([*nasty_cases(), *cases()]))
    held = corpus_file(path)
    some = [one for one in held if data.draw(st.booleans())]
    bare = [{key: value for key, value in one.items() if key != "status"} for one in some]
    documents_over = data.draw(st.sampled_from([some, bare]))
    base = read_documents(held)
    offline = data.draw(st.booleans())
    changes_nothing(base if offline else live(base), read_documents(documents_over))


def test_a_hostile_world_over_itself_changes_nothing() -> None:
    held = documents_of(EVERYTHING)
    changes_nothing(read_documents(held), read_documents(held))


@needs_corpus
@pytest.mark.parametrize("path", nasty_cases(), ids=lambda path: path.stem[:2])
def test_a_whole_world_over_an_empty_cluster_brings_no_silence(path: Path) -> None:
    held = [{key: value for key, value in one.items() if key != "status"} for one in corpus_file(path)]
    change = applied_documents(live(read_documents([])), held)
    assert not {one.rule for one in change.brought} & {"GW108", "GW112", "GW201", "GW209", "GW309"}
    assert (change.mended, change.answers) == ((), ())


def applied_documents(base: Snapshot, held: list[dict[str, Any]]) -> Change:
    return change(base, read_documents(held))


# -- the command


def test_the_command_over_other_files(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "all.yaml").write_text(HEALTHY.replace("name: store, port", "name: nowhere, port"))
    (tmp_path / "new" / "route.yaml").write_text(ROUTE.replace("name: main", "name: gone"))
    told = diagnose("-f", tmp_path / "new", "--against-file", tmp_path / "old", "-o", "json")
    document = told.document()
    assert (told.code, document["verdict"]) == (1, "FAIL")
    assert [one["rule"] for one in document["findings"]] == ["GW107"]
    assert document["findings"][0]["location"] == {"file": str(tmp_path / "new" / "route.yaml"), "line": 1}
    assert [one["rule"] for one in document["facts"]["mended"]] == ["GW103"]
    text = diagnose("-f", tmp_path / "new", "--against-file", tmp_path / "old").out
    assert "brings  1 FAIL" in text
    assert "mends  1 FAIL" in text
    again = diagnose("-f", tmp_path / "old", "--against-file", tmp_path / "old")
    assert again.code == 0
    assert "brings  nothing" in again.out
    assert "stays  1 FAIL" in again.out


def test_refs_are_those_of_the_store() -> None:
    laid = overlay(read_documents([]), read_documents([yaml.safe_load(ROUTE)]))
    assert laid.added == {ObjectRef("HTTPRoute", "shop", "store", group=GATEWAY_GROUP)}
