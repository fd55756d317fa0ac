"""How findings about objects are worded: conditions as evidence, commands that show the same."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache

from ...cluster.objects import Condition
from ...cluster.refs import ObjectRef
from ...cluster.text import clean

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST = 253


def condition_line(condition: Condition, generation: int = 0, source: str = "") -> str:
    """One condition as one line of evidence, with the generation it speaks of where that is behind."""
    parts = [f"{clean(condition.type, 80)}={clean(condition.status, 20)}"]
    if condition.reason:
        parts.append(f"({clean(condition.reason, 120)})")
    if condition.message:
        parts.append(clean(condition.message, 240))
    seen = condition.observed_generation
    if seen is not None and generation and seen < generation:
        parts.append(f"[for generation {seen}; the object is at {generation}]")
    line = " ".join(parts)
    return f"{clean(source, 120)} says {line}" if source else line


def summary_of(condition: Condition) -> str:
    """Reason and message of a condition in one short line."""
    reason = clean(condition.reason or "no reason given", 120)
    return f"{reason}: {clean(condition.message, 200)}" if condition.message else reason


def is_plain(text: str) -> bool:
    """Whether a name can stand in a command or a manifest as it is."""
    return len(text) <= _LONGEST and _PLAIN.fullmatch(text) is not None


def kubectl_get(ref: ObjectRef, output: str = "yaml") -> str:
    """The kubectl command that shows an object; empty where its name could not be a real one."""
    kind = f"{ref.kind}.{ref.group}".lower() if ref.group else ref.kind.lower()
    if not _PLAIN.fullmatch(ref.name) or not _PLAIN.fullmatch(kind):
        return ""
    if ref.namespace and not _PLAIN.fullmatch(ref.namespace):
        return ""
    words = ["kubectl", "get", f"{kind}/{ref.name}"]
    if ref.namespace:
        words += ["-n", ref.namespace]
    return shlex.join([*words, "-o", output])


def kubectl_list(resource: str, namespace: str = "") -> str:
    """The kubectl command that lists a kind in one namespace (all where none is given)."""
    if not _PLAIN.fullmatch(resource) or (namespace and not _PLAIN.fullmatch(namespace)):
        return ""
    return shlex.join(["kubectl", "get", resource, *(["-n", namespace] if namespace else ["-A"])])


# thousands of routes name the same few parents
@lru_cache(maxsize=1_000)
def safe_ref(ref: ObjectRef) -> ObjectRef:
    """A reference taken from a spec, made safe to show (refs of objects themselves already are)."""
    return ObjectRef(
        clean(ref.kind, 63),
        clean(ref.namespace, 63),
        clean(ref.name, 253),
        clean(ref.section, 253),
        clean(ref.group, 253),
    )
