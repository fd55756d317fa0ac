"""How an answer is told: its endpoint, its path, the command that asks the same, what was seen of it."""

from __future__ import annotations

from collections.abc import Callable

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from .commands import reproduce
from .facts import HttpFacts


def subject_of(facts: HttpFacts) -> Endpoint:
    """The endpoint that was asked, whatever the URL looks like."""
    try:
        return Endpoint(clean(facts.request.endpoint, 80), clean(facts.request.host, 255))
    except ValueError:
        return Endpoint(clean(facts.request.address, 80), "")


def target_of(facts: HttpFacts) -> str:
    """Path and query, or the whole URL where it cannot be taken apart."""
    try:
        return facts.request.target
    except ValueError:
        return facts.request.url


def safe_reproduce(facts: HttpFacts) -> str:
    """The curl command; empty where the request cannot be written as one."""
    return safe_command(lambda: reproduce(facts.request, facts))


def safe_command(make: Callable[[], str]) -> str:
    """What ``make`` gives; empty where it cannot be made, or holds what a terminal could act on: that could
    not have been sent either.
    """
    try:
        command = make()
    except ValueError:
        return ""
    return command if clean(command, len(command) + 1) == command else ""


def one_finding(
    facts: HttpFacts, outcome: tuple[str, Verdict, str], what: str, make: Callable[[], str]
) -> tuple[Finding, ...]:
    """The one finding on a kind of its own: ``outcome`` is rule, verdict and words, ``make`` the command."""
    rule, verdict, words = outcome
    summary = f"{what}: {words}"
    command = safe_command(make)
    return (finding(rule, verdict, subject_of(facts), summary, evidence=evidence(facts), reproduce=command),)


def evidence(facts: HttpFacts) -> tuple[str, ...]:
    """Lines of what was seen: status, sizes, times, the headers that matter."""
    lines: list[str] = []
    if facts.status is not None:
        kept = "" if facts.body_complete else " and more"
        lines.append(f"{clean(facts.http_version, 20)} {facts.status}, {facts.body_bytes} bytes{kept}")
    if facts.error:
        lines.append(f"{clean(facts.error, 20)}: {clean(facts.error_detail, 200)}")
    for name in ("location", "server", "via", "content-type", "www-authenticate"):
        value = facts.header(name)
        if value is not None:
            lines.append(f"{name}: {clean(value, 160)}")
    times = facts.timings_ms
    parts = [
        f"{label} {value:.0f} ms"
        for label, value in (
            ("connect", times.connect),
            ("TLS", times.tls),
            ("first byte", times.first_byte),
            ("total", times.total),
        )
        if value is not None
    ]
    return (*lines, ", ".join(parts))
