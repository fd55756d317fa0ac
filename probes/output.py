"""The one JSON shape that every command prints with ``-o json``; docs/output.schema.json describes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..cluster.refs import ObjectRef
from .verdict import Finding, Result, Subject, Verdict

SCHEMA = "pointsman/v1"


def document(
    command: str,
    verdict: Verdict | str,
    findings: Iterable[Finding],
    facts: object,
    elapsed_ms: float,
    beside: Callable[[Finding], Mapping[str, object]] | None = None,
    **extra: object,
) -> dict[str, Any]:
    """The document as plain JSON types. ``extra`` fields (``file`` with ``--each``) stand beside the fixed
    ones; ``beside`` gives those of a finding (``location``, ``context``).

    Raises ValueError where ``extra`` names a fixed field.
    """
    fixed: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "verdict": str(verdict),
        "findings": [
            {**finding_document(one), **(plain(beside(one)) if beside is not None else {})}
            for one in findings
        ],
        "facts": plain(facts),
        "elapsed_ms": round(elapsed_ms, 3),
    }
    clash = fixed.keys() & extra.keys()
    if clash:
        raise ValueError(f"{', '.join(sorted(clash))} cannot be given twice")
    return {**fixed, **{name: plain(value) for name, value in extra.items()}}


def finding_document(one: Finding) -> dict[str, Any]:
    """One finding as plain JSON types."""
    return {
        "rule": one.rule,
        "name": one.name,
        "verdict": str(one.verdict),
        "subject": subject_document(one.subject),
        "summary": one.summary,
        "why": one.why,
        "mend": one.mend,
        "evidence": list(one.evidence),
        "reproduce": one.reproduce,
    }


def subject_document(subject: Subject) -> dict[str, str]:
    """``kind, namespace, name, section`` of an object, or ``endpoint, host`` of an address."""
    if isinstance(subject, ObjectRef):
        return {
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            "section": subject.section,
        }
    return {"endpoint": subject.endpoint, "host": subject.host}


def result_document(command: str, result: Result, **extra: object) -> dict[str, Any]:
    """The document of one probe's result."""
    return document(command, result.verdict, result.findings, result.facts, result.elapsed_ms, None, **extra)


def plain(value: object) -> Any:
    """``value`` as plain JSON types; what JSON has no word for (infinity, a foreign object) becomes null or
    text.
    """
    return _finite(msgspec.to_builtins(value, str_keys=True, enc_hook=str))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def encode(document: Mapping[str, Any], indent: int = 2) -> str:
    """The document as JSON text, ASCII-safe to print; ``indent`` 0 keeps it on one line. Ends without a
    newline.
    """
    encoded = msgspec.json.encode(document)
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    text = encoded.decode("utf-8")
    # the encoder escapes all of ASCII that is not printable, but for DEL: most documents are done here
    if text.isascii() and "\x7f" not in text:
        return text
    # a lone control or bidi character would act on the terminal that this is printed to
    return "".join(_safe(character) for character in text)


def _safe(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
