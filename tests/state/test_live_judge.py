"""The picture that follows a cluster is the one that is worked out from nothing, after every change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.decode import decode_document
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.store import KindState, Snapshot, Store
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.live import LiveJudge
from pointsman.probes.state.overview import overview
from pointsman.probes.state.rows import Picture

GATEWAY_API = "gateway.networking.k8s.io/v1"
NAMES = ("a", "b")
NAMESPACES = ("shop", "infra")


def _condition(kind: str, status: str, reason: str = "Why", generation: int | None = None) -> dict[str, Any]:
    found = {"type": kind, "status": status, "reason": reason, "message": "words"}
    return {**found, "observedGeneration": generation} if generation is not None else found


names, namespaces = st.sampled_from(NAMES), st.sampled_from(NAMESPACES)
hosts = st.sampled_from(["a.test", "b.test", "*.test", "x.a.test"])
condition_lists = st.lists(
    st.builds(
        _condition,
        st.sampled_from(["Accepted", "Programmed", "ResolvedRefs", "Conflicted"]),
        st.sampled_from(["True", "False", "Unknown"]),
        st.sampled_from(["Accepted", "Pending", "Invalid", "ListenersNotValid"]),
        st.sampled_from([None, 1, 2]),
    ),
    max_size=3,
)


def _object(kind: str, api_version: str = GATEWAY_API, *, namespaced: bool = True) -> Any:
    metadata = {"name": names, "generation": st.sampled_from([1, 2])}
    if namespaced:
        metadata["namespace"] = namespaces
    return {
        "apiVersion": st.just(api_version),
        "kind": st.just(kind),
        "metadata": st.fixed_dictionaries(metadata),
    }


_from = st.fixed_dictionaries({"from": st.sampled_from(["All", "Same", "Selector"])})
listeners = st.lists(
    st.fixed_dictionaries(
        {
            "name": names,
            "port": st.sampled_from([80, 443]),
            "protocol": st.sampled_from(["HTTP", "HTTPS", "TLS", "TCP"]),
            "allowedRoutes": st.fixed_dictionaries({"namespaces": _from}),
        },
        optional={
            "hostname": hosts,
            "tls": st.fixed_dictionaries(
                {"certificateRefs": st.lists(st.fixed_dictionaries({"name": names}), max_size=1)}
            ),
        },
    ),
    max_size=2,
)
listener_statuses = st.lists(
    st.fixed_dictionaries(
        {"name": names, "attachedRoutes": st.integers(0, 3), "conditions": condition_lists}
    ),
    max_size=2,
)
parent_refs = st.fixed_dictionaries(
    {"name": names, "namespace": namespaces, "kind": st.sampled_from(["Gateway", "Gateway", "ListenerSet"])},
    optional={"sectionName": names},
)
backends = st.lists(
    st.fixed_dictionaries(
        {"name": names, "port": st.sampled_from([80, 81]), "weight": st.integers(0, 2)},
        optional={"namespace": namespaces},
    ),
    max_size=2,
)
route_parents = st.lists(
    st.fixed_dictionaries(
        {
            "parentRef": parent_refs,
            "controllerName": st.sampled_from(["example.net/a", "example.net/b"]),
            "conditions": condition_lists,
        }
    ),
    max_size=2,
)
documents = st.one_of(
    st.fixed_dictionaries(
        {
            **_object("GatewayClass", namespaced=False),
            "spec": st.fixed_dictionaries({"controllerName": st.sampled_from(["example.net/a", "other/b"])}),
            "status": st.fixed_dictionaries({"conditions": condition_lists}),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("Gateway"),
            "spec": st.fixed_dictionaries(
                {"gatewayClassName": names, "listeners": listeners},
                optional={"allowedListeners": st.fixed_dictionaries({"namespaces": _from})},
            ),
            "status": st.fixed_dictionaries({"conditions": condition_lists, "listeners": listener_statuses}),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("ListenerSet"),
            "spec": st.fixed_dictionaries({"parentRef": parent_refs, "listeners": listeners}),
            "status": st.fixed_dictionaries({"conditions": condition_lists, "listeners": listener_statuses}),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("HTTPRoute"),
            "spec": st.fixed_dictionaries(
                {
                    "parentRefs": st.lists(parent_refs, max_size=2),
                    "hostnames": st.lists(hosts, max_size=2),
                    "rules": st.lists(st.fixed_dictionaries({"backendRefs": backends}), max_size=2),
                }
            ),
            "status": st.fixed_dictionaries({"parents": route_parents}),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("ReferenceGrant"),
            "spec": st.fixed_dictionaries(
                {
                    "from": st.lists(
                        st.fixed_dictionaries(
                            {
                                "group": st.just("gateway.networking.k8s.io"),
                                "kind": st.sampled_from(["HTTPRoute", "Gateway"]),
                                "namespace": namespaces,
                            }
                        ),
                        max_size=1,
                    ),
                    "to": st.lists(
                        st.fixed_dictionaries({"group": st.just(""), "kind": st.just("Service")}), max_size=1
                    ),
                }
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("Service", "v1"),
            "spec": st.fixed_dictionaries({"ports": st.lists(st.fixed_dictionaries({"port": st.just(80)}))}),
        }
    ),
    st.fixed_dictionaries(
        {
            "apiVersion": st.just("discovery.k8s.io/v1"),
            "kind": st.just("EndpointSlice"),
            "metadata": st.fixed_dictionaries(
                {
                    "name": names,
                    "namespace": namespaces,
                    "labels": st.fixed_dictionaries({"kubernetes.io/service-name": names}),
                }
            ),
            "endpoints": st.lists(
                st.fixed_dictionaries(
                    {"conditions": st.fixed_dictionaries({"ready": st.sampled_from([True, False])})}
                ),
                max_size=1,
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("BackendTLSPolicy"),
            "spec": st.fixed_dictionaries(
                {
                    "targetRefs": st.lists(
                        st.fixed_dictionaries(
                            {
                                "group": st.just("gateway.networking.k8s.io"),
                                "kind": st.sampled_from(["Gateway", "HTTPRoute"]),
                                "name": names,
                            }
                        ),
                        max_size=2,
                    )
                }
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("Ingress", "networking.k8s.io/v1"),
            "spec": st.fixed_dictionaries(
                {"rules": st.lists(st.fixed_dictionaries({"host": hosts}), max_size=2)}
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            **_object("Namespace", "v1", namespaced=False),
        }
    ),
)
kind_states = st.tuples(
    st.sampled_from(["Service", "EndpointSlice", "Gateway", "HTTPRoute", "ReferenceGrant", "Secret"]),
    st.builds(KindState, st.sampled_from(["loading", "live", "stale", "denied", "absent", "failed"])),
)
steps = st.one_of(
    st.tuples(st.just("put"), documents),
    st.tuples(st.just("remove"), documents),
    st.tuples(st.just("state"), kind_states),
)


def _take(store: Store, step: tuple[str, Any]) -> None:
    name, what = step
    if name == "state":
        store.set_state(*what)
        return
    decoded = decode_document(what)
    assert decoded is not None
    part, obj = decoded
    if name == "put":
        store.put(part, obj)
    else:
        store.remove(part, obj.ref)


def from_nothing(snapshot: Snapshot) -> Picture:
    """What a command would say of this moment."""
    findings = diagnose(snapshot)
    by_object: dict[ObjectRef, tuple[Any, ...]] = {}
    for one in findings:
        if isinstance(one.subject, ObjectRef):
            by_object[one.subject.whole] = (*by_object.get(one.subject.whole, ()), one)
    return Picture(snapshot, findings, overview(snapshot, findings), by_object)


def _comparable(picture: Picture) -> tuple[Any, ...]:
    return (
        sorted(map(repr, picture.findings)),
        {ref: sorted(map(repr, found)) for ref, found in picture.by_object.items()},
        replace(picture.overview, counts=dict(picture.overview.counts)),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=12), st.booleans())
def test_what_follows_is_what_would_be_worked_out_anew(batches: list[list[Any]], told: bool) -> None:
    store, judge = Store(), LiveJudge()
    version = 0
    for batch in batches:
        for step in batch:
            _take(store, step)
        snapshot = store.snapshot()
        changed = store.changed_since(version) if told else None
        picture = judge.judge(snapshot, changed)
        assert _comparable(picture) == _comparable(from_nothing(snapshot))
        version = snapshot.version


def _world(routes: int) -> Store:
    store = Store()
    accepted = [_condition("Accepted", "True", "Accepted"), _condition("Programmed", "True", "Programmed")]
    _put(
        store,
        "GatewayClass",
        "edge",
        spec={"controllerName": "example.net/a"},
        status={"conditions": accepted},
    )
    _put(store, "Gateway", "main", "infra", spec=_gateway_spec(), status=_gateway_status(accepted, 0))
    for number in range(routes):
        _put(store, "HTTPRoute", f"app-{number}", "shop", spec=_route_spec(f"app-{number}.test"))
        _put(store, "Service", f"app-{number}", "shop", "v1", spec={"ports": [{"port": 80}]})
    for kind in ("GatewayClass", "Gateway", "HTTPRoute", "Service", "EndpointSlice", "ReferenceGrant"):
        store.set_state(kind, KindState("live"))
    return store


def _put(
    store: Store, kind: str, name: str, namespace: str = "", api_version: str = GATEWAY_API, **rest: Any
) -> None:
    metadata = {"name": name, "namespace": namespace}
    decoded = decode_document({"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest})
    assert decoded is not None
    store.put(*decoded)


def _gateway_spec() -> dict[str, Any]:
    everybody = {"namespaces": {"from": "All"}}
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": everybody}
    return {"gatewayClassName": "edge", "listeners": [listener]}


def _gateway_status(accepted: list[Any], attached: int) -> dict[str, Any]:
    return {
        "conditions": accepted,
        "addresses": [{"value": "192.0.2.1"}],
        "listeners": [{"name": "http", "attachedRoutes": attached, "conditions": accepted}],
    }


def _route_spec(host: str) -> dict[str, Any]:
    return {
        "parentRefs": [{"name": "main", "namespace": "infra"}],
        "hostnames": [host],
        "rules": [{"backendRefs": [{"name": host.removesuffix(".test"), "port": 80}]}],
    }


def test_a_change_is_judged_where_it_matters_and_nowhere_else() -> None:
    store, judge = _world(200), LiveJudge()
    first = judge.judge(store.snapshot())
    assert len(first.overview.routes) == 200
    assert first.overview.gateways[0].routes == 200

    def renewals(change: Any) -> int:
        before, version = judge.renewals, store.snapshot().version
        change()
        judge.judge(store.snapshot(), store.changed_since(version))
        return judge.renewals - before

    accepted = [_condition("Accepted", "True", "Accepted"), _condition("Programmed", "True", "Programmed")]
    # the counts of a Gateway's status change with every route, and concern none of them
    status = _gateway_status(accepted, 7)
    assert renewals(lambda: _put(store, "Gateway", "main", "infra", spec=_gateway_spec(), status=status)) < 25
    assert renewals(lambda: _put(store, "HTTPRoute", "app-7", "shop", spec=_route_spec("app-9.test"))) < 25
    # what does concern all of them reaches all of them
    broken = [_condition("Accepted", "False", "Invalid")]
    status = _gateway_status(broken, 7)
    assert (
        renewals(lambda: _put(store, "Gateway", "main", "infra", spec=_gateway_spec(), status=status)) > 200
    )


def test_after_a_judge_that_failed_the_next_picture_is_whole() -> None:
    store, judge = _world(3), LiveJudge()
    judge.judge(store.snapshot())

    class Unusable(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            raise RuntimeError("a judge fell over")

    _put(store, "HTTPRoute", "app-1", "shop", spec=_route_spec("app-2.test"))
    good = store.snapshot()
    with pytest.raises(RuntimeError, match="fell over"):
        judge.judge(replace(good, services=Unusable(good.services)))
    assert _comparable(judge.judge(good)) == _comparable(from_nothing(good))
