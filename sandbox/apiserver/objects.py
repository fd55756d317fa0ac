"""What the API server itself fills into objects: identity, generation, default status. Pure functions."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from . import schemas
from .builtin_defaults import fill_defaults
from .kinds import GATEWAY_API, Resource

Json = dict[str, Any]

# Vowels and easily confused digits are left out, as in the real generator of name suffixes.
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
# set by the server once; a client's word on them is ignored
_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")

_COUNTED_KINDS = frozenset(
    {
        ("", "Pod"),
        ("apps", "Deployment"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("networking.k8s.io", "Ingress"),
        ("networking.k8s.io", "IngressClass"),
        ("networking.k8s.io", "NetworkPolicy"),
    }
)


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with whole seconds, as `metadata.creationTimestamp` has it."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def random_suffix(length: int = 5) -> str:
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(length))


def default_status(resource: Resource) -> Json | None:
    """The status that the Gateway API's CRDs give to a new object, until a controller writes one."""
    if resource.group != GATEWAY_API:
        return None
    wanted = {
        "GatewayClass": ("Accepted",),
        "Gateway": ("Accepted", "Programmed"),
        "ListenerSet": ("Accepted", "Programmed"),
    }.get(resource.kind)
    if wanted is None:
        return None
    return {
        "conditions": [
            {
                "lastTransitionTime": "1970-01-01T00:00:00Z",
                "message": "Waiting for controller",
                "reason": "Pending",
                "status": "Unknown",
                "type": condition,
            }
            for condition in wanted
        ]
    }


def fill_new(resource: Resource, document: Json) -> Json:
    """A new object as it will be kept: what it lacks of identity, generation, defaults and status."""
    metadata = dict(document.get("metadata") or {})
    metadata["uid"] = metadata.get("uid") or str(uuid.uuid4())
    metadata["creationTimestamp"] = metadata.get("creationTimestamp") or timestamp()
    if has_generation(resource):
        metadata["generation"] = metadata.get("generation") or 1
    metadata.pop("managedFields", None)
    if not resource.namespaced:
        metadata.pop("namespace", None)
    filled = {
        **document,
        "apiVersion": resource.kept_api_version,
        "kind": resource.kind,
        "metadata": metadata,
    }
    fill_defaults(resource, filled)
    # a status that was not said has its default too, as what is read from the real store
    schemas.fill_defaults(dict(resource.schemas.get(resource.versions[0], {})), filled)
    if not filled.get("status"):
        status = default_status(resource)
        if status is not None:
            filled["status"] = status
    return filled


def has_generation(resource: Resource) -> bool:
    """Whether changes of the specification are counted: for all custom kinds, and some built-in ones."""
    return resource.custom or (resource.group, resource.kind) in _COUNTED_KINDS


def content_of(document: Json) -> Json:
    """All of an object that counts as its specification: everything but metadata and status."""
    return {key: value for key, value in document.items() if key not in ("metadata", "status")}


def carry_over(resource: Resource, old: Json, new: Json) -> Json:
    """`new` with the identity of `old`; the generation grows by one when the specification differs.

    Whether the status comes from `old` or `new` is the caller's affair.
    """
    metadata = dict(new.get("metadata") or {})
    before = old["metadata"]
    for name in (*_SERVER_OWNED, "name", "namespace"):
        metadata.pop(name, None)
        if name in before:
            metadata[name] = before[name]
    metadata.pop("managedFields", None)
    if "managedFields" in before:
        metadata["managedFields"] = before["managedFields"]
    kept = {**new, "apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": metadata}
    fill_defaults(resource, kept)
    _keep_cluster_address(resource, old, kept)
    if "generation" in before and content_of(kept) != content_of(old):
        metadata["generation"] = before["generation"] + 1
    return kept


def _keep_cluster_address(resource: Resource, old: Json, new: Json) -> None:
    """A Service that names no clusterIP in an update keeps the one it was given."""
    if resource.group == "" and resource.kind == "Service" and "clusterIP" in (old.get("spec") or {}):
        new["spec"] = {**new["spec"], "clusterIP": old["spec"]["clusterIP"]}
