"""Events are one store served under two groups; the fields have other names in each."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# v1 -> events.k8s.io/v1
_NEW_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_OLD_NAMES = {new: old for old, new in _NEW_NAMES.items()}


def as_new(event: Json) -> Json:
    """A v1 Event as events.k8s.io/v1 serves it."""
    renamed = {_NEW_NAMES.get(name, name): value for name, value in event.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}


def as_old(event: Json) -> Json:
    """An events.k8s.io/v1 Event as a v1 Event, which is how events are kept."""
    renamed = {_OLD_NAMES.get(name, name): value for name, value in event.items()}
    return {**renamed, "apiVersion": "v1"}
