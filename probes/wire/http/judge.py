"""What an answer to a request by address means. Pure."""

from __future__ import annotations

from ....cluster.text import clean
from ...verdict import Finding, Verdict, finding
from .facts import HeaderMatch, HttpExpectation, HttpFacts
from .judge_body import body_problems
from .judge_redirects import redirect_problems
from .words import evidence, safe_reproduce, subject_of, target_of

__all__ = ["evidence", "judge", "safe_reproduce", "subject_of", "target_of"]

Problem = tuple[str, Verdict, str]

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
_OUT_OF_BOUNDS = ("HTTP023", Verdict.FAIL, "out of bounds")
_NOT_AGREED = ("HTTP019", Verdict.FAIL, "no HTTP/2")


def judge(facts: HttpFacts, expectation: HttpExpectation | None = None) -> tuple[Finding, ...]:
    """The findings on one answer, at least one; a single PASS where all is as expected."""
    expected = expectation or HttpExpectation()
    subject = subject_of(facts)
    command = safe_reproduce(facts)
    path = clean(f"{facts.request.method} {target_of(facts)}", 120)
    if facts.error or facts.status is None:
        rule, verdict, words = error_rule(facts)
        detail = clean(facts.error_detail, 160)
        summary = f"{path}: {words}" + (f": {detail}" if detail != words else "")
        wanted = f"expected {expected.words()}"
        return (
            finding(rule, verdict, subject, summary, evidence=(wanted, *evidence(facts)), reproduce=command),
        )
    problems = [
        *_status(facts, expected, path),
        *redirect_problems(facts, expected, path),
        *_headers(facts, expected, path),
        *body_problems(facts, expected, path),
        *_slowness(facts, expected, path),
    ]
    if not problems:
        problems = [("HTTP001", Verdict.PASS, _good(facts, path))]
    seen = evidence(facts)
    return tuple(
        finding(rule, verdict, subject, summary, evidence=seen, reproduce=command)
        for rule, verdict, summary in problems
    )


def error_rule(facts: HttpFacts) -> Problem:
    """The rule, verdict and words for a request that got no answer."""
    if facts.limit:
        return _OUT_OF_BOUNDS
    asked_h2 = facts.request.protocol == "h2" and facts.error == "protocol"
    if asked_h2 and facts.tls_version and facts.alpn != "h2":
        return _NOT_AGREED
    return _ERROR_RULES.get(facts.error, _COULD_NOT_ASK)


def _good(facts: HttpFacts, path: str) -> str:
    hops = len(facts.redirects)
    way = f" after {hops} redirect{'s' if hops > 1 else ''} at {clean(facts.final_url, 120)}" if hops else ""
    return f"{path} {facts.status}{way}"


def _status(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[Problem]:
    status = facts.status
    if status is None or expected.accepts(status):
        return []
    if expected.to_https and not expected.statuses:
        # judged with the redirect that is missing
        return []
    wanted = f"{path} {status}, expected {expected.words()}"
    if expected.protected and status < 400:
        location = facts.header("location")
        detail = f" (to {clean(location, 80)})" if location else ""
        return [("HTTP030", Verdict.FAIL, f"{wanted} without credentials{detail}")]
    because = _cause(facts, status)
    if status >= 500:
        return [("HTTP014", Verdict.FAIL, wanted + because)]
    if status == 404:
        return [("HTTP013", Verdict.FAIL, wanted)]
    return [("HTTP012", Verdict.FAIL, wanted + because)]


def _cause(facts: HttpFacts, status: int) -> str:
    """What a status means beside its number, where that is not plain."""
    old = facts.request.protocol == "http/1.0"
    causes = {
        413: "the body is larger than a proxy on the way takes",
        421: "the certificate's name and Host belong to different listeners",
        426: "HTTP/1.0 is refused" if old else "another protocol is wanted",
        431: "the headers are larger than a proxy on the way takes",
        502: "the proxy cannot speak with its backend",
        503: "the proxy has no backend to ask",
        504: "the backend did not answer the proxy in time",
        505: "this version of HTTP is refused",
    }
    return f": {causes[status]}" if status in causes else ""


def _headers(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[Problem]:
    problems: list[Problem] = []
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


def _slowness(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[Problem]:
    limit, first = expected.slower_than_ms, facts.timings_ms.first_byte
    if limit is None or first is None or first <= limit:
        return []
    words = f"{path}: first byte after {first:.0f} ms, expected within {limit:.0f}"
    return [("HTTP022", Verdict.WARN, words)]
