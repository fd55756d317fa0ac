"""Look-ups by something else than a ref, and that a proposed patch of a grant always mends."""

from __future__ import annotations

import json
import shlex
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.objects import GrantFrom, GrantTo, Meta, ReferenceGrant, ReferenceGrantSpec
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.rules.semantics import grant_allows
from pointsman.cluster.store import KindState, Store, read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.grants import Wanted, near_miss
from pointsman.probes.state.world import World
from pointsman.probes.verdict import Verdict
from rule_worlds import (
    ALB,
    CILIUM,
    GROUP,
    adding,
    changed,
    crds,
    let_sets_in,
    listener_set,
    of,
    service,
    setting,
    workload,
)

MAIN = ObjectRef("Gateway", "infra", "main", group=GROUP)
GROUPS, KINDS, NAMES = st.sampled_from(["", GROUP]), st.sampled_from(["A", "B"]), st.sampled_from(["x", "y"])
from_entries = st.builds(GrantFrom, group=GROUPS, kind=KINDS, namespace=NAMES)
to_entries = st.builds(GrantTo, group=GROUPS, kind=KINDS, name=st.none() | NAMES)


def granting(namespace: str, name: str, spec: ReferenceGrantSpec) -> ReferenceGrant:
    return ReferenceGrant(
        api_version=f"{GROUP}/v1",
        kind="ReferenceGrant",
        metadata=Meta(name=name, namespace=namespace),
        spec=spec,
    )


grants = st.lists(
    st.builds(
        granting,
        st.sampled_from(["x", "z"]),
        st.sampled_from(["g", "h"]),
        st.builds(
            ReferenceGrantSpec,
            from_=st.lists(from_entries, max_size=2).map(tuple),
            to=st.lists(to_entries, max_size=2).map(tuple),
        ),
    ),
    max_size=3,
    unique_by=lambda one: one.ref,
)


def allowed(some: list[ReferenceGrant], wanted: Wanted) -> bool:
    target = wanted.target
    return grant_allows(
        some,
        wanted.group,
        wanted.kind,
        wanted.namespace,
        target.group,
        target.kind,
        target.namespace,
        target.name,
    )


def patched(grant: ReferenceGrant, change: dict[str, Any]) -> ReferenceGrant:
    side, value = change["path"].split("/")[2], change["value"]
    from_, to = grant.spec.from_, grant.spec.to
    if side == "from":
        from_ = (*from_, GrantFrom(**value))
    else:
        to = (*to, GrantTo(**value))
    return granting(grant.meta.namespace, grant.meta.name, ReferenceGrantSpec(from_=from_, to=to))


@settings(deadline=None)
@given(grants, GROUPS, KINDS, GROUPS, KINDS, NAMES)
def test_the_patch_of_the_nearest_grant_always_mends_the_reference(
    some: list[ReferenceGrant], group: str, kind: str, to_group: str, to_kind: str, name: str
) -> None:
    wanted = Wanted(group, kind, "x", ObjectRef(to_kind, "z", name, group=to_group))
    if allowed(some, wanted):
        return
    store = Store()
    for grant in some:
        store.put("grants", grant)
    miss = near_miss(World(Scene(store.snapshot())), wanted)
    if miss is None or not miss.command:
        return
    words = shlex.split(miss.command)
    (change,) = json.loads(words[-1])
    mended = [
        patched(one, change) if words[2].endswith(f"/{one.meta.name}") and one.meta.namespace == "z" else one
        for one in some
    ]
    assert allowed(mended, wanted)


def test_the_services_in_front_of_a_gateway() -> None:
    labelled = service("a", "infra")
    labelled["metadata"]["labels"] = {f"{GROUP}/gateway-name": "main"}
    owned = service("b", "proxies")
    owned["metadata"]["labels"] = {
        "gateway.envoyproxy.io/owning-gateway-name": "main",
        "gateway.envoyproxy.io/owning-gateway-namespace": "infra",
    }
    balancing = service("c", "elsewhere", type="LoadBalancer")
    balancing["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
    other = service("d", "elsewhere", type="LoadBalancer")

    def fronts(**services: Any) -> list[str]:
        snapshot = read_documents(changed(adding(**services)).values())
        index = World(Scene(snapshot)).index
        return [one.meta.name for one in index.services_of(snapshot.gateways[MAIN])]

    assert fronts(a=labelled, c=balancing) == ["a"], "a label says it better than an address"
    assert fronts(b=owned) == ["b"]
    assert fronts(c=balancing, d=other) == ["c"]
    assert fronts(d=other) == []


def test_layers_meet_through_a_listener_set_too() -> None:
    tcp = {**changed()["route"], "kind": "TCPRoute", "metadata": {"name": "db", "namespace": "infra"}}
    tcp["spec"] = {"parentRefs": [{"kind": "ListenerSet", "name": "more"}]}
    objects = changed(of(ALB), let_sets_in, adding(more=listener_set(), db=tcp))
    index = World(Scene(read_documents(objects.values()))).index
    assert index.route_kinds_at(MAIN, ("HTTPRoute", "TCPRoute", "UDPRoute")) == ("HTTPRoute", "TCPRoute")
    assert "GW233" in {one.rule for one in diagnose(read_documents(objects.values()))}


def live(*changes: Any) -> Store:
    """The same objects as a cluster's, of which every kind is read."""
    store = Store()
    for name in store.snapshot().kinds:
        store.set_state(name, KindState("live"))
    snapshot = read_documents(changed(*changes).values())
    for part in ("classes", "gateways", "routes", "services", "namespaces", "crds", "workloads"):
        for obj in getattr(snapshot, part).values():
            store.put(part, obj)
    return store


def test_a_crd_that_a_live_cluster_lacks_stops_the_controller() -> None:
    operator = adding(pods=workload("quay.io/cilium/operator-generic:v1.20.1"))
    findings = diagnose(live(of(CILIUM), crds("v1.6.1"), operator).snapshot())
    lacking = [one for one in findings if one.rule == "GW505" and "is not installed" in one.summary]
    assert {one.verdict for one in lacking} == {Verdict.FAIL}
    assert len(lacking) == 2, "TLSRoute and BackendTLSPolicy"


def test_what_may_not_be_read_gives_no_finding_of_what_would_be_missing() -> None:
    store = live(of(CILIUM), setting("gateway.spec.listeners.0.allowedRoutes", {}))
    for kind in ("CustomResourceDefinition", "Namespace", "Service", "EndpointSlice", "Deployment"):
        store.set_state(kind, KindState("denied"))
    for part in ("namespaces", "services"):
        for ref in getattr(store.snapshot(), part):
            store.remove(part, ref)
    store.put("grants", granting("shop", "g", ReferenceGrantSpec(from_=(GrantFrom(GROUP, "A", "x"),))))
    rules = {one.rule for one in diagnose(store.snapshot())}
    assert not rules & {"GW141", "GW142", "GW143", "GW230", "GW505", "GW506", "GW507", "GW509"}
