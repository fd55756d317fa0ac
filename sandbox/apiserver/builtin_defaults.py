"""What the API server fills into objects of built-in kinds: the defaults that readers depend on."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from . import crds
from .kinds import Resource

Json = dict[str, Any]


def fill_defaults(resource: Resource, document: Json) -> None:
    """Changes `document` in place."""
    if resource.key == crds.DEFINITIONS_KEY:
        document["status"] = document.get("status") or crds.initial_status(document)
        return
    match (resource.group, resource.kind):
        case ("", "Namespace"):
            _namespace(document)
        case ("", "Secret"):
            _secret(document)
        case ("", "Service"):
            document["spec"] = _service(document.get("spec") or {})
            document["status"] = document.get("status") or {"loadBalancer": {}}
        case ("", "Pod"):
            document["spec"] = {"enableServiceLinks": True, **_pod(document.get("spec") or {})}
        case ("apps", "Deployment"):
            document["spec"] = _deployment(document.get("spec") or {})
            document["status"] = document.get("status") or {}
        case ("networking.k8s.io", "Ingress"):
            document["status"] = document.get("status") or {"loadBalancer": {}}


def _namespace(document: Json) -> None:
    metadata = document["metadata"]
    # selectors of allowedRoutes and of NetworkPolicies find namespaces by this label
    labels = dict(metadata.get("labels") or {})
    labels["kubernetes.io/metadata.name"] = metadata.get("name", "")
    metadata["labels"] = labels
    document["spec"] = {"finalizers": ["kubernetes"], **(document.get("spec") or {})}
    document["status"] = {"phase": "Active", **(document.get("status") or {})}


def _secret(document: Json) -> None:
    text = document.pop("stringData", None) or {}
    if text:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()}
        document["data"] = {**(document.get("data") or {}), **encoded}
    document.setdefault("type", "Opaque")


def _service(spec: Json) -> Json:
    filled = {"type": "ClusterIP", "sessionAffinity": "None", **spec}
    if filled["type"] != "ExternalName":
        if not filled.get("clusterIP"):
            filled["clusterIP"] = f"10.96.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        own = {
            "clusterIPs": [filled["clusterIP"]],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
        }
        filled = {**own, **filled}
    if filled["type"] in ("LoadBalancer", "NodePort"):
        filled.setdefault("externalTrafficPolicy", "Cluster")
    ports = [
        {"protocol": "TCP", "targetPort": port.get("port"), **port} if isinstance(port, dict) else port
        for port in filled.get("ports") or []
    ]
    if ports or "ports" in filled:
        filled["ports"] = ports
    return filled


def _deployment(spec: Json) -> Json:
    rolling = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"}
    filled: Json = {"progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10, **spec}
    filled["strategy"] = filled.get("strategy") or rolling
    template = filled.get("template")
    if isinstance(template, dict):
        filled["template"] = {**template, "spec": _pod(template.get("spec") or {})}
    return filled


def _pod(spec: Json) -> Json:
    filled: Json = {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        **spec,
    }
    containers = filled.get("containers")
    if isinstance(containers, list):
        filled["containers"] = [_container(one) if isinstance(one, dict) else one for one in containers]
    return filled


def _container(container: Json) -> Json:
    image = str(container.get("image") or "")
    tag = image.rpartition("/")[2].partition(":")[2]
    filled: Json = {
        "imagePullPolicy": "IfNotPresent" if "@" in image or tag not in ("", "latest") else "Always",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **container,
    }
    if isinstance(filled.get("ports"), list):
        filled["ports"] = [
            {"protocol": "TCP", **port} if isinstance(port, dict) else port for port in filled["ports"]
        ]
    return filled
