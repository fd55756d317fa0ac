"""Where claim and specs part: one finding for one fact, apart from everything that only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from pointsman.cluster.objects import Condition
from pointsman.cluster.store import read_documents
from pointsman.probes.state.claims import claims
from pointsman.probes.state.comparing import compare
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.overview import overview
from pointsman.probes.verdict import Verdict
from pointsman.tui.lines import Line
from pointsman.tui.telling.findings import gateway_lines, route_lines
from specs_kit import (
    CONTROLLER,
    Documents,
    bad,
    good,
    judged,
    listener,
    route_conditions,
    rule,
    told,
    world,
)

AGREEMENT = {"GW117", "GW126", "GW220", "GW221", "GW311", "GW312", "GW420"}


def claimed(documents: Documents) -> dict[str, list[dict[str, Any]]]:
    """The conditions of the Gateway, its listener and the route, to be changed in place."""
    status = documents["gateway"]["status"]
    return {
        "gateway": status["conditions"],
        "listener": status["listeners"][0]["conditions"],
        "route": documents["route"]["status"]["parents"][0]["conditions"],
    }


def differing(documents: Documents) -> set[str]:
    return set(told(documents)) & AGREEMENT


# --- disagreements -------------------------------------------------------------------------------


def test_a_route_that_is_accepted_though_no_listener_takes_it() -> None:
    documents = world()
    documents["route"]["spec"]["hostnames"] = ["cart.other.test"]
    found = told(documents)["GW117"]
    assert found.verdict is Verdict.UNKNOWN
    assert "NoMatchingListenerHostname" in found.summary
    assert CONTROLLER in found.summary
    assert any(line.startswith("computed Accepted=False") for line in found.evidence)


def test_a_route_that_is_refused_though_nothing_stands_against_it_only_warns() -> None:
    documents = world()
    claimed(documents)["route"][0] = bad("Accepted", "NotAllowedByListeners")
    found = told(documents)
    assert found["GW101"].verdict is Verdict.FAIL
    assert found["GW117"].verdict is Verdict.WARN
    assert "by the specs it attaches" in found["GW117"].summary


def test_a_backend_that_is_overlooked_is_told_once_for_all_parents() -> None:
    documents = world()
    rule(documents)["backendRefs"] = [{"name": "web", "port": 81}]
    spec, status = documents["route"]["spec"], documents["route"]["status"]
    spec["parentRefs"].append({"name": "main", "sectionName": "https"})
    status["parents"].append({**status["parents"][0], "parentRef": spec["parentRefs"][1]})
    findings = [one for one in diagnose(read_documents(documents.values())) if one.rule == "GW117"]
    assert len(findings) == 1
    assert findings[0].verdict is Verdict.WARN
    assert told(documents)["GW105"].verdict is Verdict.FAIL


def test_an_object_that_the_documents_leave_out_is_no_disagreement() -> None:
    documents = world()
    rule(documents)["backendRefs"] = [{"name": "elsewhere", "port": 80}]
    assert route_conditions(judged(documents))["ResolvedRefs"].absent
    assert differing(documents) == set()
    assert told(documents)["GW103"].verdict is Verdict.UNKNOWN


def test_a_listener_that_cannot_work_is_told_once_with_all_that_differs() -> None:
    documents = world()
    listener(documents)["tls"]["certificateRefs"] = [{"name": "cert", "kind": "Thing"}]
    findings = [one for one in diagnose(read_documents(documents.values())) if one.rule == "GW311"]
    assert len(findings) == 1
    (found,) = findings
    assert found.verdict is Verdict.UNKNOWN
    assert any("ResolvedRefs=False" in line for line in found.evidence)
    assert any("Programmed=False" in line for line in found.evidence)


def test_conflicts_and_certificates_are_told_by_their_own_rules_alone() -> None:
    documents = world()
    documents["gateway"]["spec"]["listeners"].append({**listener(documents), "name": "twin"})
    found = told(documents)
    assert "GW301" in found
    assert "GW311" not in found
    documents = world()
    documents["secret"]["metadata"]["name"] = "other"
    found = told(documents)
    assert "GW307" in found
    assert "GW311" not in found


def test_a_gateway_all_of_whose_listeners_are_dead() -> None:
    documents = world()
    listener(documents)["protocol"] = "INVALID"
    found = told(documents)["GW220"]
    assert found.verdict is Verdict.UNKNOWN
    assert "ListenersNotValid" in found.summary
    claimed(documents)["listener"][1] = bad("Programmed", "Invalid")
    found_now = told(documents)
    assert "GW220" not in found_now, "GW211 says that no listener carries traffic"
    assert "GW211" in found_now


def test_what_is_known_of_a_controller_is_said_and_only_warns() -> None:
    documents = world()
    name = "istio.io/gateway-controller"
    documents["class"]["spec"]["controllerName"] = name
    documents["route"]["status"]["parents"][0]["controllerName"] = name
    listener(documents)["protocol"] = "INVALID"
    claimed(documents)["listener"][0] = bad("Accepted", "UnsupportedProtocol")
    found = told(documents)["GW311"]
    assert found.verdict is Verdict.WARN
    assert any(line.startswith("known of it: Istio leaves Programmed") for line in found.evidence)


def test_a_listener_set_that_is_accepted_though_the_gateway_lets_in_none() -> None:
    documents = world()
    documents["set"] = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ListenerSet",
        "metadata": {"name": "more", "namespace": "shop", "generation": 1},
        "spec": {
            "parentRef": {"name": "main"},
            "listeners": [{"name": "extra", "port": 80, "protocol": "HTTP"}],
        },
        "status": {"conditions": good("Accepted", "Programmed")},
    }
    found = told(documents)["GW221"]
    assert found.verdict is Verdict.UNKNOWN
    assert "NotAllowed" in found.summary


def test_a_policy_that_is_accepted_without_any_authority() -> None:
    documents = world()
    documents["authority"]["data"] = {"other": "x"}
    documents["policy"] = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "BackendTLSPolicy",
        "metadata": {"name": "p", "namespace": "shop", "generation": 1},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "web"}],
            "validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]},
        },
        "status": {
            "ancestors": [
                {
                    "ancestorRef": {"name": name},
                    "controllerName": CONTROLLER,
                    "conditions": good("Accepted", "ResolvedRefs"),
                }
                for name in ("main", "second")
            ]
        },
    }
    findings = [one for one in diagnose(read_documents(documents.values())) if one.rule == "GW420"]
    assert len(findings) == 1, "the same for every ancestor"
    assert findings[0].verdict is Verdict.UNKNOWN
    documents["authority"]["data"] = {"ca.crt": "-----BEGIN CERTIFICATE-----\n"}
    assert differing(documents) == set()


def test_files_without_any_status_are_judged_by_the_specs_alone() -> None:
    documents = world()
    listener(documents)["allowedRoutes"] = {"kinds": [{"kind": "TCPRoute"}, {"kind": "HTTPRoute"}]}
    for name in ("gateway", "route"):
        documents[name]["status"] = {}
    found = told(documents)["GW312"]
    assert found.verdict is Verdict.WARN
    assert "InvalidRouteKinds" in found.summary
    listener(documents)["protocol"] = "INVALID"
    assert told(documents)["GW312"].verdict is Verdict.FAIL


# --- told apart ----------------------------------------------------------------------------------


def unsound(name: str) -> Documents:
    documents = world()
    parents = documents["route"]["status"]["parents"]
    conditions = claimed(documents)
    match name:
        case "disagreement":
            documents["route"]["spec"]["hostnames"] = ["cart.other.test"]
        case "stale":
            documents["route"]["metadata"]["generation"] = 2
        case "nobody answers":
            documents["route"]["status"] = {"parents": []}
            # something has a status, so these are no files that never have one
            documents["route"]["status"]["parents"] = [
                {**parents[0], "parentRef": {"name": "main", "sectionName": "https"}}
            ]
        case "foreign":
            parents.append({**parents[0], "controllerName": "example.com/other"})
        case "former parent":
            parents.append({**parents[0], "parentRef": {"name": "former"}})
        case "negative polarity":
            conditions["route"].append(bad("PartiallyInvalid", "UnsupportedValue", "True"))
        case "negative polarity that is False":
            conditions["route"].append(bad("PartiallyInvalid", "UnsupportedValue", "False"))
        case "true with a bad reason":
            conditions["route"][0]["reason"] = "UnsupportedField"
        case "vendor's own, positive":
            conditions["route"].append(bad("kgateway.dev/Programmed", "RouteRuleReplaced"))
        case "vendor's own, backends":
            conditions["route"].append(bad("BackendsAvailable", "EndpointsNotFound"))
        case "vendor's own, negative":
            conditions["route"].append(bad("RouteRulesOverlap", "Overlap", "True"))
        case "vendor's own, unknown":
            conditions["route"].append(bad("example.com/Whatever", "Thing"))
    return documents


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("disagreement", {"GW117"}),
        ("stale", {"GW109"}),
        ("nobody answers", {"GW108", "GW113"}),
        ("foreign", {"GW112"}),
        ("former parent", {"GW113"}),
        ("negative polarity", {"GW110"}),
        ("negative polarity that is False", set()),
        ("true with a bad reason", {"GW118"}),
        ("vendor's own, positive", {"GW120"}),
        ("vendor's own, backends", {"GW119"}),
        ("vendor's own, negative", {"GW116"}),
        ("vendor's own, unknown", set()),
    ],
)
def test_each_sign_has_a_rule_of_its_own_and_no_other(name: str, rules: set[str]) -> None:
    assert set(told(unsound(name))) == rules


def test_a_stale_claim_is_no_disagreement() -> None:
    documents = unsound("disagreement")
    documents["route"]["metadata"]["generation"] = 2
    found = told(documents)
    assert "GW109" in found
    assert "GW117" not in found


def test_a_foreign_entry_is_not_compared() -> None:
    documents = unsound("foreign")
    documents["route"]["status"]["parents"][1]["conditions"] = [bad("Accepted", "NoMatchingParent")]
    assert "GW117" not in told(documents)


@pytest.mark.parametrize(
    "reason", ["AddressNotAssigned", "Pending", "UnsupportedValue", "UnsupportedAddress"]
)
def test_what_no_spec_says_is_no_disagreement(reason: str) -> None:
    documents = world()
    ours = route_conditions(judged(documents))["Accepted"]
    assert compare(Condition(type="Accepted", status="False", reason=reason), ours) == "beyond"
    assert compare(Condition(type="Accepted", status="Unknown", reason=reason), ours) == "undetermined"


# --- rows, screen and -o json --------------------------------------------------------------------


def text(one: Line) -> str:
    return "".join(span.text for span in one)


def shown(documents: Documents, width: int) -> list[str]:
    snapshot = read_documents(documents.values())
    findings = diagnose(snapshot)
    rows = overview(snapshot, findings)
    lines = route_lines(rows.routes[0], (), 1, width) + gateway_lines(rows.gateways[0], (), 1, width)
    return [text(one) for one in lines]


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_shows_what_the_specs_give_where_it_differs(width: int) -> None:
    assert not [line for line in shown(world(), width) if "specs" in line]
    documents = unsound("disagreement")
    listener(documents)["protocol"] = "INVALID"
    lines = shown(documents, width)
    ours = [line for line in lines if "by the specs" in line]
    assert any("NotAllowedByListeners" in line for line in ours)
    assert any("UnsupportedProtocol" in line for line in ours)
    at = next(number for number, line in enumerate(lines) if "by the specs" in line)
    assert "Accepted" in lines[at - 1], "under the condition that it differs from"
    assert all(len(line) <= width for line in ours)


def test_rows_and_json_carry_both_sides() -> None:
    documents = unsound("disagreement")
    snapshot = read_documents(documents.values())
    rows = overview(snapshot, diagnose(snapshot))
    assert rows.routes[0].parents[0].by_specs[0].reason == "NoMatchingListenerHostname"
    assert rows.routes[0].computed is Verdict.FAIL
    accepted = next(one for one in claims(rows) if one["parent"] and one["type"] == "Accepted")
    assert accepted["claimed"] == {"status": "True", "reason": "Accepted"}
    assert accepted["computed"]["status"] == "False"
    assert accepted["computed"]["reasons"] == ["NoMatchingListenerHostname"]
    documents["route"]["status"] = {}
    snapshot = read_documents(documents.values())
    silent = claims(overview(snapshot, diagnose(snapshot)))
    assert any(one["claimed"] is None and one["computed"] for one in silent)


def test_hostile_text_is_clean_on_both_sides() -> None:
    documents = world()
    listener(documents)["protocol"] = "BAD\x1b[31m[red]"
    rule(documents)["backendRefs"] = [{"name": "x\x1b]0;y\x07", "kind": "Po\x1bd", "port": 80}]
    snapshot = read_documents(documents.values())
    findings = diagnose(snapshot)
    seen = [*shown(documents, 80), *(str(one) for one in claims(overview(snapshot, findings)))]
    seen += [line for one in findings for line in (one.summary, *one.evidence)]
    assert not any(char in line for line in seen for char in "\x1b\x07")


def test_certificates_that_overlap_only_their_controller_can_see() -> None:
    documents = world()
    claimed(documents)["listener"].append(bad("OverlappingTLSConfig", "OverlappingCertificates", "True"))
    assert "GW311" not in told(documents)
    claimed(documents)["listener"][-1]["reason"] = "OverlappingHostnames"
    assert "GW311" in told(documents), "hostnames are there to be seen"
