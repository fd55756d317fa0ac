"""The cases that real controllers are asked about: our manifests, made whole and given to a cluster.

A file of cases/ is one case and lives in a Namespace of its name. Written for the eye: what every object
would repeat (apiVersion, namespace) is put in here, and so is the Service `web` that most routes mean. A
Secret gets a certificate for the names of its annotation; without names, bytes that are no certificate.
"""

from __future__ import annotations

import base64
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pointsman.sandbox.pki import PracticeCa

Json = dict[str, Any]
CASES = Path(__file__).parent / "cases"
HOSTS = "live.pointsman.test/hosts"
CLASS = "live"
GATEWAY_API = "gateway.networking.k8s.io/v1"
_VERSIONS = {
    **dict.fromkeys(("Namespace", "Service", "Secret", "ConfigMap"), "v1"),
    "EndpointSlice": "discovery.k8s.io/v1",
    **dict.fromkeys(
        (
            "Backend",
            "BackendTrafficPolicy",
            "ClientTrafficPolicy",
            "EnvoyPatchPolicy",
            "HTTPRouteFilter",
            "SecurityPolicy",
        ),
        "gateway.envoyproxy.io/v1alpha1",
    ),
}
_CLUSTER_WIDE = frozenset({"Namespace", "GatewayClass"})


@dataclass(frozen=True)
class Ports:
    """The ports that the listeners name. A controller that opens them itself must be told the same."""

    http: int = 8080
    other: int = 8081
    https: int = 8443
    tls: int = 8444
    tcp: int = 9000
    udp: int = 9053


def the_class(controller: str) -> Json:
    """The GatewayClass of the cases."""
    return _whole(
        {"kind": "GatewayClass", "metadata": {"name": CLASS}, "spec": {"controllerName": controller}}, ""
    )


def case_files(controller_id: str) -> list[Path]:
    """Those for every controller, and those for this one."""
    return [*sorted(CASES.glob("*.yaml")), *sorted((CASES / controller_id).glob("*.yaml"))]


def case_documents(
    file: Path,
    controller: str,
    ports: Ports,
    authority: PracticeCa,
    endpoint: str = "192.0.2.10",
    backends: Mapping[str, int] | None = None,
) -> list[Json]:
    """One case as a cluster takes it, Namespaces first. ``endpoint`` is the address behind every Service;
    those of ``backends`` have a port of their own.
    """
    values = {
        **vars(ports),
        "class": CLASS,
        "controller": controller,
        "ca": '"' + authority.root_pem.decode().replace("\n", "\\n") + '"',
    }
    text = string.Template(file.read_text()).substitute(values)
    namespace = file.stem
    documents: list[Json] = [
        {"kind": "Namespace", "metadata": {"name": namespace}},
        {
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"ports": [_port("http", 80), _port("dns", 53, "UDP")]},
        },
        *(one for one in yaml.load_all(text, yaml.CSafeLoader) if one),
    ]
    whole = [_whole(one, namespace) for one in documents]
    for one in whole:
        if one["kind"] == "Secret":
            _fill(one, authority)
    slices = [
        _endpoints(one, endpoint, (backends or {}).get(one["metadata"]["name"]))
        for one in whole
        if _has_endpoints(one)
    ]
    return sorted([*whole, *slices], key=lambda one: one["kind"] not in _CLUSTER_WIDE)


def _port(name: str, number: int, protocol: str = "TCP") -> Json:
    return {"name": name, "port": number, "protocol": protocol}


def _whole(document: Json, namespace: str) -> Json:
    metadata = dict(document["metadata"])
    if document["kind"] not in _CLUSTER_WIDE:
        metadata.setdefault("namespace", namespace)
    rest = {name: value for name, value in document.items() if name not in ("kind", "metadata")}
    version = _VERSIONS.get(document["kind"], GATEWAY_API)
    return {"apiVersion": version, "kind": document["kind"], "metadata": metadata, **rest}


def _fill(secret: Json, authority: PracticeCa) -> None:
    names = secret["metadata"]["annotations"].pop(HOSTS).split()
    chain, key = b"no certificate\n", b"no key\n"
    if names:
        issued = authority.issue(names)
        chain, key = issued.chain_pem, issued.key_pem
    secret["data"] = {
        "tls.crt": base64.b64encode(chain).decode(),
        "tls.key": base64.b64encode(key).decode(),
    }


def _has_endpoints(document: Json) -> bool:
    spec = document.get("spec", {})
    return document["kind"] == "Service" and spec.get("type") != "ExternalName"


def _endpoints(service: Json, address: str, port: int | None) -> Json:
    """As the EndpointSlice controller would write it, were there one."""
    metadata = service["metadata"]
    return {
        "apiVersion": _VERSIONS["EndpointSlice"],
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{metadata['name']}-1",
            "namespace": metadata["namespace"],
            "labels": {"kubernetes.io/service-name": metadata["name"]},
        },
        "addressType": "IPv4",
        # a selector is of nobody: there are no pods here
        "endpoints": []
        if service["spec"].get("selector")
        else [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [
            {"name": one["name"], "port": port or one["port"], "protocol": one.get("protocol", "TCP")}
            for one in service["spec"]["ports"]
        ],
    }
