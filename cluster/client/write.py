"""The few writes that Pointsman ever makes: a Lease that says who acts, and an annotation.

Every write carries a precondition, so that what somebody else changed meanwhile is never overwritten.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .connect import JSON, ApiError, Connection
from .discovery import ServedKind

_MERGE = "application/merge-patch+json"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a lock. ``mine`` says whether this holder does; ``holder`` is whoever does, or empty.

    ``acquired`` and ``renewed`` are instants as the holder wrote them (RFC 3339); ``annotations`` too are
    its own words. ``age_s`` is for how long nobody had written to it when it was read (``read_at``, in
    monotonic seconds), by the API server's clock; None: that could not be told.
    """

    namespace: str
    name: str
    holder: str
    mine: bool
    resource_version: str
    renewed: str = ""
    duration_s: int = 0
    acquired: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    age_s: float | None = None
    read_at: float = 0.0

    @property
    def standing(self) -> bool:
        """True while somebody holds it and has renewed it in time, or where that cannot be told."""
        if not self.holder or self.age_s is None or not self.duration_s:
            return bool(self.holder)
        return self.age_s + time.monotonic() - self.read_at <= self.duration_s


def acquire_lease(
    connection: Connection,
    namespace: str,
    name: str,
    identity: str,
    duration_s: int = 60,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
) -> Lease:
    """Take the Lease if it is free, ours, or has run out; else say who holds it (``mine`` False).

    ``labels`` are set where it is made, ``annotations`` also where it is taken. Raises ApiError where leases
    are forbidden (403): the caller then falls back to a file lock.
    """
    collection = _LEASES.format(namespace=namespace)
    metadata = {"name": name, "namespace": namespace}
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {**metadata, "labels": dict(labels or {}), "annotations": dict(annotations or {})},
        "spec": _lease_spec(identity, duration_s, acquired=True),
    }
    encoded = msgspec.json.encode(body)
    try:
        answer = connection.request("POST", collection, body=encoded, content_type=JSON, timeout_s=timeout_s)
        return _lease(connection, answer, identity)
    except ApiError as error:
        # a second create is refused, which makes the Lease a lock
        if error.status != 409:
            raise
    lease = read_lease(connection, namespace, name, identity, timeout_s=timeout_s)
    if lease.standing and not lease.mine:
        return lease
    spec = _lease_spec(identity, duration_s, acquired=True)
    return _patch_lease(connection, lease, identity, spec, annotations, timeout_s)


def read_lease(
    connection: Connection, namespace: str, name: str, identity: str = "", *, timeout_s: float = 10.0
) -> Lease:
    """A Lease as it is. Raises ApiError, 404 where there is none."""
    path = f"{_LEASES.format(namespace=namespace)}/{name}"
    return _lease(connection, connection.request("GET", path, timeout_s=timeout_s), identity)


def list_leases(
    connection: Connection,
    namespace: str,
    selector: str,
    identity: str = "",
    *,
    timeout_s: float = 10.0,
) -> tuple[Lease, ...]:
    """The Leases of a namespace (empty: of all) that a label selector chooses. Raises ApiError."""
    path = _LEASES.format(namespace=namespace) if namespace else "/apis/coordination.k8s.io/v1/leases"
    answer = connection.request("GET", path, {"labelSelector": selector}, timeout_s=timeout_s)
    items = msgspec.json.decode(answer).get("items") or ()
    return tuple(_lease_of(connection, item, identity) for item in items if isinstance(item, dict))


def renew_lease(
    connection: Connection,
    lease: Lease,
    identity: str,
    *,
    annotations: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
) -> Lease:
    """Say that we still hold it. ``mine`` is False in the answer where somebody else took it."""
    spec = _lease_spec(identity, lease.duration_s, acquired=False)
    return _patch_lease(connection, lease, identity, spec, annotations, timeout_s)


def release_lease(
    connection: Connection,
    lease: Lease,
    identity: str,
    *,
    annotations: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
) -> Lease:
    """Give it up, leaving the object. A Lease that is no longer ours is left alone."""
    if not lease.mine:
        return lease
    return _patch_lease(connection, lease, identity, {"holderIdentity": None}, annotations, timeout_s)


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


def _patch_lease(
    connection: Connection,
    lease: Lease,
    identity: str,
    spec: dict[str, Any],
    annotations: Mapping[str, str] | None,
    timeout_s: float,
) -> Lease:
    path = f"{_LEASES.format(namespace=lease.namespace)}/{lease.name}"
    metadata: dict[str, Any] = {"resourceVersion": lease.resource_version}
    if annotations is not None:
        metadata["annotations"] = dict(annotations)
    body = msgspec.json.encode({"metadata": metadata, "spec": spec})
    try:
        answer = connection.request("PATCH", path, body=body, content_type=_MERGE, timeout_s=timeout_s)
    except ApiError as error:
        if error.status != 409:
            raise
        answer = connection.request("GET", path, timeout_s=timeout_s)
    return _lease(connection, answer, identity)


def _lease_spec(identity: str, duration_s: int, *, acquired: bool) -> dict[str, Any]:
    # MicroTime: six digits of a second, or the API server refuses it
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": identity, "leaseDurationSeconds": duration_s, "renewTime": now}
    return {**spec, "acquireTime": now} if acquired else spec


def _lease(connection: Connection, answer: bytes, identity: str) -> Lease:
    return _lease_of(connection, msgspec.json.decode(answer), identity)


def _lease_of(connection: Connection, document: object, identity: str) -> Lease:
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
        acquired=str(spec.get("acquireTime") or ""),
        annotations={
            str(key): str(value)
            for key, value in _mapping(metadata, "annotations").items()
            if value is not None
        },
        age_s=_age(metadata, str(spec.get("renewTime") or ""), connection.server_time),
        read_at=time.monotonic(),
    )


def _mapping(document: object, key: str) -> dict[str, Any]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def _age(metadata: Mapping[str, Any], renewed: str, server_time: float | None) -> float | None:
    """Seconds since a Lease was written to, as far as can be by one clock: that of the API server.

    What the holder wrote is by a clock that may be set otherwise than ours, so that a Lease would seem to
    have run out that is renewed all the time. The server notes when it was written to (managedFields), and
    tells its time with every answer.
    """
    entries = metadata.get("managedFields")
    noted = [
        _instant(entry.get("time"))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    ]
    written = max((at for at in noted if at is not None), default=None) or _instant(renewed)
    now = server_time if server_time is not None else time.time()
    return None if written is None else now - written


def _instant(text: object) -> float | None:
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return None if found.tzinfo is None else found.timestamp()
