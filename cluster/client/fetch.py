"""One whole object, or its events, fetched when somebody wants to read them."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import UserError
from ..refs import ObjectRef
from .connect import Connection
from .discovery import discover

MOST_EVENTS = 50
_PAGE = 500
_MOST_PAGES = 4
# events about objects without a namespace are kept there
_EVENTS_OF_CLUSTER_SCOPED = "default"


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event, as it was written: hostile text, to be cleaned by whoever shows it.

    ``at`` is Unix time in seconds when it was last seen, 0 where it does not say. ``type`` is Normal or
    Warning.
    """

    at: float
    type: str
    reason: str
    message: str
    count: int = 1
    source: str = ""


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


def fetch_events(connection: Connection, ref: ObjectRef) -> tuple[EventLine, ...]:
    """The events about an object, newest first, fifty at most. Raises ApiError where that is refused.

    An event lives for an hour as a rule (kube-apiserver --event-ttl), so none is no sign of peace.
    """
    selector = {"involvedObject.kind": ref.kind, "involvedObject.name": ref.name}
    if ref.namespace:
        selector["involvedObject.namespace"] = ref.namespace
    params = {
        "fieldSelector": ",".join(f"{field}={_escaped(value)}" for field, value in selector.items()),
        "limit": str(_PAGE),
    }
    path = f"/api/v1/namespaces/{quote(ref.namespace or _EVENTS_OF_CLUSTER_SCOPED, safe='')}/events"
    lines: list[EventLine] = []
    for _ in range(_MOST_PAGES):
        document = connection.get_json(path, params)
        if not isinstance(document, dict):
            raise UserError(f"{ref}: the API server answered with something that is no list of events")
        lines += [_event_line(item) for item in _mappings(document.get("items")) if _is_about(item, ref)]
        token = _mapping(document.get("metadata")).get("continue")
        if not token:
            break
        params["continue"] = str(token)
    return tuple(sorted(lines, key=lambda line: -line.at)[:MOST_EVENTS])


def _is_about(event: Mapping[str, Any], ref: ObjectRef) -> bool:
    # two groups may have kinds of one name (Backend, RateLimitPolicy)
    api_version = str(_mapping(event.get("involvedObject")).get("apiVersion") or "")
    return not api_version or api_version.rpartition("/")[0] == ref.group


def _event_line(event: Mapping[str, Any]) -> EventLine:
    series = _mapping(event.get("series"))
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        _mapping(event.get("metadata")).get("creationTimestamp"),
    )
    count = series.get("count") or event.get("count")
    return EventLine(
        at=next(filter(None, map(_unix_time, times)), 0.0),
        type=str(event.get("type") or ""),
        reason=str(event.get("reason") or ""),
        message=str(event.get("message") or ""),
        count=count if isinstance(count, int) else 1,
        source=str(event.get("reportingComponent") or _mapping(event.get("source")).get("component") or ""),
    )


def _unix_time(text: object) -> float:
    with contextlib.suppress(ValueError, OverflowError):
        moment = datetime.datetime.fromisoformat(str(text or ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    return 0.0


def _escaped(value: str) -> str:
    # as fields.EscapeValue of k8s.io/apimachinery
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))
