"""How the steps of the transcripts are written: commands, requests, and small objects."""

from __future__ import annotations

import shlex
from typing import Any

from transcripts_kit import Ask, Kubectl

Json = dict[str, Any]
GATEWAY = "gateway.networking.k8s.io"
V1 = f"{GATEWAY}/v1"
ROUTES = f"/apis/{V1}/namespaces/shop/httproutes"
META = "g=meta.k8s.io;v=v1"
TABLE = f"application/json;as=Table;{META}"
PARTIAL = f"application/json;as=PartialObjectMetadata;{META}"
PARTIAL_LIST = f"application/json;as=PartialObjectMetadataList;{META}"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def k(line: str, stdin: Any = "", user: str = "admin") -> Kubectl:
    return Kubectl(tuple(shlex.split(line)), stdin, user)


def reader(line: str) -> Kubectl:
    return k(line, user="user-0")


def get(path: str, accept: str = "application/json", **query: str) -> Ask:
    return Ask("GET", path, accept=accept, query=tuple(query.items()))


def route(name: str, spec: Json | None = None, **meta: Any) -> Json:
    return {
        "apiVersion": V1,
        "kind": "HTTPRoute",
        "metadata": {"name": name, **meta},
        "spec": {"hostnames": ["a.example.com"], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
        if spec is None
        else spec,
    }


def gateway(name: str, *listeners: Json, **spec: Any) -> Json:
    listeners = listeners or ({"name": "http", "port": 80, "protocol": "HTTP"},)
    return {
        "apiVersion": V1,
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {"gatewayClassName": "envoy", "listeners": list(listeners), **spec},
    }


def post(namespace: str, body: Json, **query: str) -> Ask:
    plural = {"HTTPRoute": "httproutes", "Gateway": "gateways"}[body["kind"]]
    path = f"/apis/{V1}/namespaces/{namespace}/{plural}"
    return Ask("POST", path, body, query=tuple(query.items()))


def patch(path: str, body: Any, content_type: str = MERGE, **query: str) -> Ask:
    return Ask("PATCH", path, body, content_type, query=tuple(query.items()))
