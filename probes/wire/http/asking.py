"""Many requests at once, gently to each address: whatever kind each is, it ends in one result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ....cluster.errors import UserError
from ....cluster.text import clean
from ...verdict import Finding, Result, Verdict, finding
from .events import EventsFacts, judge_events, observe_events
from .facts import SAMPLE_LIMIT, HttpExpectation, HttpFacts, HttpRequest
from .grpc import GrpcFacts, judge_health, observe_health
from .judge import judge
from .observe import Session
from .websocket import WebSocketFacts, judge_websocket, observe_websocket
from .words import subject_of

Kind = Literal["http", "grpc", "websocket", "events"]
AnyFacts = HttpFacts | GrpcFacts | WebSocketFacts | EventsFacts

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class HttpAsk:
    """One thing to ask: ``expectation`` is for ``http``, ``service`` for ``grpc``."""

    request: HttpRequest
    kind: Kind = "http"
    expectation: HttpExpectation = field(default_factory=HttpExpectation)
    service: str = ""


async def ask(session: Session, one: HttpAsk) -> tuple[AnyFacts, tuple[Finding, ...]]:
    """Asks one and judges the answer. Never raises for what the network or the other side does."""
    if one.kind == "grpc":
        health = await observe_health(session, one.request, one.service)
        return health, judge_health(health)
    if one.kind == "websocket":
        socket = await observe_websocket(session, one.request)
        return socket, judge_websocket(socket)
    if one.kind == "events":
        stream = await observe_events(session, one.request)
        return stream, judge_events(stream)
    facts = await session.observe(one.request)
    found = judge(facts, one.expectation)
    # what was kept for matching alone is not carried on
    return replace(facts, body_sample=facts.body_sample[:SAMPLE_LIMIT]), found


async def ask_all(
    asks: Sequence[HttpAsk],
    on_done: Callable[[int], None] | None = None,
    at_once: int = AT_ONCE,
    on_result: Callable[[HttpAsk, Result], None] | None = None,
) -> tuple[Result, ...]:
    """Asks all of them, at most ``at_once`` at a time for each address, in the order given.

    ``on_done`` hears how many are through, ``on_result`` each result. Cancelling ends every request.
    """
    gates: dict[str, asyncio.Semaphore] = {}
    sessions: dict[str | None, Session] = {}
    done = 0

    async def run(one: HttpAsk) -> Result:
        nonlocal done
        async with gates.setdefault(one.request.address, asyncio.Semaphore(max(1, at_once))):
            result = await _result(sessions, one)
        done += 1
        if on_result is not None:
            on_result(one, result)
        if on_done is not None:
            on_done(done)
        return result

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(one)) for one in asks]
        return tuple(task.result() for task in tasks)
    finally:
        for session in sessions.values():
            await session.aclose()


async def _result(sessions: dict[str | None, Session], one: HttpAsk) -> Result:
    started = time.monotonic()
    request = one.request
    label = clean(f"{request.method} {request.url} at {request.address}", 400)
    try:
        session = sessions.get(request.ca_file)
        if session is None:
            session = sessions[request.ca_file] = Session(request.ca_file)
    except UserError as error:
        failed = HttpFacts(request, error="local", error_detail=clean(error))
        told = finding("HTTP018", Verdict.UNKNOWN, subject_of(failed), clean(error))
        return Result(one.kind, label, (told,))
    facts, found = await ask(session, one)
    elapsed_ms = (time.monotonic() - started) * 1000
    return Result(one.kind, label, found, {"kind": one.kind, "answer": facts}, elapsed_ms)


def http_facts(result: Result) -> HttpFacts | None:
    """The HTTP part of a result's facts; None where nothing was asked."""
    answer = result.facts.get("answer")
    if isinstance(answer, (GrpcFacts, WebSocketFacts, EventsFacts)):
        return answer.http
    return answer if isinstance(answer, HttpFacts) else None
