"""One whole object, fetched when somebody wants to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .connect import Connection
from .discovery import discover
from .errors import UserError
from .refs import ObjectRef
from .text import clean

_MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class KubeEvent:
    """Something that a controller said happened to an object. ``last_seen`` is RFC 3339 text."""

    last_seen: str
    type: str
    reason: str
    message: str
    count: int
    source: str


def fetch_object(connection: Connection, ref: ObjectRef) -> dict[str, Any]:
    """The object as the API server has it now. Raises ApiError where it is gone or refused.

    A Secret is never fetched: its data would come along.
    """
    if ref.kind == "Secret" and not ref.group:
        raise UserError(f"{ref}: Secrets are never fetched", "its metadata is all that Pointsman reads")
    served = discover(connection).find(ref.group, ref.kind)
    if served is None:
        raise UserError(f"{ref}: the cluster does not serve this kind", "ctrl-r asks again")
    path = f"{served.path(ref.namespace or None)}/{quote(ref.name, safe='')}"
    document = connection.get_json(path)
    if not isinstance(document, dict):
        raise UserError(f"{ref}: the API server answered with something that is no object")
    return document


def fetch_events(connection: Connection, ref: ObjectRef) -> tuple[KubeEvent, ...]:
    """The events about an object, the newest first. Raises ApiError where they are refused.

    Events about cluster-scoped objects stand in the namespace ``default`` (client-go's recorder).
    """
    namespace = quote(ref.namespace or "default", safe="")
    fields = {"involvedObject.kind": ref.kind, "involvedObject.name": ref.name}
    selector = ",".join(f"{name}={value}" for name, value in fields.items())
    params = {"fieldSelector": selector, "limit": str(_MOST_EVENTS)}
    document = connection.get_json(f"/api/v1/namespaces/{namespace}/events", params)
    items = document.get("items") if isinstance(document, dict) else None
    events = [_event(item) for item in items or () if isinstance(item, dict)]
    return tuple(sorted(events, key=lambda event: event.last_seen, reverse=True))


def _event(item: dict[str, Any]) -> KubeEvent:
    series, source = item.get("series"), item.get("source")
    series = series if isinstance(series, dict) else {}
    source = source if isinstance(source, dict) else {}
    times = (series.get("lastObservedTime"), item.get("lastTimestamp"), item.get("eventTime"))
    count = series.get("count") or item.get("count") or 1
    return KubeEvent(
        last_seen=clean(next((time for time in times if time), ""), 40),
        type=clean(item.get("type") or "", 20),
        reason=clean(item.get("reason") or "", 80),
        message=clean(item.get("message") or "", 2000),
        count=count if isinstance(count, int) else 1,
        source=clean(item.get("reportingComponent") or source.get("component") or "", 120),
    )
