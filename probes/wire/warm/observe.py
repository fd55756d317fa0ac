"""Fetches through the new side, gently, and reads from the headers whether a cache took it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ....cluster.errors import UserError
from ....cluster.text import clean
from ..http.facts import HttpFacts, HttpRequest
from ..http.observe import Session
from .caches import SHOWN_HEADERS, age_of, cache_state, uncacheable, vary
from .facts import Cause, WarmFacts, WarmFetch, WarmPlan

_MOST_SHOWN = 10
_MOST_HOSTS_KEPT = 100


@dataclass(slots=True)
class _Run:
    plan: WarmPlan
    session: Session
    tell: Callable[[WarmFetch], None]
    fetches: list[WarmFetch] = field(default_factory=list)
    errors: int = 0

    @property
    def too_many_errors(self) -> bool:
        return self.errors >= max(1, self.plan.stop_after_errors)


async def observe(
    plan: WarmPlan,
    on_fetch: Callable[[WarmFetch], None] | None = None,
    stop: asyncio.Event | None = None,
) -> WarmFacts:
    """Fetches every URL, pass after pass. Never raises for what the network or the other side does.

    ``on_fetch`` is told each fetch in the event loop. Setting ``stop`` ends it early with what there is.
    """
    started = time.monotonic()
    try:
        # a connection is kept for each host: for very many that would be too many open at once
        hosts = {tuple(url.split("/", 3)[:3]) for url in plan.urls}
        session = Session(plan.ca_file, keep=len(hosts) <= _MOST_HOSTS_KEPT)
    except UserError as error:
        return WarmFacts(plan=plan, stopped=clean(error), cause="local")
    run = _Run(plan, session, on_fetch or (lambda fetch: None))
    passes = asyncio.create_task(_all_passes(run))
    stopping = asyncio.create_task((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait({passes, stopping}, timeout=plan.deadline_s, return_when=asyncio.FIRST_COMPLETED)
        finished = passes.done()
        if finished:
            # a fault of our own is not to be taken for an end
            passes.result()
    finally:
        passes.cancel()
        stopping.cancel()
        await asyncio.gather(passes, stopping, return_exceptions=True)
        await session.aclose()
    stopped, cause = _end(run, finished=finished, asked=stop is not None and stop.is_set())
    elapsed = round((time.monotonic() - started) * 1000, 3)
    return WarmFacts(plan, tuple(run.fetches), stopped, elapsed, cause)


def _end(run: _Run, *, finished: bool, asked: bool) -> tuple[str, Cause]:
    if run.too_many_errors:
        last = next(fetch for fetch in reversed(run.fetches) if fetch.overloaded)
        what = str(last.status) if last.status is not None else f"{last.error} ({last.error_detail})"
        return f"{run.errors} fetches failed, the last with {clean(what, 120)}", "errors"
    if finished:
        return "", ""
    if asked:
        return "it was interrupted", "interrupted"
    return f"its {run.plan.deadline_s:g} s were over", "deadline"


async def _all_passes(run: _Run) -> None:
    for number in range(1, max(1, run.plan.passes) + 1):
        await _one_pass(run, number)


async def _one_pass(run: _Run, number: int) -> None:
    interval = 1 / max(run.plan.rate_per_s, 0.01)
    next_at = time.monotonic()
    gate = asyncio.Semaphore(max(1, run.plan.concurrency))
    async with asyncio.TaskGroup() as group:
        for url in run.plan.urls:
            await gate.acquire()
            if run.too_many_errors:
                return
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            next_at = max(next_at, time.monotonic()) + interval
            group.create_task(_fetch(run, url, number, gate))


async def _fetch(run: _Run, url: str, number: int, gate: asyncio.Semaphore) -> None:
    plan = run.plan
    request = HttpRequest(
        url,
        plan.address,
        headers=(("Accept-Encoding", plan.accept_encoding),),
        ca_file=plan.ca_file,
        timeout_s=plan.timeout_s,
    )
    try:
        facts = await run.session.observe(request)
    finally:
        gate.release()
    fetch = _fetched(facts, number)
    run.errors += fetch.overloaded
    run.fetches.append(fetch)
    run.tell(fetch)


def _fetched(facts: HttpFacts, number: int) -> WarmFetch:
    shown = [(name, clean(value, 200)) for name, value in facts.headers if name in SHOWN_HEADERS]
    answered = facts.status is not None
    return WarmFetch(
        url=facts.request.url,
        pass_number=number,
        status=facts.status,
        cache=cache_state(facts),
        cache_headers=tuple(shown[:_MOST_SHOWN]),
        age=age_of(facts),
        first_byte_ms=facts.timings_ms.first_byte,
        total_ms=facts.timings_ms.total,
        body_bytes=facts.body_bytes,
        error=facts.error,
        error_detail=facts.error_detail,
        uncacheable=uncacheable(facts) if answered else "",
        vary=vary(facts) if answered else (),
        cut_short=not facts.body_complete,
    )
