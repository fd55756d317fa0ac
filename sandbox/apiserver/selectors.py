"""Label and field selectors, as `kubectl -l` and `--field-selector` send them. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .kinds import Resource
from .problems import bad_request

Json = dict[str, Any]
Predicate = Callable[[Json], bool]

_SET_BASED = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_COMPARED = re.compile(r"(?P<key>[^\s=!<>]+)\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s=!<>]*)")
_KEY = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

# Fields that a kind can be selected by, beside its name and namespace, and where they stand in the object.
_EVENT_FIELDS = {
    **{
        f"involvedObject.{name}": f"involvedObject.{name}"
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
    "reason": "reason",
    "reportingComponent": "reportingComponent",
    "source": "source.component",
    "type": "type",
}
_FIELDS: dict[tuple[str, str], dict[str, str]] = {
    ("", "pods"): {
        name: name
        for name in (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        )
    },
    ("", "secrets"): {"type": "type"},
    ("", "namespaces"): {"status.phase": "status.phase"},
    ("", "nodes"): {"spec.unschedulable": "spec.unschedulable"},
    ("", "services"): {"spec.clusterIP": "spec.clusterIP", "spec.type": "spec.type"},
    ("", "events"): _EVENT_FIELDS,
}


def _split(selector: str) -> list[str]:
    """At commas that are not inside parentheses."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(selector):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(selector[start:index])
            start = index + 1
    return [*parts, selector[start:]]


def label_predicate(selector: str) -> Predicate | None:
    """The test that a label selector makes of an object; None where it lets everything through.

    Raises ApiError 400 for one that cannot be understood.
    """
    if not selector.strip():
        return None
    tests = [_label_requirement(part.strip(), selector) for part in _split(selector)]

    def matches(document: Json) -> bool:
        labels = (document.get("metadata") or {}).get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def _label_requirement(text: str, selector: str) -> Callable[[dict[str, str]], bool]:
    set_based = _SET_BASED.fullmatch(text)
    if set_based:
        key = _checked_key(set_based["key"], selector)
        values = frozenset(value.strip() for value in set_based["values"].split(","))
        if set_based["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: key not in labels or labels[key] not in values
    compared = _COMPARED.fullmatch(text)
    if compared:
        return _comparison(
            _checked_key(compared["key"], selector), compared["operator"], compared["value"], selector
        )
    if text.startswith("!"):
        absent = _checked_key(text[1:].strip(), selector)
        return lambda labels: absent not in labels
    present = _checked_key(text, selector)
    return lambda labels: present in labels


def _comparison(key: str, operator: str, wanted: str, selector: str) -> Callable[[dict[str, str]], bool]:
    if operator in ("=", "=="):
        return lambda labels: key in labels and labels[key] == wanted
    if operator == "!=":
        return lambda labels: labels.get(key) != wanted
    try:
        bound = int(wanted)
    except ValueError:
        raise bad_request(
            f'unable to parse requirement: for {selector!r}: "{wanted}" is no integer'
        ) from None
    sign = 1 if operator == ">" else -1

    def compares(labels: dict[str, str]) -> bool:
        try:
            return sign * (int(labels[key]) - bound) > 0
        except (KeyError, ValueError):
            return False

    return compares


def _checked_key(key: str, selector: str) -> str:
    if not _KEY.fullmatch(key):
        raise bad_request(f'unable to parse requirement: found "{key}" in {selector!r}, expected a label key')
    return key


def field_predicate(resource: Resource, selector: str) -> Predicate | None:
    """The test that a field selector makes. Raises ApiError 400 for a field that the kind has none of."""
    if not selector.strip():
        return None
    known = {"metadata.name": "metadata.name"}
    if resource.namespaced:
        known["metadata.namespace"] = "metadata.namespace"
    known |= _FIELDS.get(resource.key, {})
    tests: list[tuple[tuple[str, ...], str, bool]] = []
    for part in selector.split(","):
        compared = _COMPARED.fullmatch(part.strip())
        if compared is None or compared["operator"] in "<>":
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{part}'")
        if compared["key"] not in known:
            raise bad_request(f"field label not supported: {compared['key']}")
        path = tuple(known[compared["key"]].split("."))
        tests.append((path, compared["value"], compared["operator"] != "!="))

    def matches(document: Json) -> bool:
        return all((_field_text(document, path) == wanted) is equal for path, wanted, equal in tests)

    return matches


def _field_text(document: Json, path: tuple[str, ...]) -> str:
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def name_in(selector: str) -> str:
    """The one name that a field selector asks for, or an empty string; what authorization looks at."""
    for part in selector.split(","):
        compared = _COMPARED.fullmatch(part.strip())
        if compared and compared["key"] == "metadata.name" and compared["operator"] in ("=", "=="):
            return compared["value"]
    return ""


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    if first is None or second is None:
        return first or second
    left, right = first, second
    return lambda document: left(document) and right(document)
