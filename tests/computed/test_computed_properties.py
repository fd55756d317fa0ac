"""What must hold of the computed conditions and of the rules under them, whatever the specs are."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.objects import (
    AllowedRoutes,
    FromNamespaces,
    GrantFrom,
    GrantTo,
    GroupKind,
    Listener,
    ListenerTls,
    Meta,
    ReferenceGrant,
    ReferenceGrantSpec,
)
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.computed import Computed, Doubt, settle, status_in
from pointsman.cluster.rules.computed_listeners import attached_routes, compute_listener
from pointsman.cluster.rules.computed_routes import compute_route
from pointsman.cluster.rules.references import Endpoints, backend_faults
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.rules.semantics import (
    carried_kinds,
    grant_allows,
    hostnames_intersect,
    listeners_conflict,
    listeners_overlap,
    policy_order,
    supported_kinds,
    tls_modes_mixed,
    unsupported_kinds,
)
from pointsman.cluster.rules.topology import Topology
from pointsman.cluster.store import read_documents

GROUP = "gateway.networking.k8s.io"
NAME = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=3).map(".".join)
HOST = st.none() | NAME | NAME.map(lambda name: f"*.{name}")
PROTOCOL = st.sampled_from(["HTTP", "HTTPS", "TLS", "TCP", "UDP", "INVALID", "example.com/own"])
KIND = st.sampled_from(["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "Nonsense"])
FROM = st.sampled_from([None, "Same", "All", "None"])
TLS = st.none() | st.sampled_from(["Terminate", "Passthrough"]).map(lambda mode: ListenerTls(mode=mode))


@st.composite
def listeners(draw: st.DrawFn) -> Listener:
    kinds = draw(st.lists(KIND, max_size=3, unique=True))
    return Listener(
        name=draw(st.sampled_from(["a", "b", "c"])),
        hostname=draw(HOST),
        port=draw(st.sampled_from([80, 443])),
        protocol=draw(PROTOCOL),
        tls=draw(TLS),
        allowed_routes=AllowedRoutes(
            namespaces=FromNamespaces(from_=draw(FROM)), kinds=tuple(GroupKind(kind=one) for one in kinds)
        ),
    )


# --- the rules -----------------------------------------------------------------------------------


@given(NAME)
def test_a_wildcard_never_matches_the_apex(name: str) -> None:
    assert not hostnames_intersect(f"*.{name}", name)
    assert hostnames_intersect(f"*.{name}", f"x.{name}")


@given(listeners(), listeners())
def test_conflicts_overlaps_and_mixed_modes_are_symmetric(one: Listener, other: Listener) -> None:
    assert listeners_conflict(one, other) == listeners_conflict(other, one)
    assert listeners_overlap(one, other) == listeners_overlap(other, one)
    assert tls_modes_mixed(one, other) == tls_modes_mixed(other, one)


@given(listeners(), listeners())
def test_listeners_on_other_ports_never_meet(one: Listener, other: Listener) -> None:
    if one.port != other.port:
        assert not listeners_conflict(one, other)
        assert not listeners_overlap(one, other)


@given(listeners())
def test_supported_kinds_are_the_wanted_ones_that_are_carried(listener: Listener) -> None:
    supported, carried = supported_kinds(listener), carried_kinds(listener)
    if supported is None or carried is None:
        assert supported is None
        assert carried is None
        return
    assert {one.kind for one in supported} <= carried
    wanted = set(listener.allowed_routes.kinds)
    if wanted:
        assert set(supported) | set(unsupported_kinds(listener)) == wanted
    else:
        assert {one.kind for one in supported} == carried


POLICY = st.tuples(st.none() | st.sampled_from(["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]), NAME, NAME)


@given(st.lists(POLICY, min_size=1, max_size=4, unique=True))
def test_precedence_is_a_total_order(policies: list[tuple[str | None, str, str]]) -> None:
    first = {min(order, key=lambda one: policy_order(*one)) for order in permutations(policies)}
    assert len(first) == 1
    assert len({policy_order(*one) for one in policies}) == len(policies)


GRANT = st.builds(
    lambda namespace, kind, source, name: ReferenceGrant(
        metadata=Meta(name="g", namespace=namespace),
        spec=ReferenceGrantSpec(
            from_=(GrantFrom(group=GROUP, kind=kind, namespace=source),),
            to=(GrantTo(group="", kind="Service", name=name),),
        ),
    ),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["HTTPRoute", "TCPRoute"]),
    st.sampled_from(["one", "two"]),
    st.sampled_from([None, "web"]),
)


@given(st.lists(GRANT, max_size=3), GRANT)
def test_one_more_grant_never_takes_a_permission(grants: list[ReferenceGrant], more: ReferenceGrant) -> None:
    for source, target in (("one", "two"), ("two", "one")):
        ask = (GROUP, "HTTPRoute", source, "", "Service", target, "web")
        assert grant_allows([*grants, more], *ask) >= grant_allows(grants, *ask)


DOUBT = st.builds(Doubt, st.sampled_from(["A", "B"]), st.just("x"), st.booleans(), st.booleans())
_RANK = {"False": 0, "Unknown": 1, "True": 2}


@given(st.lists(DOUBT, max_size=4), DOUBT)
def test_one_more_doubt_never_makes_it_better(doubts: list[Doubt], more: Doubt) -> None:
    before, after = settle("Accepted", doubts), settle("Accepted", [*doubts, more])
    assert _RANK[after.status] <= _RANK[before.status]
    assert (after.status == "False") == any(one.certain for one in (*doubts, more))


# --- whole worlds --------------------------------------------------------------------------------


def listener_document(listener: Listener) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": listener.name,
        "port": listener.port,
        "protocol": listener.protocol,
        "allowedRoutes": {
            "kinds": [{"kind": one.kind} for one in listener.allowed_routes.kinds],
            "namespaces": {"from": listener.allowed_routes.namespaces.from_},
        },
    }
    if listener.hostname:
        document["hostname"] = listener.hostname
    if listener.tls:
        document["tls"] = {"mode": listener.tls.mode}
    return document


def unique(found: list[Listener]) -> list[Listener]:
    return list({one.name: one for one in found}.values())


def gateway(found: list[Listener]) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Gateway",
        "metadata": {"name": "g", "namespace": "one"},
        "spec": {
            "gatewayClassName": "c",
            "allowedListeners": {"namespaces": {"from": "All"}},
            "listeners": [listener_document(one) for one in unique(found)],
        },
    }


def listener_set(name: str, created: str, found: list[Listener]) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ListenerSet",
        "metadata": {"name": name, "namespace": "one", "creationTimestamp": created},
        "spec": {"parentRef": {"name": "g"}, "listeners": [listener_document(one) for one in unique(found)]},
    }


def route(kind: str, namespace: str, hostnames: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": "r", "namespace": namespace},
        "spec": {"parentRefs": [{"name": "g", "namespace": "one"}], "hostnames": hostnames},
    }


def of(documents: list[dict[str, Any]]) -> dict[ObjectRef, tuple[Computed, ...]]:
    topology = Topology(Scene(read_documents(documents)))
    return {
        bound.ref: compute_listener(topology, bound).conditions
        for ref in topology.snapshot.gateways
        for bound in topology.listeners(ref)
    }


OLD, YOUNG = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
SOME = st.lists(listeners(), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(SOME, SOME, SOME)
def test_a_listener_set_changes_nothing_of_what_comes_before_it(
    own: list[Listener], older: list[Listener], younger: list[Listener]
) -> None:
    alone = of([gateway(own)])
    with_older = of([gateway(own), listener_set("z", OLD, older)])
    with_both = of([listener_set("a", YOUNG, younger), listener_set("z", OLD, older), gateway(own)])
    for ref, conditions in alone.items():
        assert with_both[ref] == conditions
    for ref, conditions in with_older.items():
        assert with_both[ref] == conditions


@settings(max_examples=40, deadline=None)
@given(listeners(), KIND.filter(lambda kind: kind != "Nonsense"), st.sampled_from(["one", "two"]), HOST)
def test_a_wider_door_never_shuts_a_route_out(
    listener: Listener, kind: str, namespace: str, host: str | None
) -> None:
    """Same lets in no more than All, naming kinds no more than naming none, and the count goes with it."""
    hostnames = [host] if host else []
    narrow = Scene(read_documents([gateway([listener]), route(kind, namespace, hostnames)]))
    open_door = Listener(
        name=listener.name,
        hostname=listener.hostname,
        port=listener.port,
        protocol=listener.protocol,
        tls=listener.tls,
        allowed_routes=AllowedRoutes(namespaces=FromNamespaces(from_="All")),
    )
    wide = Scene(read_documents([gateway([open_door]), route(kind, namespace, hostnames)]))
    before, after = accepted(narrow), accepted(wide)
    assert (before == "True") <= (after == "True")
    few, many = counted(narrow), counted(wide)
    if few is None or many is None:
        # a protocol of the controller's own: the API does not say what it carries
        assert (few, many) == (None, None)
        assert "True" not in (before, after)
        return
    assert few <= many
    assert few == (before == "True")


def accepted(scene: Scene) -> str | None:
    topology = Topology(scene)
    (one,) = scene.snapshot.routes.values()
    faults = backend_faults(topology, Endpoints(scene), one)
    (state,) = compute_route(topology, one, faults)
    through = {computed.status for _, computed in state.per_listener}
    whole = status_in(state.conditions, "Accepted")
    assert (whole == "True") == ("True" in through)
    return whole


def counted(scene: Scene) -> int | None:
    topology = Topology(scene)
    (bound,) = topology.listeners(ObjectRef("Gateway", "one", "g", group=GROUP))
    return attached_routes(topology, bound)
