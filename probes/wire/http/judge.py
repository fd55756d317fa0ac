"""What an answer to a request by address means. Pure."""

from __future__ import annotations

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from .commands import reproduce
from .facts import HeaderMatch, HttpExpectation, HttpFacts

# what an error says of the other side; those that say nothing of it are UNKNOWN
_ERROR_RULES = {
    "refused": ("HTTP010", Verdict.FAIL, "connection refused"),
    "timeout": ("HTTP011", Verdict.FAIL, "no answer"),
    "unreachable": ("HTTP011", Verdict.FAIL, "cannot be reached"),
    "reset": ("HTTP015", Verdict.FAIL, "connection closed"),
    "tls": ("HTTP016", Verdict.FAIL, "TLS failed"),
    "protocol": ("HTTP017", Verdict.FAIL, "not HTTP"),
}
_COULD_NOT_ASK = ("HTTP018", Verdict.UNKNOWN, "could not ask")


def judge(facts: HttpFacts, expectation: HttpExpectation | None = None) -> tuple[Finding, ...]:
    """The findings on one answer, at least one; a single PASS where all is as expected."""
    expected = expectation or HttpExpectation()
    request = facts.request
    subject = subject_of(facts)
    command = safe_reproduce(facts)
    path = clean(f"{request.method} {target_of(facts)}", 120)
    if facts.error or facts.status is None:
        rule, verdict, words = _ERROR_RULES.get(facts.error, _COULD_NOT_ASK)
        summary = f"{path}: {words}: {clean(facts.error_detail, 160)}"
        wanted = f"expected {expected.words()}"
        return (
            finding(rule, verdict, subject, summary, evidence=(wanted, *evidence(facts)), reproduce=command),
        )
    problems = [
        *_status(facts, expected, path),
        *_headers(facts, expected, path),
        *_body(facts, expected, path),
    ]
    limit = expected.slower_than_ms
    first = facts.timings_ms.first_byte
    if limit is not None and first is not None and first > limit:
        problems.append(
            ("HTTP022", Verdict.WARN, f"{path}: first byte after {first:.0f} ms, expected within {limit:.0f}")
        )
    if not problems:
        problems = [("HTTP001", Verdict.PASS, f"{path} {facts.status}")]
    seen = evidence(facts)
    return tuple(
        finding(rule, verdict, subject, summary, evidence=seen, reproduce=command)
        for rule, verdict, summary in problems
    )


_Problem = tuple[str, Verdict, str]


def _status(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[_Problem]:
    status = facts.status
    if status is None or expected.accepts(status):
        return []
    wanted = f"{path} {status}, expected {expected.words()}"
    if expected.protected and status < 400:
        location = facts.header("location")
        detail = f" (to {clean(location, 80)})" if location else ""
        return [("HTTP030", Verdict.FAIL, f"{wanted} without credentials{detail}")]
    if status >= 500:
        return [("HTTP014", Verdict.FAIL, wanted)]
    if status == 404:
        return [("HTTP013", Verdict.FAIL, wanted)]
    return [("HTTP012", Verdict.FAIL, wanted)]


def _headers(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[_Problem]:
    problems: list[_Problem] = []
    for match in expected.headers:
        fault = _header_fault(facts, match)
        if fault:
            problems.append(("HTTP020", Verdict.FAIL, f"{path}: {fault}"))
    return problems


def _header_fault(facts: HttpFacts, match: HeaderMatch) -> str:
    values = facts.header_values(match.name)
    name = clean(match.name, 60)
    matching = [value for value in values if match.contains in value]
    if match.absent:
        return f"header {name} is there ({clean(matching[0], 80)}), and should not be" if matching else ""
    if not values:
        return f"header {name} is missing"
    if not matching:
        return f"header {name} is {clean(values[0], 80)}, expected to hold {clean(match.contains, 80)}"
    return ""


def _body(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[_Problem]:
    problems: list[_Problem] = []
    for text in expected.body_contains:
        if text in facts.body_sample:
            continue
        whole = facts.body_complete and facts.body_bytes <= len(facts.body_sample.encode("utf-8", "replace"))
        if whole:
            problems.append(("HTTP021", Verdict.FAIL, f"{path}: the body does not hold {clean(text, 80)}"))
        else:
            where = "not in the first 4 KiB of the body, and the rest is not kept"
            problems.append(("HTTP021", Verdict.UNKNOWN, f"{path}: {clean(text, 80)} is {where}"))
    return problems


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
    try:
        command = reproduce(facts.request, facts)
    except ValueError:
        return ""
    # what a terminal could act on could not have been sent either
    return command if clean(command, len(command) + 1) == command else ""


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
