"""What a converter makes of the shop's Ingresses: a Gateway, HTTPRoutes and Envoy Gateway's policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from edges_ingress import NAMESPACE, shop

Json = dict[str, Any]
GATEWAY = "infra/edge"
_API = "gateway.networking.k8s.io/v1"
_POLICIES = "gateway.envoyproxy.io/v1alpha1"
CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"


def _object(api: str, kind: str, name: str, spec: Json, namespace: str = NAMESPACE) -> Json:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}


def gateway(port: int = 443) -> Json:
    """The Gateway with one HTTPS listener that lets all namespaces in."""
    listener = {
        "name": "https",
        "port": port,
        "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "shop-tls"}]},
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return _object(_API, "Gateway", "edge", {"gatewayClassName": "envoy", "listeners": [listener]}, "infra")


def routes(zone: str) -> list[Json]:
    """The HTTPRoutes of both hosts; each protected or limited path is a route of its own, for its policy."""
    host, api = f"shop.{zone}", f"api.{zone}"
    cors = {
        "type": "CORS",
        "cors": {"allowOrigins": [f"https://app.{zone}"], "allowCredentials": True, "maxAge": 1728000},
    }
    moved = {
        "type": "RequestRedirect",
        "requestRedirect": {
            "scheme": "https",
            "hostname": host,
            "path": {"type": "ReplaceFullPath", "replaceFullPath": "/catalog"},
            "statusCode": 301,
        },
    }
    rewritten = {
        "type": "URLRewrite",
        "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
    }
    return [
        _route("store", host, ("PathPrefix", "/"), [cors]),
        _route("admin", host, ("PathPrefix", "/admin"), []),
        _route("moved", host, ("Exact", "/old-catalog"), [moved], backend=False),
        _route("api", api, ("PathPrefix", "/api"), [rewritten]),
        _route("api-health", api, ("PathPrefix", "/healthz"), []),
    ]


def _route(name: str, host: str, path: tuple[str, str], filters: list[Json], *, backend: bool = True) -> Json:
    rule: Json = {"matches": [{"path": {"type": path[0], "value": path[1]}}]}
    rule |= {"filters": filters} if filters else {}
    rule |= {"backendRefs": [{"name": "store", "port": 80}]} if backend else {}
    parents = [{"name": "edge", "namespace": "infra"}]
    return _object(_API, "HTTPRoute", name, {"parentRefs": parents, "hostnames": [host], "rules": [rule]})


def policies() -> Mapping[str, Json]:
    """Envoy Gateway's policies by the annotation that each answers."""
    return {
        "proxy-body-size": _policy("BackendTrafficPolicy", "body", "store", requestBuffer={"limit": "64Ki"}),
        "whitelist-source-range": _policy(
            "SecurityPolicy",
            "inside",
            "admin",
            authorization={
                "defaultAction": "Deny",
                "rules": [{"action": "Allow", "principal": {"clientCIDRs": ["10.20.0.0/16"]}}],
            },
        ),
    }


def _policy(kind: str, name: str, route: str, **fields: Any) -> Json:
    targets = [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": route}]
    return _object(_POLICIES, kind, name, {"targetRefs": targets, **fields})


def service() -> list[Json]:
    """The backend and its endpoints."""
    labels = {"kubernetes.io/service-name": "store"}
    return [
        _object("v1", "Service", "store", {"clusterIP": "None", "ports": [{"port": 80}]}),
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "store-1", "namespace": NAMESPACE, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}],
            "ports": [{"port": 80}],
        },
    ]


def classes() -> list[Json]:
    """Both sides' classes."""
    return [
        _object("networking.k8s.io/v1", "IngressClass", "nginx", {"controller": "k8s.io/ingress-nginx"}, ""),
        _object(_API, "GatewayClass", "envoy", {"controllerName": CONTROLLER}, ""),
    ]


def manifests(zone: str, *lost: str) -> str:
    """Both sides as one file, without the policies of the annotations that were lost."""
    kept = [policy for name, policy in policies().items() if name not in lost]
    old = [one.document(age) for age, one in enumerate(shop(zone))]
    return yaml.safe_dump_all([*classes(), gateway(), *old, *routes(zone), *service(), *kept])
