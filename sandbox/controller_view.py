"""What the practice controller sees: one reading of the storage, and the Gateway API's small rules.

Written apart from Pointsman's own reading of the same rules, on purpose: where the two disagree, one of them
is wrong, and the tests say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .controller_conditions import Json

GATEWAY_GROUP = "gateway.networking.k8s.io"
ENVOY_GROUP = "gateway.envoyproxy.io"
PRACTICE = "practice.pointsman.dev"

ROUTE_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
ENVOY_POLICIES = ("BackendTrafficPolicy", "ClientTrafficPolicy", "SecurityPolicy")

GROUP_OF = {
    **dict.fromkeys(
        ("GatewayClass", "Gateway", "ListenerSet", "ReferenceGrant", "BackendTLSPolicy", *ROUTE_KINDS),
        GATEWAY_GROUP,
    ),
    **dict.fromkeys(ENVOY_POLICIES, ENVOY_GROUP),
    **dict.fromkeys(("Ingress", "IngressClass"), "networking.k8s.io"),
    **dict.fromkeys(("Service", "Secret", "Namespace", "ConfigMap"), ""),
    "EndpointSlice": "discovery.k8s.io",
    "Deployment": "apps",
    "CustomResourceDefinition": "apiextensions.k8s.io",
}

Key = tuple[str, str, str, str]
"""Group, kind, namespace, name."""


def group_of(obj: Mapping[str, Any]) -> str:
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def key_of(obj: Mapping[str, Any]) -> Key:
    meta = obj.get("metadata") or {}
    return (
        group_of(obj),
        str(obj.get("kind", "")),
        str(meta.get("namespace") or ""),
        str(meta.get("name", "")),
    )


def name_of(obj: Json) -> str:
    return str(obj["metadata"]["name"])


def namespace_of(obj: Json) -> str:
    return str(obj["metadata"].get("namespace") or "")


def generation_of(obj: Json) -> int:
    return int(obj["metadata"].get("generation") or 1)


def annotation(obj: Json, name: str) -> str | None:
    value = (obj["metadata"].get("annotations") or {}).get(f"{PRACTICE}/{name}")
    return None if value is None else str(value)


def age_order(obj: Json) -> tuple[str, str, str]:
    """Oldest first, then by namespace and name: how the Gateway API settles every draw."""
    return str(obj["metadata"].get("creationTimestamp") or "9999"), namespace_of(obj), name_of(obj)


def spec_of(obj: Mapping[str, Any]) -> Json:
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


_LISTS_OF_OBJECTS = frozenset(
    {"backendRefs", "certificateRefs", "filters", "listeners", "matches", "parentRefs", "rules", "targetRefs"}
)


def well_formed(value: Any, name: str = "") -> bool:
    """Whether what we read of an object has the shape that its schema asks for.

    A real API server refuses the rest; this one takes any shape, and the controller overlooks what is odd.
    """
    if name in _LISTS_OF_OBJECTS and value is not None:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return False
    elif name == "hostnames" and value is not None:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif name == "weight":
        return value is None or isinstance(value, int)
    if isinstance(value, dict):
        return all(well_formed(item, str(key)) for key, item in value.items())
    return not isinstance(value, list) or all(well_formed(item) for item in value)


class ClusterView:
    """All objects the controller cares for, by key; never changed after it was made."""

    def __init__(self, objects: Iterable[Json]) -> None:
        self._by_key: dict[Key, Json] = {key_of(obj): obj for obj in objects}
        self._by_kind: dict[tuple[str, str], list[Json]] = {}
        for (group, kind, _, _), obj in self._by_key.items():
            self._by_kind.setdefault((group, kind), []).append(obj)
        for found in self._by_kind.values():
            found.sort(key=age_order)

    def all(self, kind: str) -> list[Json]:
        """Every object of a kind that we know the group of, oldest first."""
        return self._by_kind.get((GROUP_OF[kind], kind), [])

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        return self._by_key.get((GROUP_OF[kind], kind, namespace, name))

    def labels_of_namespace(self, namespace: str) -> Mapping[str, str]:
        found = self.get("Namespace", "", namespace)
        labels = dict((found or {}).get("metadata", {}).get("labels") or {})
        labels.setdefault("kubernetes.io/metadata.name", namespace)
        return labels

    def granted(self, source: tuple[str, str, str], target: tuple[str, str, str, str]) -> bool:
        """May `source` (group, kind, namespace) refer to `target` (group, kind, namespace, name)?"""
        group, kind, namespace, name = target
        if source[2] == namespace:
            return True
        for grant in self.all("ReferenceGrant"):
            if namespace_of(grant) != namespace:
                continue
            spec = spec_of(grant)
            admits = any(
                (str(item.get("group") or ""), item.get("kind"), item.get("namespace")) == source
                for item in spec.get("from") or ()
            )
            reaches = any(
                (str(item.get("group") or ""), item.get("kind")) == (group, kind)
                and item.get("name") in (None, "", name)
                for item in spec.get("to") or ()
            )
            if admits and reaches:
                return True
        return False

    def ready_endpoints(self, namespace: str, service: str) -> int:
        """How many ready addresses the EndpointSlices of a Service hold; absent readiness counts as ready."""
        count = 0
        for piece in self.all("EndpointSlice"):
            labels = piece["metadata"].get("labels") or {}
            if namespace_of(piece) == namespace and labels.get("kubernetes.io/service-name") == service:
                for endpoint in piece.get("endpoints") or ():
                    if (endpoint.get("conditions") or {}).get("ready", True) is not False:
                        count += len(endpoint.get("addresses") or ())
        return count


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """A label selector as Kubernetes reads it; an absent one selects nothing, an empty one everything."""
    if selector is None:
        return False
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    for wish in selector.get("matchExpressions") or ():
        value, values, operator = labels.get(wish.get("key")), wish.get("values") or (), wish.get("operator")
        held = {
            "In": value is not None and value in values,
            "NotIn": value is None or value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }.get(str(operator), False)
        if not held:
            return False
    return True


def host_covers(pattern: str, host: str) -> bool:
    """`*.a.b` covers every name below a.b, at any depth, and never a.b itself; it covers `*.c.a.b` too."""
    if pattern in ("", "*", host):
        return True
    return pattern.startswith("*.") and host.removeprefix("*").endswith(pattern[1:])


def shared_hosts(listener: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """The names for which a route with these hostnames is served by a listener with this one; "*" is any."""
    names = [name.lower() for name in wanted]
    here = listener.lower() or "*"
    if not names:
        return (here,)
    shared: list[str] = []
    for name in names:
        if host_covers(here, name):
            shared.append(name)
        elif host_covers(name, here):
            shared.append(here)
    return tuple(dict.fromkeys(shared))
