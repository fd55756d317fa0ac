"""Whether an object is as its CRD's structural schema wants it; the causes of a 422 in Kubernetes' own words.

Types, enums, patterns, lengths, numbers, required fields, formats, the keys of lists, and oneOf, anyOf,
allOf, not. CEL rules (x-kubernetes-validations) are not evaluated.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .schemas import has_rules

Json = dict[str, Any]
# how many schemas below schemas are followed; a CRD's own depth is far smaller
_DEEPEST = 60


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a 422. `field` is a path, or `<nil>` where the server itself names none."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


# causes after which the real server does not look at CEL rules any more
_BLOCKING = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
_NOT_ALL_CHECKED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def causes_of(
    schema: Json, document: Json, old: Json | None = None, known: Sequence[Cause] = ()
) -> list[Cause]:
    """Everything that is wrong with the document; what is as it was in `old` is not looked at again.

    `known`: what was found wrong already, which comes first.
    """
    return _blocked(schema, [*known, *_causes(schema, document, old)])


def _causes(schema: Json, document: Any, old: Any) -> list[Cause]:
    causes = [*_value(schema, document, "", old, 0)]
    if old is None or not [*_lists(schema, old, "")]:
        causes += _lists(schema, document, "")
    return causes


def _blocked(schema: Json, causes: list[Cause]) -> list[Cause]:
    """With what the real server adds where it does not come to the CEL rules."""
    if any(cause.reason in _BLOCKING for cause in causes) and has_rules(schema):
        causes.append(Cause("<nil>", _NOT_ALL_CHECKED))
    return list(dict.fromkeys(causes))


def causes_in_status(schema: Json, document: Json, old: Json) -> list[Cause]:
    """The same of the status alone, which is all that counts where only the status is written."""
    below = (schema.get("properties") or {}).get("status")
    if not isinstance(below, dict) or "status" not in document:
        return []
    found = [
        cause if cause.field == "<nil>" else Cause(f"status.{cause.field}", cause.message, cause.reason)
        for cause in _causes(below, document["status"], old.get("status") or {})
    ]
    return _blocked(schema, found)


def _value(schema: Json, value: Any, path: str, old: Any, depth: int) -> Iterator[Cause]:
    if depth > _DEEPEST or (old is not None and old == value):
        return
    yield from _type(schema, value, path)
    if value is None:
        return
    yield from _combined(schema, value, path, depth)
    if "enum" in schema and value not in schema["enum"]:
        known = ", ".join(_quoted(one if isinstance(one, str) else _json(one)) for one in schema["enum"])
        message = f"Unsupported value: {_shown(value)}: supported values: {known}"
        yield Cause(path, message, "FieldValueNotSupported")
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int | float):
        yield from _number(schema, value, path)
    elif isinstance(value, list):
        yield from _items(schema, value, path, depth)
    elif isinstance(value, dict):
        yield from _fields(schema, value, path, old, depth)


def _type(schema: Json, value: Any, path: str) -> Iterator[Cause]:
    if schema.get("x-kubernetes-int-or-string"):
        wanted: tuple[str, ...] = ("integer", "string")
    else:
        wanted = (schema["type"],) if schema.get("type") else ()
    if not wanted or (value is None and schema.get("nullable")):
        return
    found = _type_of(value)
    fits = found in wanted or (found == "integer" and "number" in wanted)
    if found == "number" and "integer" in wanted:
        fits = float(value).is_integer()
        if not fits and "format" in schema:
            what = f"Checked value must be of type integer with format {schema['format']} in {path}"
            yield Cause("<nil>", f'Invalid value: "": {what}')
            yield _mistyped(path, schema["format"], "float64")
            return
    if not fits:
        yield _mistyped(path, ",".join(wanted), found)


def _mistyped(path: str, wanted: str, found: str) -> Cause:
    message = f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    return Cause(path or "<nil>", message, "FieldValueTypeInvalid")


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ):
        if isinstance(value, kind):
            return name
    return "object"


def _text(schema: Json, value: str, path: str) -> Iterator[Cause]:
    # the first that is broken only, as the real server
    most = schema.get("maxLength")
    if most is not None and len(value) > most:
        message = f"Too long: may not be more than {most} {'byte' if most == 1 else 'bytes'}"
        yield Cause(path, message, "FieldValueTooLong")
    elif (least := schema.get("minLength")) is not None and len(value) < least:
        yield _bad(path, value, f"should be at least {least} chars long")
    elif (
        (pattern := schema.get("pattern"))
        and (expression := _expression(pattern)) is not None
        and not expression.search(value)
    ):
        yield _bad(path, value, f"should match '{pattern}'")
    known = _FORMATS.get(schema.get("format", ""))
    if known is not None and not known(value):
        shown = _shown(value)
        message = f"Invalid value: {shown}: {path} in body must be of type {schema['format']}: {shown}"
        yield Cause(path, message, "FieldValueTypeInvalid")


def _number(schema: Json, value: float, path: str) -> Iterator[Cause]:
    most, least, factor = schema.get("maximum"), schema.get("minimum"), schema.get("multipleOf")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        words = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _bad(path, value, f"should be {words} {most}")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        words = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _bad(path, value, f"should be {words} {least}")
    if factor and (value / factor) % 1:
        yield _bad(path, value, f"should be a multiple of {factor}")


def _items(schema: Json, value: list[Any], path: str, depth: int) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems")
    if least is not None and len(value) < least:
        yield _bad(path, len(value), f"should have at least {least} items")
    if most is not None and len(value) > most:
        yield _too_many(path, len(value), most)
    below = schema.get("items")
    if isinstance(below, dict):
        for index, item in enumerate(value):
            yield from _value(below, item, f"{path}[{index}]", None, depth + 1)


def _fields(schema: Json, value: Json, path: str, old: Any, depth: int) -> Iterator[Cause]:
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if least is not None and len(value) < least:
        yield _bad(path, len(value), f"should have at least {least} properties")
    if most is not None and len(value) > most:
        yield _too_many(path, len(value), most)
    before = old if isinstance(old, dict) else {}
    properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
    for name, item in value.items():
        if not path and name == "metadata":
            # checked by itself: the schema of it does not count
            continue
        below = properties.get(name, others if isinstance(others, dict) else None)
        if below is not None:
            place = f"{path}.{name}" if path else name
            yield from _value(below, item, place, before.get(name), depth + 1)
    for name in schema.get("required") or ():
        if name not in value:
            place = f"{path}.{name}" if path else name
            yield Cause(place, "Required value", "FieldValueRequired")


def _combined(schema: Json, value: Any, path: str, depth: int) -> Iterator[Cause]:
    def tried(name: str) -> list[list[Cause]]:
        return [[*_value(one, value, path, None, depth + 1)] for one in schema.get(name) or ()]

    def refusal(said: str) -> Cause:
        return Cause("<nil>", f'Invalid value: "": "{path}" must {said}')

    some = tried("anyOf")
    if some and all(some):
        yield refusal("validate at least one schema (anyOf)")
        yield from some[0]
    one = tried("oneOf")
    fitting = sum(not causes for causes in one)
    if one and fitting != 1:
        found = f"Found {fitting} valid alternatives" if fitting else "Found none valid"
        yield refusal(f"validate one and only one schema (oneOf). {found}")
        if not fitting:
            yield from one[0]
    every = tried("allOf")
    if any(every):
        yield from (cause for causes in every for cause in causes)
        yield refusal("validate all the schemas (allOf)" + (". None validated" if all(every) else ""))
    if "not" in schema and not [*_value(schema["not"], value, path, None, depth + 1)]:
        yield refusal("not validate the schema (not)")


def _lists(schema: Json, value: Any, path: str) -> Iterator[Cause]:
    """Items of a set, and keys in a list of a map's kind, come once."""
    if isinstance(value, dict):
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, item in value.items():
            below = properties.get(name, others if isinstance(others, dict) else None)
            if below is not None:
                yield from _lists(below, item, f"{path}.{name}" if path else name)
    if not isinstance(value, list):
        return
    kind, names = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    seen: dict[str, int] = {}
    for index, item in enumerate(value):
        if kind not in ("set", "map"):
            break
        if kind == "map" and not isinstance(item, dict):
            continue
        key = item if kind == "set" else {name: item[name] for name in names if name in item}
        written = json.dumps(key, sort_keys=True)
        seen[written] = seen.get(written, 0) + 1
        if seen[written] == 2:
            yield Cause(f"{path}[{index}]", f"Duplicate value: {_shown(key)}", "FieldValueDuplicate")
    for index, item in enumerate(value):
        yield from _lists(schema.get("items") or {}, item, f"{path}[{index}]")


def _bad(path: str, value: Any, why: str) -> Cause:
    return Cause(path, f"Invalid value: {_shown(value)}: {path} in body {why}")


def _too_many(path: str, count: int, most: int) -> Cause:
    message = f"Too many: {count}: must have at most {most} {'item' if most == 1 else 'items'}"
    return Cause(path, message, "FieldValueTooMany")


def _shown(value: Any) -> str:
    """A value as the API server writes it into a message."""
    return _quoted(value) if isinstance(value, str) else _json(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@functools.lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str] | None:
    """A pattern of Go's as Python's: `$` is the very end. None for one that Python does not understand."""
    try:
        return re.compile(re.sub(r"(\\.)|\$(?![^\[]*\])", _end_of_text, pattern), re.ASCII)
    except (re.error, OverflowError):
        return None


def _end_of_text(match: re.Match[str]) -> str:
    return match[1] or r"\Z"


_MOMENT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def _is_address(version: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return check


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": lambda text: _MOMENT.fullmatch(text) is not None,
    "ipv4": _is_address(4),
    "ipv6": _is_address(6),
}
