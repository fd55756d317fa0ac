"""What an answer's headers say of the caches that it came through. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....cluster.text import clean
from ..http.facts import HttpFacts
from .facts import CacheState

# the first that an answer has decides; Cache-Status is the only one with a standard (RFC 9211)
STATUS_HEADERS = (
    *("cache-status", "cf-cache-status", "cdn-cache", "x-cache", "x-cache-status", "x-proxy-cache"),
    *("x-nginx-cache", "x-vercel-cache"),
)
SHOWN_HEADERS = (*STATUS_HEADERS, "age", "x-varnish")

_FORWARDS: dict[str, CacheState] = {
    "bypass": "bypass",
    "method": "bypass",
    "request": "bypass",
    "uri-miss": "miss",
    "vary-miss": "miss",
    "miss": "miss",
    "partial": "miss",
    "stale": "stale",
}
# TCP_REFRESH_HIT, RefreshHit, REVALIDATED and the like: it was kept, and the origin was asked all the same
_WORDS: tuple[tuple[CacheState, re.Pattern[str]], ...] = (
    ("stale", re.compile(r"stale|updating|revalidated|expired|refresh", re.IGNORECASE)),
    ("bypass", re.compile(r"bypass|dynamic|\bpass\b|uncacheable", re.IGNORECASE)),
    ("hit", re.compile(r"(?<![a-z])hit(?![a-z])", re.IGNORECASE)),
    ("miss", re.compile(r"(?<![a-z])miss(?![a-z])", re.IGNORECASE)),
)
# an item of a structured list (RFC 8941, 3.1) up to its comma, and its parameters up to their semicolons
_MEMBER = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
_WHOLE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"])*')
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^";])+')
_DIRECTIVE = re.compile(r'([^\s=,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?')
# answers that a cache keeps without being told to (RFC 9110, 15.1)
_KEPT_BY_DEFAULT = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})


def cache_state(facts: HttpFacts) -> CacheState:
    """What the cache nearest to us did; from Cache-Status, the vendors' headers, or Age."""
    for name in STATUS_HEADERS:
        value = ", ".join(facts.header_values(name))
        if not value:
            continue
        members = _members(value)
        # every cache adds itself at the end (RFC 9211, 2), and so do the vendors
        nearest = members[-1] if members else ""
        state = _by_standard(nearest) if name == "cache-status" else _by_word(nearest)
        if state:
            return state
    varnish = facts.header("x-varnish")
    if varnish is not None:
        # the second number is the request that filled the cache
        return "hit" if len(varnish.split()) > 1 else "miss"
    return "hit" if (age_of(facts) or 0) > 0 else ""


def age_of(facts: HttpFacts) -> int | None:
    """Age in seconds (RFC 9111, 5.1); None where it is absent or no number."""
    age = (facts.header("age") or "").strip()
    return int(age) if re.fullmatch(r"\d{1,10}", age, re.ASCII) else None


def _by_standard(member: str) -> CacheState:
    parameters = dict(_parameters(member))
    if parameters.get("hit") in ("", "?1"):
        # a negative time to live: what was served had gone stale (RFC 9211, 2.4)
        return "stale" if parameters.get("ttl", "").startswith("-") else "hit"
    return _FORWARDS.get(parameters.get("fwd", "").lower(), "")


def _by_word(text: str) -> CacheState:
    return next((state for state, pattern in _WORDS if pattern.search(text)), "")


def _members(value: str) -> list[str]:
    """The items of a list; none where a quote is never closed: such a field says nothing (RFC 8941, 4.2)."""
    if _WHOLE.fullmatch(value) is None:
        return []
    return [member.strip() for member in _MEMBER.findall(value) if member.strip()]


def _parameters(member: str) -> Iterator[tuple[str, str]]:
    """Names and values behind the item itself; a name alone is true (RFC 8941, 3.1.2)."""
    for part in _PART.findall(member)[1:]:
        name, _, value = part.strip().partition("=")
        yield name.strip().lower(), value.strip().strip('"')


def uncacheable(facts: HttpFacts) -> str:
    """Why no shared cache keeps the answer by its own headers (RFC 9111, 3); empty where that is open."""
    said = _directives(facts)
    name = "CDN-Cache-Control" if facts.header("cdn-cache-control") else "Cache-Control"
    for word in ("no-store", "private"):
        # private="name" keeps back a field only
        if said.get(word) == "":
            return f"{name}: {word}"
    lifetime = said.get("s-maxage", said.get("max-age", ""))
    if lifetime and not lifetime.strip("0"):
        return f"{name}: {'s-maxage' if 's-maxage' in said else 'max-age'}=0"
    if said.get("no-cache") == "":
        return f"{name}: no-cache"
    if "*" in vary(facts):
        return "Vary: *"
    cookie = facts.header("set-cookie")
    if cookie is not None:
        # by the standard it may be kept, yet nginx, Varnish and the CDNs do not
        return f"Set-Cookie: {clean(cookie.partition('=')[0], 40)}"
    fresh = bool(lifetime) or "public" in said or facts.header("expires") is not None
    if facts.status is not None and facts.status not in _KEPT_BY_DEFAULT and not fresh:
        return f"status {facts.status} without a lifetime"
    return ""


def _directives(facts: HttpFacts) -> dict[str, str]:
    # a directive for caches alone goes before the one for everybody (RFC 9213, 2.2)
    values = facts.header_values("cdn-cache-control") or facts.header_values("cache-control")
    found: dict[str, str] = {}
    for match in _DIRECTIVE.finditer(", ".join(values)):
        found.setdefault(match[1].lower(), (match[2] or "").strip('"'))
    return found


def vary(facts: HttpFacts) -> tuple[str, ...]:
    """The names in Vary (RFC 9110, 12.5.5), lower case, each once."""
    names = ",".join(facts.header_values("vary")).lower().split(",")
    return tuple(dict.fromkeys(clean(name.strip(), 60) for name in names if name.strip()))[:20]
