"""The smallest request that still shows a difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from .question import Question

Still = Callable[[Question], Awaitable[bool]]


async def shrink(question: Question, still: Still, most: int = 24) -> Question:
    """A question for which ``still`` holds, with nothing left to take away that ``most`` asks could find.

    Each step takes the first simpler request that still differs. Every candidate is simpler than what it
    comes from, so it ends without the bound too.
    """
    smallest, asked = question, 0
    tried: set[Question] = {question}
    while True:
        for candidate in simpler(smallest):
            if candidate in tried:
                continue
            if asked >= most:
                return smallest
            tried.add(candidate)
            asked += 1
            if await still(candidate):
                smallest = candidate
                break
        else:
            return smallest


def size(question: Question) -> tuple[int, int]:
    """How much there is to a question: what is unusual about it, then how long its target is."""
    unusual = (
        len(question.headers)
        + (question.method != "GET")
        + (question.protocol != "http/1.1")
        + (question.sni is not None)
        + bool(question.host)
        + bool(question.payload)
        + question.body_size.bit_length()
    )
    return unusual, len(question.target)


def simpler(question: Question) -> Iterator[Question]:
    """Requests with something taken away, the boldest first; each is smaller by ``size``."""
    for candidate in _candidates(question):
        if size(candidate) < size(question):
            yield candidate


def _candidates(question: Question) -> Iterator[Question]:
    plain = Question(
        question.url,
        place=question.place,
        why=question.why,
        known=question.known,
        base=question.base,
        timeout_s=question.timeout_s,
    )
    yield plain
    yield replace(question, protocol="http/1.1")
    yield replace(question, sni=None)
    yield replace(question, host="")
    if question.method != "GET":
        yield replace(question, method="GET", body_size=0, payload="")
    if len(question.headers) > 1:
        yield replace(question, headers=())
    for at in range(len(question.headers)):
        yield replace(question, headers=question.headers[:at] + question.headers[at + 1 :])
    if question.body_size:
        yield replace(question, body_size=question.body_size // 2)
    yield from _targets(question)


def _targets(question: Question) -> Iterator[Question]:
    try:
        parts = urlsplit(question.url)
    except ValueError:
        return

    def with_target(path: str, query: str) -> Question:
        return replace(question, url=urlunsplit((parts.scheme, parts.netloc, path, query, "")))

    if parts.query:
        yield with_target(parts.path, "")
        pairs = parts.query.split("&")
        if len(pairs) > 1:
            for at in range(len(pairs)):
                yield with_target(parts.path, "&".join(pairs[:at] + pairs[at + 1 :]))
    segments = parts.path.split("/")
    for kept in range(1, len(segments)):
        # the shortest path first: what a whole host does is seen at its root
        path = "/".join(segments[:kept]) or "/"
        yield with_target(path, parts.query)
        if path != "/":
            yield with_target(f"{path}/", parts.query)
