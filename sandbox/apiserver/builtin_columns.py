"""The columns of Kubernetes' own kinds, as `kubectl get` prints them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .printing import Cell, Json, PrintedColumn, age_of

NONE = "<none>"


def _at(document: Any, *path: str) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _text(*path: str, missing: str = "") -> Callable[[Json], Cell]:
    return lambda document: str(_at(document, *path) or missing)


def _items(document: Json, *path: str) -> list[Json]:
    return [item for item in _list(document, *path) if isinstance(item, dict)]


def _list(document: Any, *path: str) -> list[Any]:
    """What stands there if it is a list; objects are not checked against a schema when they are stored."""
    value = _at(document, *path)
    return value if isinstance(value, list) else []


def _service_ports(document: Json) -> str:
    return ",".join(
        f"{port.get('port')}:{port['nodePort']}/{port.get('protocol', 'TCP')}"
        if port.get("nodePort")
        else f"{port.get('port')}/{port.get('protocol', 'TCP')}"
        for port in _items(document, "spec", "ports")
    )


def _addresses(document: Json) -> str:
    ingress = _items(document, "status", "loadBalancer", "ingress")
    return ",".join(str(item.get("ip") or item.get("hostname") or "") for item in ingress)


def _external_address(document: Json) -> str:
    kind = _at(document, "spec", "type")
    if kind == "ExternalName":
        return str(_at(document, "spec", "externalName") or "")
    listed = ",".join(map(str, _list(document, "spec", "externalIPs")))
    if kind == "LoadBalancer":
        return _addresses(document) or listed or "<pending>"
    return listed or NONE


def _ingress_hosts(document: Json) -> str:
    hosts = [str(rule["host"]) for rule in _items(document, "spec", "rules") if rule.get("host")]
    if not hosts:
        return "*"
    return ",".join(hosts[:3]) + (f" + {len(hosts) - 3} more..." if len(hosts) > 3 else "")


def _selector(labels: Any) -> str:
    if not isinstance(labels, dict):
        return NONE
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or NONE


def _endpoints(document: Json) -> str:
    addresses = [
        str(address) for item in _items(document, "endpoints") for address in _list(item, "addresses")
    ]
    if not addresses:
        return "<unset>"
    return ",".join(addresses[:3]) + (f" + {len(addresses) - 3} more..." if len(addresses) > 3 else "")


def _pod_ready(document: Json) -> str:
    ready = sum(1 for item in _items(document, "status", "containerStatuses") if item.get("ready"))
    return f"{ready}/{len(_items(document, 'spec', 'containers'))}"


def _pod_restarts(document: Json) -> str:
    return str(
        sum(_number(item.get("restartCount")) for item in _items(document, "status", "containerStatuses"))
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _deployment_ready(document: Json) -> str:
    wanted = _at(document, "spec", "replicas")
    return f"{_at(document, 'status', 'readyReplicas') or 0}/{1 if wanted is None else wanted}"


def _containers(field: str) -> Callable[[Json], Cell]:
    return lambda document: ",".join(
        str(item.get(field) or "") for item in _items(document, "spec", "template", "spec", "containers")
    )


def _class_name(document: Json) -> str:
    name = str(_at(document, "metadata", "name") or "")
    wanted = _at(document, "metadata", "annotations", "ingressclass.kubernetes.io/is-default-class")
    return f"{name} (default)" if wanted == "true" else name


def _event_object(document: Json) -> str:
    kind, name = _at(document, "involvedObject", "kind"), _at(document, "involvedObject", "name")
    return f"{str(kind or '').lower()}/{name or ''}"


def _event_seen(document: Json) -> str:
    moment = document.get("lastTimestamp") or document.get("eventTime") or document.get("firstTimestamp")
    return age_of(moment)


def _count(*path: str) -> Callable[[Json], Cell]:
    def cell(document: Json) -> Cell:
        value = _at(document, *path)
        return len(value) if isinstance(value, (dict, list)) else 0

    return cell


def _node_status(document: Json) -> str:
    for item in _items(document, "status", "conditions"):
        if item.get("type") == "Ready":
            return "Ready" if item.get("status") == "True" else "NotReady"
    return "Unknown"


_AGE = PrintedColumn("Age", lambda document: age_of(_at(document, "metadata", "creationTimestamp")))

# without the name, which is the first column of every kind but Event
BUILTIN_COLUMNS: dict[tuple[str, str], list[PrintedColumn]] = {
    ("", "Namespace"): [PrintedColumn("Status", _text("status", "phase")), _AGE],
    ("", "Node"): [
        PrintedColumn("Status", _node_status),
        PrintedColumn("Roles", lambda document: NONE),
        _AGE,
        PrintedColumn("Version", _text("status", "nodeInfo", "kubeletVersion")),
    ],
    ("", "Pod"): [
        PrintedColumn("Ready", _pod_ready),
        PrintedColumn("Status", _text("status", "phase", missing="Unknown")),
        PrintedColumn("Restarts", _pod_restarts),
        _AGE,
        PrintedColumn("IP", _text("status", "podIP", missing=NONE), priority=1),
        PrintedColumn("Node", _text("spec", "nodeName", missing=NONE), priority=1),
        PrintedColumn("Nominated Node", _text("status", "nominatedNodeName", missing=NONE), priority=1),
        PrintedColumn("Readiness Gates", lambda document: NONE, priority=1),
    ],
    ("", "Service"): [
        PrintedColumn("Type", _text("spec", "type")),
        PrintedColumn("Cluster-IP", _text("spec", "clusterIP", missing=NONE)),
        PrintedColumn("External-IP", _external_address),
        PrintedColumn("Port(s)", lambda document: _service_ports(document) or NONE),
        _AGE,
        PrintedColumn("Selector", lambda document: _selector(_at(document, "spec", "selector")), priority=1),
    ],
    ("", "Secret"): [
        PrintedColumn("Type", _text("type")),
        PrintedColumn("Data", _count("data")),
        _AGE,
    ],
    ("", "ConfigMap"): [PrintedColumn("Data", _count("data")), _AGE],
    ("", "ServiceAccount"): [PrintedColumn("Secrets", _count("secrets")), _AGE],
    ("", "Event"): [
        PrintedColumn("Last Seen", _event_seen),
        PrintedColumn("Type", _text("type")),
        PrintedColumn("Reason", _text("reason")),
        PrintedColumn("Object", _event_object),
        PrintedColumn("Message", _text("message")),
        PrintedColumn("Name", _text("metadata", "name"), priority=1),
    ],
    ("apps", "Deployment"): [
        PrintedColumn("Ready", _deployment_ready),
        PrintedColumn("Up-to-date", lambda d: _number(_at(d, "status", "updatedReplicas"))),
        PrintedColumn("Available", lambda d: _number(_at(d, "status", "availableReplicas"))),
        _AGE,
        PrintedColumn("Containers", _containers("name"), priority=1),
        PrintedColumn("Images", _containers("image"), priority=1),
        PrintedColumn("Selector", lambda d: _selector(_at(d, "spec", "selector", "matchLabels")), priority=1),
    ],
    ("networking.k8s.io", "Ingress"): [
        PrintedColumn("Class", _text("spec", "ingressClassName", missing=NONE)),
        PrintedColumn("Hosts", _ingress_hosts),
        PrintedColumn("Address", _addresses),
        PrintedColumn("Ports", lambda d: "80, 443" if _at(d, "spec", "tls") else "80"),
        _AGE,
    ],
    ("networking.k8s.io", "IngressClass"): [
        PrintedColumn("Name", _class_name),
        PrintedColumn("Controller", _text("spec", "controller")),
        PrintedColumn("Parameters", _text("spec", "parameters", "name", missing=NONE)),
        _AGE,
    ],
    ("networking.k8s.io", "NetworkPolicy"): [
        PrintedColumn("Pod-Selector", lambda d: _selector(_at(d, "spec", "podSelector", "matchLabels"))),
        _AGE,
    ],
    ("discovery.k8s.io", "EndpointSlice"): [
        PrintedColumn("AddressType", _text("addressType")),
        PrintedColumn(
            "Ports",
            lambda d: ",".join(str(port.get("port")) for port in _items(d, "ports")) or "<unset>",
        ),
        PrintedColumn("Endpoints", _endpoints),
        _AGE,
    ],
    ("coordination.k8s.io", "Lease"): [PrintedColumn("Holder", _text("spec", "holderIdentity")), _AGE],
    ("apiextensions.k8s.io", "CustomResourceDefinition"): [
        PrintedColumn("Created At", _text("metadata", "creationTimestamp"))
    ],
}
