"""Every case of the corpus: nothing crashes, and every bad condition has a finding with the right subject."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from corpus_reasons import conditions_of, reasons, ref_of
from corpus_truth import (
    CORPUS,
    FOLDERS,
    bad_conditions,
    bad_subjects,
    cases,
    documents,
    nasty_cases,
    needs_corpus,
    tellers,
)
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.store import Snapshot, read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.overview import overview
from pointsman.probes.verdict import Finding, Verdict

pytestmark = needs_corpus


@cache
def read(path: Path) -> tuple[list[dict[str, Any]], Snapshot, tuple[Finding, ...]]:
    docs = documents(path)
    snapshot = read_documents(docs)
    return docs, snapshot, diagnose(snapshot)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_bad_condition_is_found_and_nothing_crashes(folder: str) -> None:
    expected = 0
    missed: list[str] = []
    for path in sorted((CORPUS / folder).rglob("*.yaml")):
        docs, snapshot, findings = read(path)
        rows = overview(snapshot, findings)
        assert len(rows.routes) == len(snapshot.routes)
        assert len(rows.gateways) == len(snapshot.gateways)
        assert sum(rows.counts.values()) == len(findings)
        for document in docs:
            for subject, condition in set(bad_conditions(document)):
                expected += 1
                if not tellers(findings, subject, condition):
                    missed.append(f"{path.name}: {subject} {condition}")
    assert expected > 20, "the corpus has bad objects in each folder"
    assert not missed, missed


def test_a_route_without_any_bad_sign_is_called_fail_only_for_a_parent_that_is_not_there() -> None:
    """Where no condition in the whole case is bad, FAIL needs a fault that no status would ever tell."""
    healthy = wrong = 0
    names: list[str] = []
    for path in cases():
        docs, _snapshot, findings = read(path)
        bad_somewhere = any(bad_subjects(document) for document in docs)
        if bad_somewhere:
            continue
        failing = {
            finding.subject
            for finding in findings
            if finding.verdict is Verdict.FAIL and finding.rule not in ("GW107", "GW122")
        }
        for document in docs:
            if not str(document.get("kind")).endswith("Route") or not document.get("status"):
                continue
            metadata = document["metadata"]
            group = document["apiVersion"].rpartition("/")[0]
            ref = ObjectRef(document["kind"], metadata.get("namespace") or "", metadata["name"], group=group)
            healthy += 1
            if any(isinstance(one, ObjectRef) and one.whole == ref for one in failing):
                wrong += 1
                names.append(f"{path.name}: {ref}")
    assert healthy > 50
    assert wrong <= healthy * 0.01, (wrong, healthy, names)


def test_of_all_objects_that_look_healthy_hardly_one_is_called_fail_without_a_reason() -> None:
    """Every kind, every case, also those with bad signs elsewhere. The reasons come from the raw YAML."""
    healthy: Counter[str] = Counter()
    wrong: list[str] = []
    for path in (*cases(), *nasty_cases()):
        docs, _snapshot, findings = read(path)
        failing: dict[ObjectRef, set[str]] = defaultdict(set)
        for finding in findings:
            if finding.verdict is Verdict.FAIL and isinstance(finding.subject, ObjectRef):
                failing[finding.subject.whole].add(finding.rule)
        for document in docs:
            if not conditions_of(document) or bad_subjects(document):
                continue
            ref = ref_of(document)
            healthy[ref.kind] += 1
            unjustified = failing.get(ref, set()) - reasons(docs, document)
            if unjustified:
                wrong.append(f"{path.name}: {ref} {sorted(unjustified)}")
    assert healthy.total() > 900
    assert min(healthy["Gateway"], healthy["HTTPRoute"]) > 300
    assert healthy["BackendTrafficPolicy"] > 10
    assert len(wrong) <= healthy.total() * 0.01, (len(wrong), healthy.total(), wrong)


def test_of_all_bad_conditions_at_least_99_in_100_are_found() -> None:
    """The same over every case at once, the picked ones too."""
    expected = 0
    missed: list[str] = []
    for path in (*cases(), *nasty_cases()):
        docs, _snapshot, findings = read(path)
        for document in docs:
            for subject, condition in set(bad_conditions(document)):
                expected += 1
                if not tellers(findings, subject, condition):
                    missed.append(f"{path.name}: {subject} {condition}")
    assert expected > 900
    assert len(missed) <= expected * 0.01, (len(missed), expected, missed)


def nasty(number: str) -> tuple[Snapshot, tuple[Finding, ...]]:
    path = next((CORPUS / "nasty").glob(f"{number}-*.yaml"))
    _docs, snapshot, findings = read(path)
    return snapshot, findings


def by_rule(findings: tuple[Finding, ...], rule: str) -> dict[str, Finding]:
    return {str(finding.subject): finding for finding in findings if finding.rule == rule}


def test_01_swapped_type_and_reason_is_a_rejection() -> None:
    _, findings = nasty("01")
    rejected = by_rule(findings, "GW410")["Backend default/backend-ip"]
    assert rejected.verdict is Verdict.FAIL
    assert by_rule(findings, "GW102")["HTTPRoute default/httproute-1"].verdict is Verdict.FAIL


def test_03_green_route_on_a_dead_gateway() -> None:
    snapshot, findings = nasty("03")
    dead = by_rule(findings, "GW111")
    subject = "HTTPRoute gateway-conformance-infra/https-route"
    assert dead[subject].verdict is Verdict.FAIL
    row = next(row for row in overview(snapshot, findings).routes if str(row.ref) == subject)
    assert (row.claimed, row.computed, row.worst) == (Verdict.PASS, Verdict.FAIL, Verdict.FAIL)


def test_05_two_controllers_in_either_order() -> None:
    snapshot, findings = nasty("05")
    missing = by_rule(findings, "GW107")
    assert set(missing) == {
        "HTTPRoute istio-system/existing-istio-first",
        "HTTPRoute istio-system/existing-istio-last",
    }
    assert set(by_rule(findings, "GW113")) == {"HTTPRoute istio-system/stale-other-reference"}
    for row in overview(snapshot, findings).routes:
        ours = [one for one in row.parents if one.parent.name == "gateway"]
        assert [(one.controller, one.claimed) for one in ours] == [
            ("istio.io/gateway-controller", Verdict.PASS)
        ]


def test_07_programmed_gateway_with_a_dead_listener() -> None:
    _, findings = nasty("07")
    assert "Gateway istio-system/invalid-cert-notfound" in by_rule(findings, "GW211")
    assert "Gateway istio-system/invalid-cert-notfound/default" in by_rule(findings, "GW303")


def test_09_no_endpoints() -> None:
    _, findings = nasty("09")
    assert by_rule(findings, "GW119")["HTTPRoute default/httproute-1"].verdict is Verdict.FAIL
    assert by_rule(findings, "GW106")["HTTPRoute default/httproute-1/rule-0"].verdict is Verdict.FAIL


def test_11_joined_reasons() -> None:
    _, findings = nasty("11")
    found = by_rule(findings, "GW102")["HTTPRoute default/httproute-5"]
    assert "InvalidBackendFilters" in found.summary
    assert "UnsupportedValue" in found.summary


def test_13_accepted_through_the_set_refused_by_the_gateway() -> None:
    snapshot, findings = nasty("13")
    assert by_rule(findings, "GW101")["HTTPRoute gateway-conformance-infra/echo"].verdict is Verdict.FAIL
    row = overview(snapshot, findings).routes[0]
    assert {one.parent.kind: one.claimed for one in row.parents} == {
        "ListenerSet": Verdict.PASS,
        "Gateway": Verdict.FAIL,
    }
    assert {one.parent.kind: one.computed for one in row.parents} == {
        "ListenerSet": Verdict.PASS,
        "Gateway": Verdict.FAIL,
    }


def test_15_undecided_for_ever() -> None:
    _, findings = nasty("15")
    undecided = by_rule(findings, "GW114")
    assert {finding.verdict for finding in undecided.values()} == {Verdict.UNKNOWN}
    assert {name.split()[0] for name in undecided} == {"TCPRoute", "UDPRoute"}
    assert "Gateway gateway-conformance-infra/host-networking" in by_rule(findings, "GW207")
    assert "Gateway gateway-conformance-infra/host-networking" in by_rule(findings, "GW205")


def test_17_overlapping_rules_of_negative_polarity() -> None:
    _, findings = nasty("17")
    assert set(by_rule(findings, "GW116")) == {
        "HTTPRoute default/httproute-1",
        "HTTPRoute default/httproute-2",
    }


def test_19_programmed_on_bad_tls() -> None:
    _, findings = nasty("19")
    assert "Gateway default/test-gateway" in by_rule(findings, "GW211")
    assert "Gateway default/test-gateway/https" in by_rule(findings, "GW303")
    assert "Gateway default/test-gateway" in by_rule(findings, "GW207")
