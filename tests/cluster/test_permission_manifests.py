"""The manifests of docs/permissions: well formed, as their page has them, and enough for a session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from chaos_kit import QUICK
from live_helpers import Practice, eventually
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.client.fetch import fetch_events, fetch_object
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.kinds import KINDS, PARTS
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.snapshot import Snapshot
from pointsman.sandbox.apiserver.access import Rule, User
from pointsman.sandbox.scenario import load_scenario
from pointsman.sandbox.scenario_expand import expand

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "docs" / "permissions"
FILES = sorted(FOLDER.glob("*.yaml"))
READING = {"get", "list", "watch"}
TOKEN = "a-reader-token-0123456789"
# no screen shows an object of these kinds whole
NEVER_WHOLE = {"Secret", "Namespace", "EndpointSlice", "IngressClass", "NetworkPolicy", "Pod"}


def documents(file: Path) -> list[Json]:
    return list(yaml.safe_load_all(file.read_text()))


def rules(file: Path) -> Iterable[tuple[str, Json]]:
    """Each rule with the namespace of its role; empty for the whole cluster."""
    for document in documents(file):
        for rule in document.get("rules", ()):
            yield document["metadata"].get("namespace", ""), rule


def rights(file: Path) -> list[tuple[str, str, str, str]]:
    return [
        (resource, group, verb, where)
        for where, rule in rules(file)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_manifest_binds_each_of_its_roles_to_the_name_to_put_in(file: Path) -> None:
    found = documents(file)
    roles = {(one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) for one in found
             if "rules" in one}  # fmt: skip
    bound = set()
    for one in found:
        assert one["apiVersion"] == "rbac.authorization.k8s.io/v1"
        if "roleRef" in one:
            assert one["kind"] == f"{one['roleRef']['kind']}Binding"
            assert [subject["name"] for subject in one["subjects"]] == ["NAME"]
            bound.add((one["roleRef"]["kind"], one["roleRef"]["name"], one["metadata"].get("namespace")))
    assert roles == bound
    assert roles
    assert file.read_text().count("NAME") >= len(roles)
    every = rights(file)
    assert len(every) == len(set(every)), "no right twice"
    assert "*" not in {word for right in every for word in right}, "nothing by a wildcard"


def test_only_the_cutovers_manifest_writes_and_none_gets_a_secret() -> None:
    for file in FILES:
        verbs = {verb for _, _, verb, _ in rights(file)}
        assert file.name == "cutover.yaml" or verbs <= READING
        assert ("secrets", "get") not in {(resource, verb) for resource, _, verb, _ in rights(file)}


def test_the_page_has_every_right_once() -> None:
    reading, cutover = (
        page_rows("| Resource | Group | Verbs |"),
        page_rows("| Resource | Group | Verb | Where |"),
    )
    told = sorted((row[0], row[1], verb) for row in reading for verb in row[2].split())
    given = [*rights(FOLDER / "read-only.yaml"), *rights(FOLDER / "controller-pods.yaml")]
    assert told == sorted(right[:3] for right in given)
    assert sorted(tuple(row[:4]) for row in cutover) == sorted(rights(FOLDER / "cutover.yaml"))


def page_rows(heading: str) -> list[list[str]]:
    lines = (FOLDER.parent / "permissions.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading)) + 2
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]
    return [["" if cell == "(core)" else cell for cell in row] for row in rows]


def test_one_namespace_has_what_the_cluster_has_of_it() -> None:
    cluster_wide = {spec.plural for spec in KINDS if not spec.namespaced}
    whole = {right[:3] for right in rights(FOLDER / "read-only.yaml") if right[0] not in cluster_wide}
    assert {right[:3] for right in rights(FOLDER / "namespace.yaml")} == whole


def test_every_kind_that_is_read_is_in_the_manifest() -> None:
    given = {
        (group, resource) for resource, group, verb, _ in rights(FOLDER / "read-only.yaml") if verb == "list"
    }
    assert {(spec.group, spec.plural) for spec in KINDS} <= given


async def test_a_session_asks_for_nothing_else(practice: Practice) -> None:
    values = {"old_address": "127.0.0.2", "new_address": "127.0.0.3", "ca_pem": ""}
    for document in expand(load_scenario("shop", values).documents):
        practice.storage.apply(document)
    granted = [
        Rule(
            tuple(rule["verbs"]),
            tuple(rule["resources"]),
            tuple(rule["apiGroups"]),
            (where,) if where else (),
        )
        for file in ("read-only.yaml", "controller-pods.yaml")
        for where, rule in rules(FOLDER / file)
    ]
    practice.server.policy.users[TOKEN] = User("jo", rules=tuple(granted))
    practice.server.write_kubeconfig(practice.kubeconfig, practice.ca_pem, TOKEN)
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    cluster = LiveCluster(connection, None, QUICK)
    cluster.start()
    try:
        snapshot = await asyncio.to_thread(load_once, connection)
        await eventually(lambda: all_live(cluster.snapshot()), told=lambda: cluster.snapshot().kinds)
        await asyncio.to_thread(look_closer, connection, snapshot)
    finally:
        await asyncio.to_thread(cluster.stop)
    asked = list(practice.server.requests)
    assert {one.method for one in asked} == {"GET"}
    assert not [one.path for one in asked if one.status == 403]
    assert not [one.path for one in asked if "/secrets/" in one.path]


def all_live(snapshot: Snapshot) -> bool:
    states = (*snapshot.kinds.values(), *snapshot.pod_states.values())
    return len(states) > 5 and {state.state for state in states} <= {"live", "absent"}


def look_closer(connection: Connection, snapshot: Snapshot) -> None:
    """One object of each kind that a screen shows whole, and its events."""
    firsts: dict[str, ObjectRef] = {}
    for part in PARTS:
        for ref in getattr(snapshot, part):
            firsts.setdefault(ref.kind, ref)
    assert len(firsts) > 10
    for kind, ref in firsts.items():
        if kind not in NEVER_WHOLE:
            fetch_object(connection, ref)
            fetch_events(connection, ref)
