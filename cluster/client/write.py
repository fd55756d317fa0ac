"""The few writes that Pointsman ever makes: a Lease that says who acts, and an annotation.

Every write carries a precondition, so that what somebody else changed meanwhile is never overwritten.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .connect import JSON, ApiError, Connection
from .discovery import ServedKind

_MERGE = "application/merge-patch+json"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a lock. ``mine`` says whether this holder does; ``holder`` is whoever does, or empty.

    ``renewed`` is the last renewal as the holder wrote it (RFC 3339).
    """

    namespace: str
    name: str
    holder: str
    mine: bool
    resource_version: str
    renewed: str = ""
    duration_s: int = 0


def acquire_lease(
    connection: Connection, namespace: str, name: str, identity: str, duration_s: int = 60
) -> Lease:
    """Take the Lease if it is free, ours, or has run out; else say who holds it (``mine`` False).

    Raises ApiError where leases are forbidden (403): the caller then falls back to a file lock.
    """
    collection = _LEASES.format(namespace=namespace)
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": _lease_spec(identity, duration_s, acquired=True),
    }
    try:
        answer = connection.request("POST", collection, body=msgspec.json.encode(body), content_type=JSON)
        return _lease(answer, identity)
    except ApiError as error:
        # a second create is refused, which makes the Lease a lock
        if error.status != 409:
            raise
    current = connection.request("GET", f"{collection}/{name}")
    lease = _lease(current, identity)
    if lease.holder and not lease.mine and not _expired(lease):
        return lease
    return _patch_lease(connection, lease, identity, _lease_spec(identity, duration_s, acquired=True))


def renew_lease(connection: Connection, lease: Lease, identity: str) -> Lease:
    """Say that we still hold it. ``mine`` is False in the answer where somebody else took it."""
    return _patch_lease(connection, lease, identity, _lease_spec(identity, lease.duration_s, acquired=False))


def release_lease(connection: Connection, lease: Lease, identity: str) -> Lease:
    """Give it up, leaving the object. A Lease that is no longer ours is left alone."""
    if not lease.mine:
        return lease
    return _patch_lease(connection, lease, identity, {"holderIdentity": None})


def annotate(
    connection: Connection,
    kind: ServedKind,
    namespace: str,
    name: str,
    annotations: Mapping[str, str | None],
    resource_version: str,
    *,
    dry_run: bool = False,
) -> str:
    """Set (or with None remove) annotations of one object, only if it is still at ``resource_version``.

    Returns the new resourceVersion. Raises ApiError with status 409 where it has changed since.
    """
    body = {"metadata": {"resourceVersion": resource_version, "annotations": dict(annotations)}}
    answer = connection.request(
        "PATCH",
        f"{kind.path(namespace)}/{name}",
        {"dryRun": "All"} if dry_run else None,
        body=msgspec.json.encode(body),
        content_type=_MERGE,
    )
    return str(_mapping(msgspec.json.decode(answer), "metadata").get("resourceVersion") or "")


def _patch_lease(connection: Connection, lease: Lease, identity: str, spec: dict[str, Any]) -> Lease:
    path = f"{_LEASES.format(namespace=lease.namespace)}/{lease.name}"
    body = {"metadata": {"resourceVersion": lease.resource_version}, "spec": spec}
    try:
        answer = connection.request("PATCH", path, body=msgspec.json.encode(body), content_type=_MERGE)
    except ApiError as error:
        if error.status != 409:
            raise
        answer = connection.request("GET", path)
    return _lease(answer, identity)


def _lease_spec(identity: str, duration_s: int, *, acquired: bool) -> dict[str, Any]:
    # MicroTime: six digits of a second, or the API server refuses it
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": identity, "leaseDurationSeconds": duration_s, "renewTime": now}
    return {**spec, "acquireTime": now} if acquired else spec


def _lease(answer: bytes, identity: str) -> Lease:
    document = msgspec.json.decode(answer)
    metadata, spec = _mapping(document, "metadata"), _mapping(document, "spec")
    holder = str(spec.get("holderIdentity") or "")
    duration = spec.get("leaseDurationSeconds")
    return Lease(
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata.get("name") or ""),
        holder=holder,
        mine=holder == identity,
        resource_version=str(metadata.get("resourceVersion") or ""),
        renewed=str(spec.get("renewTime") or ""),
        duration_s=duration if isinstance(duration, int) else 0,
    )


def _mapping(document: object, key: str) -> dict[str, Any]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def _expired(lease: Lease) -> bool:
    try:
        renewed = datetime.datetime.fromisoformat(lease.renewed)
    except ValueError:
        # it cannot be shown to have run out, so it has not
        return False
    if renewed.tzinfo is None or not lease.duration_s:
        return False
    return datetime.datetime.now(datetime.UTC) > renewed + datetime.timedelta(seconds=lease.duration_s)
