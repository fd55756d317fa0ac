"""Where a redirect leads, and whether a client comes to an end that way. Pure."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from ....cluster.text import clean
from ...verdict import Verdict
from .facts import HttpExpectation, HttpFacts, ascii_only
from .redirects import REDIRECTS

Problem = tuple[str, Verdict, str]

_STOPS = {
    "limit": ("HTTP025", Verdict.FAIL, "still redirects"),
    "loop": ("HTTP025", Verdict.FAIL, "redirects in a circle"),
    "cookie": ("HTTP026", Verdict.UNKNOWN, "redirects in a circle to who does not send its cookies back"),
    "host": ("HTTP026", Verdict.UNKNOWN, "leads to another host, whose address was not given"),
    "scheme": ("HTTP026", Verdict.WARN, "leads to what is not HTTP"),
    "method": ("HTTP026", Verdict.UNKNOWN, "is not followed with this method"),
    "location": ("HTTP027", Verdict.FAIL, "redirects to nowhere"),
}


def redirect_problems(facts: HttpFacts, expected: HttpExpectation, path: str) -> list[Problem]:
    """What is wrong with a redirect, followed or not."""
    problems: list[Problem] = []
    location = facts.header("location") or ""
    stop = _STOPS.get(facts.redirect_stop)
    if stop is not None:
        rule, verdict, words = stop
        way = f"after {len(facts.redirects)} redirects it " if facts.redirects else ""
        problems.append((rule, verdict, f"{path}: {way}{words} ({clean(location, 120) or 'no Location'})"))
    if expected.to_https:
        problems += _to_https(facts, location, path)
    if expected.location:
        problems += _pinned(facts, expected.location, location, path)
    if not expected.protected and not expected.to_https and stop is None:
        problems += _misled(facts, location, path)
    return problems


def _pinned(facts: HttpFacts, wanted: str, location: str, path: str) -> list[Problem]:
    asked = facts.request.url
    if location and _same(_resolved(asked, location), _resolved(asked, wanted)):
        return []
    found = f"leads to {clean(location, 120)}" if location else "has no Location"
    return [("HTTP027", Verdict.FAIL, f"{path} {facts.status} {found}, expected {clean(wanted, 120)}")]


def _to_https(facts: HttpFacts, location: str, path: str) -> list[Problem]:
    """A plain request has to be sent to https of the same host, path and query kept, for good (308)."""
    status = facts.redirects[0].status if facts.redirects else facts.status
    location = facts.redirects[0].location if facts.redirects else location
    if status not in REDIRECTS:
        return [("HTTP028", Verdict.FAIL, f"{path} {status} without TLS, expected a redirect to https")]
    asked = urlsplit(facts.request.url)
    target = _resolved(facts.request.url, location)
    parts = urlsplit(target)
    if parts.scheme != "https" or (parts.hostname or "") != (asked.hostname or ""):
        shown = clean(location, 120) or "nowhere"
        return [
            ("HTTP028", Verdict.FAIL, f"{path} {status} leads to {shown}, expected https of the same host")
        ]
    problems: list[Problem] = []
    if (parts.path or "/", parts.query) != (asked.path or "/", asked.query):
        words = f"{path} {status} leads to {clean(location, 120)}: path or query is lost on the way to https"
        problems.append(("HTTP027", Verdict.WARN, words))
    if status in (301, 302, 303):
        words = f"{path} {status} to https: clients may turn a POST into a GET (308 keeps it)"
        problems.append(("HTTP029", Verdict.WARN, words))
    elif status == 307:
        words = f"{path} 307 to https holds for one request only (308 is for good)"
        problems.append(("HTTP029", Verdict.WARN, words))
    return problems


def _misled(facts: HttpFacts, location: str, path: str) -> list[Problem]:
    """What no client can want: back to the same URL, or from https to http of the same host."""
    if facts.status not in REDIRECTS or not location:
        return []
    asked = facts.final_url or facts.request.url
    target = _resolved(asked, location)
    if _same(target, _resolved(asked, asked)):
        if facts.header("set-cookie") is not None or facts.request.method not in ("GET", "HEAD"):
            return []
        return [("HTTP025", Verdict.FAIL, f"{path} {facts.status} redirects to itself")]
    before, after = urlsplit(asked), urlsplit(target)
    if (before.scheme, after.scheme) == ("https", "http") and before.hostname == after.hostname:
        words = f"{path} {facts.status} leads from https to {clean(location, 120)}"
        return [("HTTP031", Verdict.WARN, words)]
    return []


def _resolved(base: str, location: str) -> str:
    try:
        parts = urlsplit(urljoin(ascii_only(base), ascii_only(location.strip())))
        default = {"http": 80, "https": 443}.get(parts.scheme)
        port = f":{parts.port}" if parts.port and parts.port != default else ""
        host = parts.hostname or ""
    except ValueError:
        return ""
    where = f"[{host}]{port}" if ":" in host else f"{host}{port}"
    return parts._replace(netloc=where, path=parts.path or "/").geturl()


def _same(one: str, other: str) -> bool:
    return bool(one) and one == other
