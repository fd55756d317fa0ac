"""A stream of server-sent events, listened to until its first event."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .answer import Answer
from .commands import curl_basics, header_options, shown_url
from .facts import HttpFacts, HttpRequest
from .judge import error_rule
from .observe import Session
from .words import one_finding, target_of

_MOST_BYTES = 64 * 1024
_LINE_ENDS = (b"\n\n", b"\r\r", b"\r\n\r\n")


@dataclass(frozen=True, slots=True)
class EventsFacts:
    """Milliseconds from the start of the request to the first byte of the stream and to the end of its first
    event (a comment counts: it flows as well); None: not in the time. ``event_bytes`` is what was read.
    """

    http: HttpFacts
    first_byte_ms: float | None = None
    first_event_ms: float | None = None
    event_bytes: int = 0


async def observe_events(session: Session, request: HttpRequest) -> EventsFacts:
    """Listens until the first event, and closes. Never raises for what the other side does."""
    given = {name.lower() for name, _ in request.headers}
    own = (("Accept", "text/event-stream"), ("Cache-Control", "no-cache"))
    headers = tuple(header for header in own if header[0].lower() not in given)
    asked = replace(
        request,
        method="GET",
        follow=0,
        headers=(*headers, *request.headers),
        body=b"",
        sample=_MOST_BYTES,
    )
    first = _First()
    facts, answer = await session.ask(asked, enough=first.seen)
    if facts.error == "timeout" and answer.status is not None:
        # it answers, and is silent: that is no failure of the request
        answer.body.complete = False
        facts = answer.into(replace(facts, error="", error_detail=""))
    return EventsFacts(facts, first.byte_ms, first.event_ms, answer.body.size)


class _First:
    """Notices the first byte and the first whole event."""

    def __init__(self) -> None:
        self.byte_ms: float | None = None
        self.event_ms: float | None = None

    def seen(self, answer: Answer) -> bool:
        """Whether enough has come."""
        if self.byte_ms is None:
            self.byte_ms = answer.clock.now_ms()
        if any(end in answer.body.sample for end in _LINE_ENDS):
            self.event_ms = answer.clock.now_ms()
            return True
        return answer.body.size > _MOST_BYTES


def reproduce_events(request: HttpRequest) -> str:
    """The curl command that listens to the same stream; ctrl-c ends it."""
    own = tuple(header for header in request.headers if header[0].lower() != "accept")
    parts = ["curl", "-sS", "-i", "-N", *curl_basics(request)]
    quoted = [*(shlex.quote(part) for part in parts), "-H", "'Accept: text/event-stream'"]
    return " ".join(
        [*quoted, *header_options(replace(request, headers=own)), shlex.quote(shown_url(request))]
    )


def judge_events(facts: EventsFacts) -> tuple[Finding, ...]:
    """The one finding on a stream of events. Pure."""
    what = f"events {clean(target_of(facts.http), 100)}"
    return one_finding(facts.http, _outcome(facts), what, lambda: reproduce_events(facts.http.request))


def _outcome(facts: EventsFacts) -> tuple[str, Verdict, str]:
    http = facts.http
    if http.error or http.status is None:
        rule, verdict, words = error_rule(http)
        return rule, verdict, f"{words}: {clean(http.error_detail, 160)}"
    content = (http.header("content-type") or "").lower()
    if http.status != 200 or not content.startswith("text/event-stream"):
        return "HTTP082", Verdict.FAIL, f"{http.status} {clean(content, 60) or 'without a type'}"
    if facts.first_event_ms is not None:
        return "HTTP080", Verdict.PASS, f"first event after {facts.first_event_ms:.0f} ms"
    if http.body_complete:
        return "HTTP082", Verdict.FAIL, "the stream ended without an event"
    began = "and not one byte" if facts.first_byte_ms is None else "though its first bytes came"
    return "HTTP081", Verdict.UNKNOWN, f"no event within {http.request.timeout_s:g} s, {began}"
