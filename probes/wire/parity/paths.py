"""Requests made from the rules of an Ingress and of routes: each path, and the edges around it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from ...state.twin.answers import LONGEST_PATH, Pattern
from ...state.twin.samples import CHILD, expression_samples
from .question import Question

UNKNOWN_PATH = "/x-pointsman-nobody-has-this"
UNKNOWN_HOST = "x-pointsman-unknown.invalid"
_UNRESERVED = "/!$&'()*+,;=:@-._~%"


@dataclass(frozen=True, slots=True)
class HostRules:
    """One host with what its rules cover, on both sides. ``tls``: it is served over https.

    A host that begins with ``*.`` is asked by a name that it covers; an empty one cannot be asked.
    """

    host: str
    patterns: tuple[Pattern, ...]
    tls: bool = True

    @property
    def asked(self) -> str:
        """The name to ask by."""
        return f"x-pointsman{self.host[1:]}" if self.host.startswith("*.") else self.host


_WHY = {
    "exact": "a rule's own path",
    "child": "below a rule's path",
    "slash toggled": "nginx redirects to a missing slash by itself",
    "case flipped": "nginx expressions ignore case, and routes do not",
    "sibling": "a string prefix takes it, an element prefix does not",
    "encoded slash": "%2F is decoded, kept or redirected before matching",
    "dot segments": "resolved before matching, or not",
    "double slash": "merged before matching, or not",
    "unknown path": "what nobody serves must stay unserved",
    "unknown host": "what nobody serves must stay unserved",
    "plain HTTP": "the redirect to https, or what is served in the clear",
}


def questions(hosts: Iterable[HostRules], most: int, timeout_s: float = 10.0) -> tuple[Question, ...]:
    """At most ``most`` requests: first every rule's own path, then the edges of all, evenly."""
    ranked: list[tuple[int, Question]] = []
    for rules in hosts:
        if not rules.host.strip("*."):
            continue
        found: dict[str, tuple[int, Question]] = {}
        for rank, question in _of_host(rules, timeout_s):
            found.setdefault(question.url + question.host, (rank, question))
        ranked += found.values()
    ranked.sort(key=lambda entry: entry[0])
    return tuple(question for _, question in ranked[:most])


def _of_host(rules: HostRules, timeout_s: float) -> Iterator[tuple[int, Question]]:
    scheme = "https" if rules.tls else "http"
    origin = f"{scheme}://{rules.asked}"

    def made(path: str, place: str, base: str = "", *, known: bool = False, host: str = "") -> Question:
        return Question(
            f"{origin}{_encoded(path)}",
            place=place,
            why=_WHY[place],
            known=known,
            base=f"{origin}{_encoded(base)}" if base else "",
            host=host,
            timeout_s=timeout_s,
        )

    bases: dict[str, Pattern] = {}
    for pattern in rules.patterns:
        samples = expression_samples(pattern) if pattern.kind == "regex" else (pattern.value or "/",)
        bases.update(
            {base: pattern for base in samples if base.startswith("/") and len(base) <= LONGEST_PATH}
        )
    for base in bases:
        yield 0, made(base, "exact", known=True)
    if rules.tls:
        first = next(iter(bases), "/")
        yield (
            0,
            Question(
                f"http://{rules.asked}{_encoded(first)}",
                place="plain HTTP",
                why=_WHY["plain HTTP"],
                timeout_s=timeout_s,
            ),
        )
    yield 1, made(UNKNOWN_PATH, "unknown path")
    yield 1, made("/", "unknown host", host=UNKNOWN_HOST)
    for base in bases:
        for rank, (path, place) in enumerate(_edges(base), 2):
            yield rank, made(path, place, base, known=place == "child")


def _edges(base: str) -> Iterator[tuple[str, str]]:
    bare = base.rstrip("/")
    yield f"{bare}/{CHILD}", "child"
    if bare:
        yield (bare if base.endswith("/") else f"{bare}/"), "slash toggled"
        if bare.swapcase() != bare:
            yield bare.swapcase(), "case flipped"
        yield f"{bare}x", "sibling"
        yield f"{bare}%2F{CHILD}", "encoded slash"
    yield f"{bare}/{CHILD}/../{CHILD}", "dot segments"
    yield f"{bare}//{CHILD}", "double slash"


def _encoded(path: str) -> str:
    """A path as it may stand in a request line; what is encoded already stays as it is."""
    return quote(path, safe=_UNRESERVED)
