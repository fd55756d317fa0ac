"""A practice cluster of any size in a child process: N HTTPRoutes with what a real cluster has around them.

For every ten routes a Gateway, for every two a Service with its EndpointSlice, for every fifty a namespace.
One route in a hundred is broken, in one of four ways. Each object has the status that a controller writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

GATEWAY_API = "gateway.networking.k8s.io/v1"
_CONTROLLER = "example.net/gateway-controller"
_NAMESPACE_OF = 50
_GATEWAY_OF = 10
_SERVICE_OF = 2
_BROKEN_OF = 100


def documents(count: int) -> Iterator[Json]:
    """The objects; the same for the same ``count``."""
    accepted = _condition("Accepted", "True", "Accepted")
    yield {
        "apiVersion": GATEWAY_API,
        "kind": "GatewayClass",
        "metadata": {"name": "edge", "generation": 1},
        "spec": {"controllerName": _CONTROLLER},
        "status": {"conditions": [accepted]},
    }
    for number in range(max(1, count // _GATEWAY_OF)):
        yield _gateway(number, min(count, _GATEWAY_OF))
    for number in range(max(1, count // _NAMESPACE_OF)):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"team-{number:03d}"}}
    for number in range(count):
        yield from _one(number, count)


def _condition(kind: str, status: str, reason: str, message: str = "") -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        # ahead, so that an edit during a measurement does not make the status stale as well
        "observedGeneration": 1_000,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def _gateway(number: int, attached: int) -> Json:
    good = [_condition(kind, "True", kind) for kind in ("Accepted", "Programmed")]
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return {
        "apiVersion": GATEWAY_API,
        "kind": "Gateway",
        "metadata": {"name": f"edge-{number:03d}", "namespace": "infra", "generation": 1},
        "spec": {"gatewayClassName": "edge", "listeners": [listener]},
        "status": {
            "addresses": [{"type": "IPAddress", "value": f"198.18.{number // 250}.{number % 250 + 1}"}],
            "conditions": good,
            "listeners": [
                {
                    "name": "http",
                    "attachedRoutes": attached,
                    "supportedKinds": [{"kind": "HTTPRoute"}],
                    "conditions": [*good, _condition("ResolvedRefs", "True", "ResolvedRefs")],
                }
            ],
        },
    }


def _one(number: int, count: int) -> Iterator[Json]:
    # two neighbours in one namespace share a Service
    namespace = f"team-{number // _SERVICE_OF % max(1, count // _NAMESPACE_OF):03d}"
    name = f"app-{number:05d}"
    service = f"app-{number - number % _SERVICE_OF:05d}"
    fault = number // _BROKEN_OF % 4 if number % _BROKEN_OF == 0 else None
    parent = {"name": f"edge-{number % max(1, count // _GATEWAY_OF):03d}", "namespace": "infra"}
    resolved = _condition("ResolvedRefs", "True", "ResolvedRefs")
    if fault == 0:
        resolved = _condition("ResolvedRefs", "False", "BackendNotFound", f"service {service}-x not found")
    accepted = _condition("Accepted", "True", "Accepted")
    if fault == 1:
        accepted = _condition("Accepted", "False", "NoMatchingListenerHostname", "no listener matches")
    yield {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "generation": 1_001 if fault == 2 else 1,
            "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace},
            "managedFields": [_managed_fields(manager) for manager in ("helm", "gateway-controller")],
        },
        "spec": {
            "hostnames": [f"{name}.example.com", f"www.{name}.example.com"],
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **parent}],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                    "backendRefs": [
                        {
                            "group": "",
                            "kind": "Service",
                            "name": f"{service}-x" if fault == 0 else service,
                            "port": 80,
                            "weight": 1,
                        }
                    ],
                }
                for path in ("/", "/api")
            ],
        },
        "status": {
            "parents": [
                {"parentRef": parent, "controllerName": _CONTROLLER, "conditions": [accepted, resolved]}
            ]
        },
    }
    if number % _SERVICE_OF:
        return
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service, "namespace": namespace},
        "spec": {
            "type": "ClusterIP",
            "selector": {"app": name},
            "ports": [{"port": 80, "targetPort": 8080}],
        },
    }
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": fault != 3}}],
    }


def _managed_fields(manager: str) -> Json:
    paths = {f"f:{name}": {} for name in ("hostnames", "parentRefs", "rules", "labels", "annotations")}
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": GATEWAY_API,
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": paths, "f:spec": paths, "f:status": {"f:parents": {}}},
    }


def status_changes(count: int, again: str) -> Callable[[int], tuple[Json, Json]]:
    """What the n-th change changes: an object, and the merge patch of it (of its status, for a route).

    Four of five are HTTPRoutes whose status gets another message, every hundredth change another verdict too;
    the fifth is an EndpointSlice that gets another address. ``again`` is never the same twice, or nothing
    would change. No two of ``count`` changes in a row concern one object.
    """
    made = [one for one in documents(count) if one["kind"] in ("HTTPRoute", "EndpointSlice")]
    routes = [one for one in made if one["kind"] == "HTTPRoute"]
    slices = [one for one in made if one["kind"] == "EndpointSlice"]

    def change(number: int) -> tuple[Json, Json]:
        if number % 5 == 4:
            piece = slices[number * 7 % len(slices)]
            address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
            ready = piece["endpoints"][0]["conditions"]
            return piece, {"endpoints": [{"addresses": [address], "conditions": ready}]}
        route = routes[number * 13 % len(routes)]
        condition = route["status"]["parents"][0]["conditions"][0]
        condition["message"] = f"seen {number} times {again}"
        if number % 100 == 0:
            condition["status"] = "False" if condition["status"] == "True" else "True"
        return route, {"status": route["status"]}

    return change


class Cluster:
    """A running cluster; ``kubeconfig`` is its file, ``server`` says what it is, ``pids`` are its processes.

    ``pid`` is the process that runs it, and is one of them where the server is the practice one.
    """

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.pid = child.pid
        ready = self._answer()
        self.kubeconfig = str(ready["kubeconfig"])
        self.server = str(ready.get("server", "the practice API server"))
        self.pids: list[int] = ready.get("pids", [child.pid])
        self.rate = 0.0

    def start_churn(self, rate: float, seconds: float) -> None:
        """Change ``rate`` objects a second for so many ``seconds``; returns when it has begun."""
        self._tell(f"churn {rate} {seconds}")
        assert self._answer()["began"]

    def end_churn(self) -> int:
        """Wait for its end; how many objects were changed. ``rate`` is then how many a second that was."""
        answer = self._answer()
        self.rate = float(answer.get("rate", 0.0))
        return int(answer["changed"])

    def set_hostname(self, namespace: str, name: str, hostname: str) -> None:
        """Give a route another hostname; returns when the server has said yes."""
        self._tell(f"hostname {namespace} {name} {hostname}")
        self._answer()

    def _tell(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n")
        self._child.stdin.flush()

    def _answer(self) -> Json:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("the practice cluster has ended")
        answer: Json = json.loads(line)
        return answer


@contextmanager
def many_routes(count: int) -> Iterator[Cluster]:
    """A running cluster with ``count`` HTTPRoutes; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "world.json"
        # written in a child: the memory of a parent counts in the peak of its children
        subprocess.run([sys.executable, __file__, str(count), str(file)], check=True)
        with _served("practice_cluster.py", str(file), ends_within_s=30) as cluster:
            yield cluster


@contextmanager
def many_real_routes(count: int) -> Iterator[Cluster]:
    """The same on a real kube-apiserver (see real_cluster.py, whose ``why_not`` says where there is none)."""
    with _served("real_cluster.py", str(count), ends_within_s=60) as cluster:
        yield cluster


@contextmanager
def _served(script: str, argument: str, ends_within_s: float) -> Iterator[Cluster]:
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(script)), argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Cluster(child)
    finally:
        child.communicate(timeout=ends_within_s)


def change_hostname(kubeconfig: str, namespace: str, name: str, hostname: str) -> None:
    """Give one route another hostname, by a merge patch in a process of its own."""
    patch = f"""
from pointsman.cluster.client.connect import connect
connection = connect({kubeconfig!r})
path = "/apis/{GATEWAY_API}/namespaces/{namespace}/httproutes/{name}"
body = b'{{"spec": {{"hostnames": ["{hostname}"]}}}}'
connection.request("PATCH", path, body=body, content_type="application/merge-patch+json")
connection.close()
"""
    subprocess.run([sys.executable, "-c", patch], check=True)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps({"kind": "List", "items": list(documents(int(sys.argv[1])))}))
