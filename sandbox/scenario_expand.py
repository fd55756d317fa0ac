"""From a scenario's documents to the objects of a cluster: the plumbing that nobody wants to read in data.

`kind: App` (practice.pointsman.dev/v1) stands for a Deployment, its Pods, a Service and its EndpointSlice.
A TLS Secret that an Ingress names and no document holds is made, as cert-manager would. An annotation
`practice.pointsman.dev/age` (`41d`, `3h`) becomes the creationTimestamp.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .controller_view import PRACTICE
from .errors import SandboxError
from .scenario_manifests import Json

APP_VERSION = f"{PRACTICE}/v1"
ALT_NAMES = "cert-manager.io/alt-names"
_AGE = re.compile(r"(\d+)([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_NO_KEY = base64.b64encode(b"there is no key in a practice cluster\n").decode()


def expand(documents: Iterable[Json], now: datetime | None = None) -> list[Json]:
    """The objects themselves, each App unfolded, namespaces first, all with their ages."""
    moment = now or datetime.now(UTC)
    unfolded: list[Json] = []
    for document in documents:
        if document["kind"] == "App" and document["apiVersion"] == APP_VERSION:
            unfolded += _app(document)
        else:
            unfolded.append(document)
    unfolded += _ingress_secrets(unfolded)
    aged = [_with_age(document, moment) for document in unfolded]
    return sorted(aged, key=lambda document: document["kind"] != "Namespace")


def _with_age(document: Json, now: datetime) -> Json:
    metadata = dict(document["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    text = annotations.pop(f"{PRACTICE}/age", None)
    if text is not None:
        found = _AGE.fullmatch(str(text))
        if not found:
            raise SandboxError(
                f"{document['kind']} {metadata['name']}: age {text!r} is not such as 41d or 3h"
            )
        age = timedelta(**{_UNITS[found[2]]: int(found[1])})
        metadata["creationTimestamp"] = (now - age).strftime("%Y-%m-%dT%H:%M:%SZ")
        if annotations:
            metadata["annotations"] = annotations
        else:
            metadata.pop("annotations")
    return {**document, "metadata": metadata}


def _ingress_secrets(documents: list[Json]) -> list[Json]:
    known = {
        (item["metadata"].get("namespace"), item["metadata"]["name"])
        for item in documents
        if item["kind"] == "Secret"
    }
    made: dict[tuple[str, str], Json] = {}
    for item in documents:
        if item["kind"] != "Ingress":
            continue
        namespace = str(item["metadata"].get("namespace"))
        for tls in item.get("spec", {}).get("tls") or ():
            key = (namespace, str(tls.get("secretName")))
            if key not in known and key not in made:
                annotations = {
                    ALT_NAMES: ",".join(tls.get("hosts") or ()),
                    "cert-manager.io/issuer-name": "practice-ca",
                    **_age_of(item),
                }
                made[key] = {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"namespace": namespace, "name": key[1], "annotations": annotations},
                    "type": "kubernetes.io/tls",
                }
    return list(made.values())


def fill_secret(document: Json, chain_pem: bytes) -> Json:
    """A TLS Secret with its public chain; what should be the key is a sentence."""
    data = {"tls.crt": base64.b64encode(chain_pem).decode(), "tls.key": _NO_KEY}
    return {**document, "data": {**data, **(document.get("data") or {})}}


def _age_of(document: Json) -> dict[str, str]:
    age = (document["metadata"].get("annotations") or {}).get(f"{PRACTICE}/age")
    return {} if age is None else {f"{PRACTICE}/age": str(age)}


@dataclass(frozen=True, slots=True)
class _App:
    """What all the objects of an App have in common."""

    namespace: str
    name: str
    labels: Json
    annotations: Json
    replicas: int
    ready: int
    port: int
    pod_spec: Json

    def meta(self, name: str, labels: Json | None = None) -> Json:
        return {
            "namespace": self.namespace,
            "name": name,
            "labels": self.labels if labels is None else labels,
            "annotations": self.annotations,
        }

    def pod(self, number: int) -> tuple[str, str]:
        """Name and address of the Pod of that number."""
        return _pod_name(self.namespace, self.name, number), _pod_address(self.namespace, self.name, number)


def _app(document: Json) -> list[Json]:
    metadata, spec = document["metadata"], document.get("spec") or {}
    namespace, name = str(metadata["namespace"]), str(metadata["name"])
    replicas, port = int(spec.get("replicas", 2)), int(spec.get("port", 8080))
    container = {
        "name": name,
        "image": str(spec.get("image") or f"registry.shop.test/{namespace}/{name}:1.0.0"),
        "ports": spec.get("containerPorts") or [{"name": "http", "containerPort": port}],
    }
    app = _App(
        namespace=namespace,
        name=name,
        labels={"app.kubernetes.io/name": name, **(metadata.get("labels") or {})},
        annotations={**_age_of(document), **(spec.get("annotations") or {})},
        replicas=replicas,
        ready=int(spec.get("ready", replicas)),
        port=port,
        pod_spec={"containers": [container]},
    )
    service_spec = {
        "selector": app.labels,
        "ports": [{"name": "http", "port": port, "targetPort": port}],
        **(spec.get("service") or {}),
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": app.meta(name),
        "spec": service_spec,
        "status": spec.get("serviceStatus") or {"loadBalancer": {}},
    }
    return [_deployment(app), service, _endpoint_slice(app), *_pods(app)]


def _deployment(app: _App) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": app.meta(app.name),
        "spec": {
            "replicas": app.replicas,
            "selector": {"matchLabels": app.labels},
            "template": {"metadata": {"labels": app.labels}, "spec": app.pod_spec},
        },
        "status": {
            "observedGeneration": 1,
            "replicas": app.replicas,
            "updatedReplicas": app.replicas,
            "readyReplicas": app.ready,
            "availableReplicas": app.ready,
        },
    }


def _endpoint_slice(app: _App) -> Json:
    endpoints = []
    for number in range(app.replicas):
        pod, address = app.pod(number)
        ready = number < app.ready
        endpoints.append(
            {
                "addresses": [address],
                "conditions": {"ready": ready, "serving": ready, "terminating": False},
                "targetRef": {"kind": "Pod", "namespace": app.namespace, "name": pod},
            }
        )
    name = f"{app.name}-{_letters(app.namespace + app.name, 5)}"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": app.meta(name, {"kubernetes.io/service-name": app.name}),
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": app.port, "protocol": "TCP"}],
    }


def _pods(app: _App) -> list[Json]:
    pods = []
    for number in range(app.replicas):
        name, address = app.pod(number)
        pods.append(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": app.meta(name),
                "spec": {**app.pod_spec, "nodeName": "practice-node"},
                "status": _pod_status(app.pod_spec["containers"], address, number < app.ready),
            }
        )
    return pods


def _pod_status(containers: list[Json], address: str, ready: bool) -> Json:
    return {
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "ready": ready,
                "started": True,
                "restartCount": 0,
                "state": {"running": {}},
            }
            for container in containers
        ],
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", "status": str(ready)},
            {"type": "ContainersReady", "status": str(ready)},
        ],
    }


def _pod_name(namespace: str, name: str, number: int) -> str:
    template = _letters(f"{namespace}/{name}", 9)
    return f"{name}-{template}-{_letters(f'{namespace}/{name}/{number}', 5)}"


def _pod_address(namespace: str, name: str, number: int) -> str:
    return f"10.244.{zlib.crc32(f'{namespace}/{name}'.encode()) % 250}.{10 + number}"


def _letters(seed: str, count: int) -> str:
    """The same letters for the same seed: names of Pods that stay from one world to the next."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    number = int.from_bytes(zlib.crc32(seed.encode()).to_bytes(4, "big") * 3, "big")
    letters = ""
    for _ in range(count):
        number, rest = divmod(number, len(alphabet))
        letters += alphabet[rest]
    return letters
