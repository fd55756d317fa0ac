"""CustomResourceDefinition objects: made for the kinds served from the start, read for later ones."""

from __future__ import annotations

from typing import Any

from .kinds import AGE, GATEWAY_API, Column, Resource

Json = dict[str, Any]
DEFINITIONS_KEY = ("apiextensions.k8s.io", "customresourcedefinitions")


def bundle_annotations(version: str, channel: str) -> dict[str, str]:
    """How a Gateway API CRD says from which release it is."""
    return {
        "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api",
        "gateway.networking.k8s.io/bundle-version": version,
        "gateway.networking.k8s.io/channel": channel,
    }


def definition(resource: Resource, bundle_version: str, channel: str) -> Json:
    """The CRD object of a served kind, established."""
    metadata: Json = {"name": resource.qualified}
    if resource.group in (GATEWAY_API, "gateway.networking.x-k8s.io"):
        metadata["annotations"] = bundle_annotations(bundle_version, channel)
    if resource.policy and resource.policy != "unlabelled":
        metadata["labels"] = {"gateway.networking.k8s.io/policy": resource.policy}
    names: Json = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.singular or resource.kind.lower(),
    }
    if resource.short_names:
        names["shortNames"] = list(resource.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "conversion": {"strategy": "None"},
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [
                _version(resource, version, stored=index == 0)
                for index, version in enumerate(resource.versions)
            ],
        },
        "status": status_of(names, resource.versions[0]),
    }


def status_of(names: Json, stored_version: str) -> Json:
    """The status of a CRD that is served."""
    return {
        "acceptedNames": names,
        "conditions": [
            {
                "lastTransitionTime": "1970-01-01T00:00:00Z",
                "message": message,
                "reason": reason,
                "status": "True",
                "type": kind,
            }
            for kind, reason, message in (
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            )
        ],
        "storedVersions": [stored_version],
    }


def initial_status(document: Json) -> Json:
    """The status of a CRD that was just applied: accepted at once, as no other can claim its names here."""
    served = resource_of(document)
    names = (document.get("spec") or {}).get("names") or {}
    return status_of(names, served.versions[0]) if served else {}


def _version(resource: Resource, name: str, stored: bool) -> Json:
    version: Json = {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": _schema(resource)},
        "additionalPrinterColumns": [
            {"name": column.name, "type": column.type, "jsonPath": column.path}
            | ({"priority": column.priority} if column.priority else {})
            for column in resource.columns
        ],
    }
    if resource.has_status:
        version["subresources"] = {"status": {}}
    return version


def _schema(resource: Resource) -> Json:
    """Open, but for what tells a policy from another kind: its targetRefs and its ancestors."""
    spec: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    status: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    if resource.policy:
        open_list = {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        }
        spec["properties"] = {"targetRefs": open_list}
        status["properties"] = {"ancestors": open_list}
    properties: Json = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": spec,
    }
    if resource.has_status:
        properties["status"] = status
    return {"type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": True}


def looks_like_policy(document: Json) -> bool:
    """Whether an object of a kind without a CRD gives away that its schema must be a policy's (GEP-713)."""
    spec, status = document.get("spec"), document.get("status")
    targets = isinstance(spec, dict) and not spec.keys().isdisjoint(
        ("targetRef", "targetRefs", "targetSelectors")
    )
    return targets or (isinstance(status, dict) and "ancestors" in status)


def resource_of(document: Json) -> Resource | None:
    """The kind that a CRD object asks to be served; None where it serves no version or is incomplete."""
    spec = document.get("spec") or {}
    names = spec.get("names") or {}
    versions = [version for version in spec.get("versions") or [] if version.get("served", True)]
    if not (versions and spec.get("group") and names.get("kind") and names.get("plural")):
        return None
    # the stored version first: it is the one that objects are kept in
    versions.sort(key=lambda version: not version.get("storage", False))
    columns = tuple(
        Column(
            column.get("name", ""),
            column.get("jsonPath", ""),
            column.get("type", "string"),
            int(column.get("priority") or 0),
        )
        for column in versions[0].get("additionalPrinterColumns") or ()
    )
    labels = (document.get("metadata") or {}).get("labels") or {}
    return Resource(
        spec["group"],
        names["kind"],
        names["plural"],
        versions=tuple(version["name"] for version in versions),
        singular=names.get("singular", ""),
        short_names=tuple(names.get("shortNames") or ()),
        namespaced=spec.get("scope", "Namespaced") == "Namespaced",
        categories=tuple(names.get("categories") or ()),
        columns=columns or (AGE,),
        custom=True,
        has_status=any("status" in (version.get("subresources") or {}) for version in versions),
        policy=labels.get("gateway.networking.k8s.io/policy", ""),
        schemas={
            version["name"]: version["schema"]["openAPIV3Schema"]
            for version in versions
            if (version.get("schema") or {}).get("openAPIV3Schema")
        },
    )
