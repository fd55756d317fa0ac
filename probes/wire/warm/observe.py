"""Warms caches through the new side, gently, and reads from the headers whether they took it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ....cluster.errors import UserError
from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from ..http.facts import HttpFacts, HttpRequest
from ..http.judge import safe_reproduce
from ..http.observe import Session
from .facts import WarmFacts, WarmFetch, WarmPlan

CACHE_HEADERS = ("cache-status", "cf-cache-status", "x-cache", "x-cache-status", "age")
_WORDS = (
    ("stale", re.compile(r"\b(stale|updating|revalidated|expired)\b", re.IGNORECASE)),
    ("bypass", re.compile(r"\b(bypass|dynamic|fwd=(bypass|method|request))\b", re.IGNORECASE)),
    ("hit", re.compile(r"\bhit\b", re.IGNORECASE)),
    ("miss", re.compile(r"\b(miss|fwd=[a-z-]*miss)\b", re.IGNORECASE)),
)


@dataclass(slots=True)
class _Run:
    plan: WarmPlan
    session: Session
    gate: asyncio.Semaphore
    fetches: list[WarmFetch] = field(default_factory=list)
    errors: int = 0

    @property
    def stopped(self) -> bool:
        return self.errors >= max(1, self.plan.stop_after_errors)


async def observe(plan: WarmPlan) -> WarmFacts:
    """Fetches every URL, pass after pass. Never raises for what the network or the other side does."""
    started = time.monotonic()
    try:
        session = Session(plan.ca_file, keep=True)
    except UserError as error:
        return WarmFacts(plan=plan, stopped=clean(error))
    run = _Run(plan, session, asyncio.Semaphore(max(1, plan.concurrency)))
    try:
        for number in range(1, max(1, plan.passes) + 1):
            await _one_pass(run, number)
    finally:
        await session.aclose()
    stopped = f"{run.errors} fetches failed" if run.stopped else ""
    elapsed = round((time.monotonic() - started) * 1000, 3)
    return WarmFacts(plan, tuple(run.fetches), stopped, elapsed)


async def _one_pass(run: _Run, number: int) -> None:
    interval = 1 / max(run.plan.rate_per_s, 0.01)
    next_at = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for url in run.plan.urls:
            await run.gate.acquire()
            if run.stopped:
                run.gate.release()
                return
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            next_at = max(next_at, time.monotonic()) + interval
            group.create_task(_fetch(run, url, number))


async def _fetch(run: _Run, url: str, number: int) -> None:
    plan = run.plan
    try:
        facts = await run.session.observe(
            HttpRequest(url, plan.address, ca_file=plan.ca_file, timeout_s=plan.timeout_s)
        )
    finally:
        run.gate.release()
    if facts.status is None or facts.status >= 500:
        run.errors += 1
    run.fetches.append(_fetched(facts, number))


def _fetched(facts: HttpFacts, number: int) -> WarmFetch:
    age = facts.header("age")
    return WarmFetch(
        url=facts.request.url,
        pass_number=number,
        status=facts.status,
        cache=cache_state(facts),
        cache_headers=tuple((name, value) for name, value in facts.headers if name in CACHE_HEADERS),
        age=int(age) if age is not None and re.fullmatch(r"\d{1,10}", age, re.ASCII) else None,
        first_byte_ms=facts.timings_ms.first_byte,
        total_ms=facts.timings_ms.total,
        body_bytes=facts.body_bytes,
        error=facts.error,
        error_detail=facts.error_detail,
    )


def cache_state(facts: HttpFacts) -> str:
    """hit, miss, stale, bypass or empty, from Cache-Status (RFC 9211), the vendors' headers, or Age."""
    for name in CACHE_HEADERS[:-1]:
        values = facts.header_values(name)
        if values:
            # the cache nearest to us is named last
            nearest = values[-1].split(",")[-1]
            for state, pattern in _WORDS:
                if pattern.search(nearest):
                    return state
    age = facts.header("age")
    return "hit" if age and age.strip("0 ") else ""


def judge(facts: WarmFacts) -> tuple[Finding, ...]:
    """The findings, at least one."""
    plan = facts.plan
    first = plan.urls[0] if plan.urls else ""
    subject = Endpoint(clean(plan.address, 80))
    command = _command(plan, first)
    lines = _evidence(facts)
    return tuple(
        finding(rule, verdict, subject, summary, evidence=lines, reproduce=command)
        for rule, verdict, summary in _problems(facts)
    )


def _problems(facts: WarmFacts) -> Iterator[tuple[str, Verdict, str]]:
    plan, fetches = facts.plan, facts.fetches
    if not plan.urls:
        yield "HTTP053", Verdict.SKIP, "no URLs to warm"
        return
    if not fetches:
        yield "HTTP018", Verdict.UNKNOWN, f"nothing was fetched: {clean(facts.stopped)}"
        return
    bad = [fetch for fetch in fetches if fetch.status is None or fetch.status >= 400]
    if facts.stopped:
        words = f"stopped after {len(fetches)} fetches: {clean(facts.stopped)}"
        yield "HTTP051", Verdict.FAIL, words
    elif bad:
        one = bad[0]
        words = f"{len(bad)} of {len(fetches)} fetches failed, {clean(one.url, 120)} with {_outcome(one)}"
        yield "HTTP051", Verdict.WARN, words
    cold = _still_cold(facts)
    if cold:
        share = f"{len(cold)} of {len(plan.urls)} URLs"
        words = f"{share} still miss the cache in the last pass: {clean(cold[0], 120)}"
        yield "HTTP052", Verdict.WARN, words
    if not facts.stopped and not bad and not cold:
        yield "HTTP050", Verdict.PASS, _headline(facts)


def _still_cold(facts: WarmFacts) -> list[str]:
    last = max(fetch.pass_number for fetch in facts.fetches)
    if last < 2:
        return []
    return [fetch.url for fetch in facts.fetches if fetch.pass_number == last and fetch.cache == "miss"]


def _headline(facts: WarmFacts) -> str:
    last = max(fetch.pass_number for fetch in facts.fetches)
    at_end = [fetch for fetch in facts.fetches if fetch.pass_number == last]
    hits = sum(fetch.cache == "hit" for fetch in at_end)
    known = sum(bool(fetch.cache) for fetch in at_end)
    cache = f"{hits} of {len(at_end)} from a cache" if known else "no cache shows in the headers"
    before, after = _median(facts, 1), _median(facts, last)
    times = (
        f", first byte {before:.0f} ms then {after:.0f} ms"
        if before is not None and after is not None
        else ""
    )
    return f"{len(facts.plan.urls)} URLs fetched, {cache}{times}"


def _median(facts: WarmFacts, number: int) -> float | None:
    times = sorted(
        fetch.first_byte_ms
        for fetch in facts.fetches
        if fetch.pass_number == number and fetch.first_byte_ms is not None
    )
    return times[len(times) // 2] if times else None


def _outcome(fetch: WarmFetch) -> str:
    return str(fetch.status) if fetch.status is not None else clean(fetch.error, 20) or "no answer"


def _evidence(facts: WarmFacts) -> tuple[str, ...]:
    lines = []
    for fetch in facts.fetches[:40]:
        headers = ", ".join(f"{clean(name, 30)}: {clean(value, 80)}" for name, value in fetch.cache_headers)
        line = f"pass {fetch.pass_number} {clean(fetch.url, 120)} {_outcome(fetch)} {headers or fetch.cache}"
        lines.append(line.rstrip())
    return tuple(lines)


def _command(plan: WarmPlan, url: str) -> str:
    if not url:
        return ""
    return safe_reproduce(HttpFacts(HttpRequest(url, plan.address, ca_file=plan.ca_file)))
