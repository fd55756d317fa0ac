"""Rules that read what controllers say, each with its condition; and that no rule is without a test world."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pointsman.cluster.store import KindState, Store, read_documents
from pointsman.probes.catalogue import RULES
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.verdict import Verdict
from rule_worlds import (
    Change,
    Objects,
    adding,
    answered,
    changed,
    condition,
    let_sets_in,
    listener_set,
    policy_of,
    said,
    setting,
)

F, W, U = Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN
EG = "gateway.envoyproxy.io"
MAIN = {"kind": "Gateway", "name": "main"}


def claim(*conditions: dict[str, Any]) -> Change:
    """A policy of which its controller says this."""
    return adding(policy=answered(policy_of(EG, "SecurityPolicy", MAIN, namespace="infra"), *conditions))


def set_says(*conditions: dict[str, Any], **spec: Any) -> Change:
    document = listener_set()
    document["spec"].update(spec)
    if conditions:
        document["status"]["conditions"] = list(conditions)
    return adding(more=document)


def older(objects: Objects) -> None:
    objects["gateway"]["metadata"]["generation"] = 2


def unnamed(objects: Objects) -> None:
    objects["gateway"]["status"]["listeners"] = [{"name": "another"}]


def overlapping(objects: Objects) -> None:
    listeners = objects["gateway"]["spec"]["listeners"]
    listeners.append({**listeners[0], "name": "wide", "hostname": "*.test"})


ingress = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "old", "namespace": "shop"},
    "spec": {"defaultBackend": {"service": {"name": "gone", "port": {"number": 80}}}},
}
backend = {
    "apiVersion": f"{EG}/v1alpha1",
    "kind": "Backend",
    "metadata": {"name": "b", "namespace": "shop"},
    "spec": {},
    "status": {"conditions": [said("Accepted", "False")]},
}

CLAIMS: tuple[tuple[str, Verdict, tuple[Change, ...]], ...] = (
    ("GW003", U, (setting("route.spec.rules", "no list"),)),
    ("GW101", F, (condition("route", "Accepted", "False"),)),
    ("GW102", F, (condition("route", "ResolvedRefs", "False"),)),
    ("GW110", W, (condition("route", "PartiallyInvalid", "True"),)),
    ("GW114", U, (condition("route", "ResolvedRefs", "Unknown"),)),
    ("GW115", W, (condition("route", "Warning", "True"),)),
    ("GW116", W, (condition("route", "RouteRulesOverlap", "True"),)),
    ("GW118", W, (condition("route", "Accepted", "True", "UnsupportedField"),)),
    ("GW119", F, (condition("route", "BackendsAvailable", "False"),)),
    ("GW120", F, (condition("route", "Programmed", "False"),)),
    ("GW121", W, (setting("route.spec.hostnames", ["cart.shop.test", "cart.other.test"]),)),
    ("GW124", W, (setting("route.spec.parentRefs", []), setting("route.status", {}))),
    ("GW202", F, (condition("class", "Accepted", "False"),)),
    ("GW204", F, (condition("gateway", "Accepted", "False"),)),
    ("GW205", F, (condition("gateway", "Programmed", "False"),)),
    ("GW206", W, (setting("gateway.status.addresses", []),)),
    ("GW207", W, (condition("gateway", "Accepted", "True", "ListenersNotValid"),)),
    ("GW208", F, (condition("gateway", "ResolvedRefs", "False"),)),
    ("GW209", F, (condition("gateway", "Accepted", "Unknown", "Pending", "Waiting for controller"),)),
    ("GW210", U, (older,)),
    ("GW212", W, (condition("gateway", "InsecureFrontendValidationMode", "True"),)),
    ("GW213", U, (condition("listener", "ResolvedRefs", "Unknown"),)),
    ("GW214", F, (let_sets_in, set_says(said("Accepted", "False")))),
    ("GW215", F, (let_sets_in, set_says(said("Accepted", "True"), said("Programmed", "False")))),
    ("GW216", F, (set_says(parentRef={"name": "gone"}),)),
    ("GW301", F, (condition("listener", "Conflicted", "True"),)),
    ("GW302", F, (condition("listener", "Accepted", "False"),)),
    ("GW303", F, (condition("listener", "Programmed", "False", "Invalid"),)),
    ("GW304", F, (condition("listener", "ResolvedRefs", "False"),)),
    ("GW305", W, (overlapping,)),
    ("GW309", U, (unnamed,)),
    ("GW401", F, (claim(said("Accepted", "False", "Invalid")),)),
    ("GW402", W, (claim(said("Accepted", "False", "Conflicted")),)),
    ("GW406", W, (claim(said("Accepted", "True"), said("Warning", "True")),)),
    ("GW407", F, (claim(said("ResolvedRefs", "False")),)),
    ("GW408", U, (claim(said("Accepted", "Unknown")),)),
    ("GW409", U, (claim(said("Accepted", "True", generation=1)), setting("policy.metadata.generation", 2))),
    ("GW410", F, (adding(backend=backend),)),
    ("GW504", W, (condition("class", "SupportedVersion", "False"),)),
    ("MIG002", W, (adding(ingress=ingress),)),
)


@pytest.mark.parametrize(("rule", "verdict", "changes"), CLAIMS, ids=[case[0] for case in CLAIMS])
def test_a_claim_is_found_and_the_sound_world_has_none(
    rule: str, verdict: Verdict, changes: tuple[Change, ...]
) -> None:
    found = [one for one in diagnose(read_documents(changed(*changes).values())) if one.rule == rule]
    assert found
    assert verdict in {one.verdict for one in found}
    assert rule not in {one.rule for one in diagnose(read_documents(changed().values()))}


def test_a_certificate_that_cannot_be_looked_up_and_a_cluster_without_the_api() -> None:
    store = Store()
    for name in store.snapshot().kinds:
        store.set_state(name, KindState("live"))
    for part in ("classes", "gateways", "namespaces"):
        for obj in getattr(read_documents(changed().values()), part).values():
            store.put(part, obj)
    store.set_state("Secret", KindState("denied"))
    assert "GW310" in {one.rule for one in diagnose(store.snapshot())}
    bare = Store()
    for name in bare.snapshot().kinds:
        bare.set_state(name, KindState("absent"))
    assert {one.rule for one in diagnose(bare.snapshot())} == {"GW004"}


def test_no_rule_of_the_state_is_without_a_test() -> None:
    """Each id of GW and MIG is named in some test."""
    tests = Path(__file__).resolve().parents[1]
    text = "\n".join(path.read_text(encoding="utf-8") for path in tests.rglob("*.py"))
    named = set(re.findall(r"\b(?:GW|MIG)\d{3}\b", text))
    ids = {rule for rule in RULES if rule.startswith(("GW", "MIG"))}
    assert ids - named == set()
    assert all(RULES[rule].why and RULES[rule].mend for rule in ids)
