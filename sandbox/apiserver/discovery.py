"""What this server serves: legacy documents, the aggregated one, and as much OpenAPI as kubectl wants."""

from __future__ import annotations

from typing import Any

import msgspec

from .answers import JSON_TYPE, accepted_types
from .kinds import Resource
from .registry import Registry

Json = dict[str, Any]
AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
_OPENAPI_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_AGGREGATED_VERSIONS = ("v2", "v2beta1")
# what kubectl's version checks compare with
VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.4+pointsman-practice",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2025-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "practice",
}
_STATUS_VERBS = ["get", "patch", "update"]
# custom kinds tell their verbs in another order than built-in ones
_CUSTOM_ORDER = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


def _verbs(resource: Resource) -> list[str]:
    if not resource.custom:
        return list(resource.verbs)
    return [verb for verb in _CUSTOM_ORDER if verb in resource.verbs]


def wants_aggregated(accept: str) -> str:
    """The version of aggregated discovery that comes before plain JSON in the Accept header, or ""."""
    for media_type, parameters in accepted_types(accept):
        if media_type == "application/json":
            if parameters.get("g") == "apidiscovery.k8s.io" and parameters.get("v") in _AGGREGATED_VERSIONS:
                return parameters["v"]
            if not parameters:
                return ""
    return ""


def aggregated(registry: Registry, core: bool, version: str) -> Json:
    """`/api` (core) or `/apis` as an APIGroupDiscoveryList."""
    groups = {"": ["v1"]} if core else registry.groups()
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group, "creationTimestamp": None}
                if group
                else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": name,
                        "freshness": "Current",
                        "resources": [_aggregated_entry(r, name) for r in registry.served(group, name)],
                    }
                    for name in versions
                ],
            }
            for group, versions in groups.items()
        ],
    }


def _aggregated_entry(resource: Resource, version: str) -> Json:
    kind = {"group": resource.group, "version": version, "kind": resource.kind}
    entry: Json = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular or resource.kind.lower(),
        "verbs": _verbs(resource),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    subresources = []
    if resource.has_status:
        subresources.append({"subresource": "status", "responseKind": kind, "verbs": _STATUS_VERBS})
    if resource.key == ("", "pods"):
        proxied = {"group": "", "version": "v1", "kind": "PodProxyOptions"}
        subresources.append({"subresource": "proxy", "responseKind": proxied, "verbs": ["get"]})
    if subresources:
        entry["subresources"] = subresources
    return entry


def core_versions(address: str) -> Json:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_document(group: str, versions: list[str]) -> Json:
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": entries,
        "preferredVersion": entries[0],
    }


def group_list(registry: Registry) -> Json:
    groups = []
    for group, versions in registry.groups().items():
        entry = group_document(group, versions)
        groups.append({key: entry[key] for key in ("name", "versions", "preferredVersion")})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def resource_list(registry: Registry, group: str, version: str) -> Json | None:
    """The kinds of one group and version; None where there is none."""
    served = registry.served(group, version)
    if not served:
        return None
    resources: list[Json] = []
    for resource in served:
        entry: Json = {
            "name": resource.plural,
            "singularName": resource.singular or resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _verbs(resource),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        resources.append(entry)
        plain = {"singularName": "", "namespaced": resource.namespaced}
        if resource.has_status:
            name = f"{resource.plural}/status"
            resources.append({"name": name, **plain, "kind": resource.kind, "verbs": _STATUS_VERBS})
        if resource.key == ("", "pods"):
            resources.append({"name": "pods/proxy", **plain, "kind": "PodProxyOptions", "verbs": ["get"]})
    group_version = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    }


def openapi_index(registry: Registry) -> Json:
    """`/openapi/v3`: where the document of each group and version is."""
    pairs = [("", "v1")] + [(group, v) for group, versions in registry.groups().items() for v in versions]
    names = [f"apis/{group}/{version}" if group else f"api/{version}" for group, version in pairs]
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in names}}


def openapi_document(registry: Registry, group: str, version: str) -> Json | None:
    """Paths with their parameters; schemas where a CRD that was applied brought one.

    kubectl looks here whether a kind takes `fieldValidation` and `dryRun`, before it creates, applies or
    patches. Strategic merge is left out on purpose: kubectl then uses what it has built in for the built-in
    kinds, and JSON merge for custom ones.
    """
    served = registry.served(group, version)
    if not served:
        return None
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    paths: Json = {}
    for resource in served:
        place = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
        kind = {"group": group, "version": version, "kind": resource.kind}
        paths[f"{place}/{resource.plural}"] = {"post": _operation("post", kind)}
        if "patch" in resource.verbs:
            paths[f"{place}/{resource.plural}/{{name}}"] = {
                "put": _operation("put", kind),
                "patch": _operation("patch", kind),
            }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Pointsman practice cluster", "version": VERSION["gitVersion"]},
        "paths": paths,
        "components": {"schemas": _schemas(served, group, version)},
    }


_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def _schemas(served: list[Resource], group: str, version: str) -> Json:
    """The schemas of the CRDs that were applied, for `kubectl explain`; of others nothing is known."""
    found: Json = {}
    for resource in served:
        schema = resource.schemas.get(version)
        if schema is None or schema.get("x-kubernetes-preserve-unknown-fields"):
            continue
        name = ".".join([*reversed(group.split(".")), version, resource.kind])
        metadata = {"allOf": [{"$ref": f"#/components/schemas/{_OBJECT_META}"}], "default": {}}
        found[name] = {
            **schema,
            "properties": {**(schema.get("properties") or {}), "metadata": metadata},
            "x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": resource.kind}],
        }
    if found:
        found[_OBJECT_META] = {"type": "object"}
    return found


def openapi_v2(protobuf: bool) -> tuple[bytes, str]:
    """The old document, empty: kubectl asks it of kinds that the newer one does not know."""
    title = "Pointsman practice cluster"
    if not protobuf:
        document = {"swagger": "2.0", "info": {"title": title, "version": "1"}, "paths": {}}
        return msgspec.json.encode(document), JSON_TYPE
    info = b"\n" + bytes([len(title)]) + title.encode() + b"\x12\x011"
    return b"\n\x032.0\x12" + bytes([len(info)]) + info, _OPENAPI_PROTOBUF


def _operation(action: str, kind: Json) -> Json:
    operation: Json = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": kind,
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
            for name in ("dryRun", "fieldManager", "fieldValidation")
        ],
        "responses": {"200": {"description": "OK"}},
    }
    if action == "patch":
        operation["requestBody"] = {
            "content": {
                "application/apply-patch+yaml": {},
                "application/json-patch+json": {},
                "application/merge-patch+json": {},
            }
        }
    return operation


def answer(registry: Registry, path: str, accept: str, address: str) -> tuple[Json, str] | None:
    """The document and content type of a discovery path; None where the path is none, or not served."""
    path = path.rstrip("/")
    if path in ("/api", "/apis"):
        core = path == "/api"
        version = wants_aggregated(accept)
        if version:
            return aggregated(registry, core, version), AGGREGATED_TYPE.format(version=version)
        return core_versions(address) if core else group_list(registry), JSON_TYPE
    document = _document_at(registry, path.split("/")[1:])
    return (document, JSON_TYPE) if document is not None else None


def _document_at(registry: Registry, parts: list[str]) -> Json | None:
    match parts:
        case ["api", version]:
            return resource_list(registry, "", version)
        case ["apis", group]:
            versions = registry.groups().get(group)
            return group_document(group, versions) if versions else None
        case ["apis", group, version]:
            return resource_list(registry, group, version)
        case ["openapi", "v3"]:
            return openapi_index(registry)
        case ["openapi", "v3", "api", version]:
            return openapi_document(registry, "", version)
        case ["openapi", "v3", "apis", group, version]:
            return openapi_document(registry, group, version)
    return None
