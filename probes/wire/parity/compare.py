"""The old side's answer beside the new side's, for the same request. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ....cluster.text import clean
from ...verdict import Finding, Verdict, finding
from ..http.facts import HttpFacts
from ..http.judge import evidence, safe_reproduce, subject_of, target_of

COMPARED_HEADERS = (
    "content-type",
    "cache-control",
    "vary",
    "strict-transport-security",
    "content-security-policy",
    "x-frame-options",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "www-authenticate",
    "allow",
)


def compare(
    old: HttpFacts, new: HttpFacts, headers: Iterable[str] = COMPARED_HEADERS, body: bool = False
) -> tuple[Finding, ...]:
    """One finding for a path: PASS where status, Location, cookie names and ``headers`` agree.

    ``body`` compares the bodies' hashes too. A side that could not be asked makes it UNKNOWN; a new side
    that fails where the old one answers is a FAIL.
    """
    method = clean(new.request.method, 20)
    path = f"{method} {clean(target_of(new), 100)}"
    commands = (safe_reproduce(old), safe_reproduce(new))
    seen = (*(f"old: {line}" for line in evidence(old)), *(f"new: {line}" for line in evidence(new)))
    verdict, summary = _verdict(old, new, path, headers, body)
    rule = "HTTP040" if verdict is Verdict.PASS else "HTTP041"
    return (
        finding(
            rule,
            verdict,
            subject_of(new),
            summary,
            evidence=seen,
            reproduce="; ".join(command for command in commands if command),
        ),
    )


def _verdict(
    old: HttpFacts, new: HttpFacts, path: str, headers: Iterable[str], body: bool
) -> tuple[Verdict, str]:
    if new.status is None and old.status is not None and new.error not in ("local", "request"):
        return Verdict.FAIL, f"{path} {clean(new.error, 20) or 'no answer'} (old {old.status})"
    if new.status is None or old.status is None:
        side = "old" if old.status is None else "new"
        error = old.error if old.status is None else new.error
        return (
            Verdict.UNKNOWN,
            f"{path}: the {side} side could not be asked: {clean(error, 20) or 'no answer'}",
        )
    if old.status != new.status:
        return Verdict.FAIL, f"{path} {new.status} (old {old.status})"
    differences = _differences(old, new, headers, body)
    if not differences:
        return Verdict.PASS, f"{path} {new.status}, the same on both sides"
    # where a client is sent and who may enter are behaviour; the rest may be meant
    grave = any(name in ("location", "www-authenticate", "set-cookie") for name, _ in differences)
    return (
        Verdict.FAIL if grave else Verdict.WARN,
        f"{path} {new.status}: " + "; ".join(words for _, words in differences[:4]),
    )


def _differences(old: HttpFacts, new: HttpFacts, headers: Iterable[str], body: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name in ("location", *headers):
        before, after = old.header_values(name), new.header_values(name)
        if _plain(name, before, old) != _plain(name, after, new):
            found.append((name, f"{clean(name, 40)} {_shown(before)} became {_shown(after)}"))
    cookies_before, cookies_after = _cookies(old), _cookies(new)
    if cookies_before != cookies_after:
        found.append(("set-cookie", f"cookies {_shown(cookies_before)} became {_shown(cookies_after)}"))
    if body and old.body_sha256 != new.body_sha256:
        found.append(("body", f"body of {old.body_bytes} bytes became another of {new.body_bytes}"))
    return found


def _plain(name: str, values: tuple[str, ...], facts: HttpFacts) -> tuple[str, ...]:
    if name == "location":
        # an absolute Location with the host that was asked and a relative one send the client to the same
        # place
        origin = re.match(r"https?://[^/]+", facts.request.url)
        return tuple(value.removeprefix(origin.group()) or "/" if origin else value for value in values)
    if name in ("vary", "cache-control", "allow"):
        parts = (part.strip().lower() for value in values for part in value.split(","))
        return tuple(sorted(part for part in parts if part))
    return tuple(re.sub(r"\s*;\s*", ";", value.strip()).lower() for value in values)


def _cookies(facts: HttpFacts) -> tuple[str, ...]:
    names = (value.split("=", 1)[0].strip() for value in facts.header_values("set-cookie"))
    return tuple(sorted(set(names)))


def _shown(values: tuple[str, ...]) -> str:
    return clean(", ".join(values), 80) if values else "(none)"
