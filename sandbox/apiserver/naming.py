"""What names, label keys and label values may look like; why one does not, in the words of Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .kinds import Resource
from .validation import Cause

Json = dict[str, Any]

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_KEY_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    f"'{_KEY}')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    f"for validation is '{_VALUE}')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LONGEST_NAME, _LONGEST_LABEL = 253, 63
# kinds whose names become one part of a host name
_LABEL_NAMED = frozenset({("", "Namespace"), ("", "Service")})


def is_subdomain(name: str) -> bool:
    """RFC 1123 subdomain: what a name of most objects must be."""
    return len(name) <= _LONGEST_NAME and re.fullmatch(_SUBDOMAIN, name) is not None


def name_problems(resource: Resource, name: str) -> Iterator[str]:
    """Why an object of that kind may not have that name."""
    one_label = (resource.group, resource.kind) in _LABEL_NAMED
    longest, pattern, rule = (
        (_LONGEST_LABEL, _LABEL, _LABEL_RULE) if one_label else (_LONGEST_NAME, _SUBDOMAIN, _SUBDOMAIN_RULE)
    )
    if len(name) > longest:
        yield f"must be no more than {longest} bytes"
    if re.fullmatch(pattern, name) is None:
        yield rule


def metadata_causes(resource: Resource, metadata: Json) -> Iterator[Cause]:
    """What is wrong with the name, the labels and the annotations' keys."""
    name = metadata.get("name") or ""
    if not name:
        yield Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
    else:
        for problem in name_problems(resource, name):
            yield _bad("metadata.name", name, problem)
    for key, value in sorted((metadata.get("labels") or {}).items()):
        for problem in _key_problems(key):
            yield _bad("metadata.labels", key, problem)
        if len(value) > _LONGEST_LABEL:
            yield _bad("metadata.labels", value, f"must be no more than {_LONGEST_LABEL} bytes")
        if re.fullmatch(_VALUE, value) is None:
            yield _bad("metadata.labels", value, _VALUE_RULE)
    for key in sorted(metadata.get("annotations") or {}):
        for problem in _key_problems(key.lower()):
            yield _bad("metadata.annotations", key, problem)


def _bad(field: str, value: str, problem: str) -> Cause:
    return Cause(field, f'Invalid value: "{value}": {problem}')


def _key_problems(key: str) -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        yield (
            f"a valid label key {_KEY_RULE} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        )
        return
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash and not is_subdomain(prefix):
        yield f"prefix part {_SUBDOMAIN_RULE}"
    if not name:
        yield "name part must be non-empty"
    elif len(name) > _LONGEST_LABEL:
        yield f"name part must be no more than {_LONGEST_LABEL} bytes"
    if re.fullmatch(_KEY, name) is None:
        yield f"name part {_KEY_RULE}"
