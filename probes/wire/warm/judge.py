"""What a warm-up achieved: each URL's first fetch beside its last. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from ..http.facts import HttpFacts, HttpRequest
from ..http.judge import safe_reproduce
from .facts import WarmFacts, WarmFetch, WarmPlan

_MOST_LINES = 40
# Accept-Encoding is sent as browsers send it, and a page's own requests carry no Origin
_VARIANTS_COVERED = frozenset({"accept-encoding", "origin", "*"})


@dataclass(frozen=True, slots=True)
class Warmth:
    """One URL: its first fetch and its last (the same where there was one only)."""

    url: str
    first: WarmFetch
    last: WarmFetch

    @property
    def kept_out(self) -> str:
        """Why no cache keeps it; empty where one does or might. Headers that a cache overrules are no
        reason.
        """
        if self.last.failed or self.last.cache in ("hit", "stale"):
            return ""
        if self.last.uncacheable:
            return self.last.uncacheable
        return "the cache lets it pass (bypass)" if self.last.cache == "bypass" else ""

    @property
    def cold(self) -> bool:
        """Whether the cache still misses it though it was fetched before and nothing forbids to keep it."""
        again = self.last.pass_number > self.first.pass_number
        return again and not self.last.failed and self.last.cache == "miss" and not self.kept_out


@dataclass(frozen=True, slots=True)
class PassSummary:
    """One pass: how many fetches, by cache state (``none`` where it is not said), failed, and the median time
    to the first byte in milliseconds.
    """

    number: int
    fetches: int
    states: dict[str, int]
    failed: int
    first_byte_ms: float | None

    @property
    def hit_share(self) -> float | None:
        """Hits among the fetches that say what the cache did; None where none says it."""
        said = sum(count for state, count in self.states.items() if state != "none")
        return self.states.get("hit", 0) / said if said else None


def warmth(facts: WarmFacts) -> tuple[Warmth, ...]:
    """Every URL that was fetched, in the plan's order."""
    first: dict[str, WarmFetch] = {}
    last: dict[str, WarmFetch] = {}
    for fetch in sorted(facts.fetches, key=lambda fetch: fetch.pass_number):
        first.setdefault(fetch.url, fetch)
        last[fetch.url] = fetch
    ordered = [url for url in dict.fromkeys(facts.plan.urls) if url in first]
    return tuple(Warmth(url, first[url], last[url]) for url in ordered)


def passes(facts: WarmFacts) -> tuple[PassSummary, ...]:
    """The passes that were begun, in order."""
    by_number: dict[int, list[WarmFetch]] = {}
    for fetch in facts.fetches:
        by_number.setdefault(fetch.pass_number, []).append(fetch)
    return tuple(
        PassSummary(
            number=number,
            fetches=len(fetches),
            states=dict(Counter(fetch.cache or "none" for fetch in fetches)),
            failed=sum(fetch.failed for fetch in fetches),
            first_byte_ms=_median(fetches),
        )
        for number, fetches in sorted(by_number.items())
    )


def _median(fetches: Sequence[WarmFetch]) -> float | None:
    times = sorted(fetch.first_byte_ms for fetch in fetches if fetch.first_byte_ms is not None)
    return times[len(times) // 2] if times else None


def judge(facts: WarmFacts) -> tuple[Finding, ...]:
    """The findings, at least one."""
    subject = Endpoint(clean(facts.plan.address, 80))
    return tuple(
        finding(
            rule,
            verdict,
            subject,
            summary,
            evidence=_evidence(concerned),
            reproduce=_command(facts.plan, concerned[0].url if concerned else ""),
        )
        for rule, verdict, summary, concerned in _found(facts)
    )


_Found = tuple[str, Verdict, str, Sequence[WarmFetch]]


def _found(facts: WarmFacts) -> Iterator[_Found]:
    if not facts.plan.urls:
        yield "HTTP053", Verdict.SKIP, "no URLs to warm", ()
        return
    if facts.cause == "local" or (not facts.fetches and facts.cause != "errors"):
        yield "HTTP018", Verdict.UNKNOWN, f"nothing was fetched: {clean(facts.stopped)}", ()
        return
    urls = warmth(facts)
    expected = facts.plan.expected
    bad = [one for one in facts.fetches if one.failed and one.status not in expected.get(one.url, ())]
    cold = [one.last for one in urls if one.cold and not one.last.cut_short]
    large = [one.last for one in urls if one.cold and one.last.cut_short]
    yield from _ended_early(facts, bad)
    if cold:
        share = f"{len(cold)} of {len(urls)} URLs"
        words = f"{share} still miss the cache in the last pass: {clean(cold[0].url, 120)}"
        yield "HTTP052", Verdict.WARN, words, cold
    if large:
        share = f"{len(large)} of {len(urls)} URLs"
        words = f"{share} are larger than 1 MiB, were read to there only, and are not in the cache"
        yield "HTTP057", Verdict.WARN, words, large
    yield from _limits(urls)
    if not facts.stopped and not bad and not cold and not large:
        yield "HTTP050", Verdict.PASS, _headline(facts), facts.fetches


def _ended_early(facts: WarmFacts, bad: Sequence[WarmFetch]) -> Iterator[_Found]:
    if facts.cause == "errors":
        words = f"stopped after {len(facts.fetches)} fetches: {clean(facts.stopped)}"
        yield "HTTP051", Verdict.FAIL, words, bad
        return
    if facts.stopped:
        wanted = len(facts.plan.urls) * max(1, facts.plan.passes)
        words = f"{len(facts.fetches)} of {wanted} fetches made, then {clean(facts.stopped)}"
        yield "HTTP056", Verdict.UNKNOWN, words, facts.fetches
    if bad:
        one = bad[0]
        words = (
            f"{len(bad)} of {len(facts.fetches)} fetches failed, {clean(one.url, 120)} with {outcome(one)}"
        )
        # where not one came back well, nothing is warm
        verdict = Verdict.FAIL if len(bad) == len(facts.fetches) else Verdict.WARN
        yield "HTTP051", verdict, words, bad


def _limits(urls: Sequence[Warmth]) -> Iterator[_Found]:
    """What no warm-up can change: answers that are not kept, and variants that nobody asked for."""
    kept_out = [one for one in urls if one.kept_out]
    if kept_out:
        reasons = Counter(one.kept_out for one in kept_out)
        words = ", ".join(f"{clean(reason, 80)} ({count})" for reason, count in reasons.most_common(4))
        more = f" and {len(reasons) - 4} more reasons" if len(reasons) > 4 else ""
        summary = f"{len(kept_out)} of {len(urls)} URLs are not cacheable: {words}{more}"
        yield "HTTP054", Verdict.SKIP, summary, [one.last for one in kept_out]
    varied = [one.last for one in urls if not one.kept_out and set(one.last.vary) - _VARIANTS_COVERED]
    if varied:
        names = Counter(name for one in varied for name in one.vary if name not in _VARIANTS_COVERED)
        listed = ", ".join(clean(name, 40) for name, _ in names.most_common(4))
        summary = (
            f"{len(varied)} of {len(urls)} URLs are kept apart by {listed}: one variant of each was fetched"
        )
        yield "HTTP055", Verdict.WARN, summary, varied


def _headline(facts: WarmFacts) -> str:
    told = passes(facts)
    last = told[-1]
    cache = (
        f"{last.states.get('hit', 0)} of {last.fetches} from a cache"
        if last.hit_share is not None
        else "no cache shows in the headers"
    )
    before, after = told[0].first_byte_ms, last.first_byte_ms
    times = (
        f", first byte {before:.0f} ms then {after:.0f} ms"
        if before is not None and after is not None and len(told) > 1
        else ""
    )
    return f"{len(facts.plan.urls)} URLs fetched, {cache}{times}"


def outcome(fetch: WarmFetch) -> str:
    """The status, or what came in its place."""
    return str(fetch.status) if fetch.status is not None else clean(fetch.error, 20) or "no answer"


def _evidence(fetches: Sequence[WarmFetch]) -> tuple[str, ...]:
    lines = []
    for fetch in fetches[:_MOST_LINES]:
        headers = ", ".join(f"{clean(name, 30)}: {clean(value, 80)}" for name, value in fetch.cache_headers)
        said = headers or fetch.cache or clean(fetch.error_detail, 120)
        reason = f" ({clean(fetch.uncacheable, 80)})" if fetch.uncacheable else ""
        line = f"pass {fetch.pass_number} {clean(fetch.url, 120)} {outcome(fetch)} {said}{reason}"
        lines.append(line.rstrip())
    if len(fetches) > _MOST_LINES:
        lines.append(f"and {len(fetches) - _MOST_LINES} more")
    return tuple(lines)


def _command(plan: WarmPlan, url: str) -> str:
    url = url or (plan.urls[0] if plan.urls else "")
    if not url:
        return ""
    headers = (("Accept-Encoding", plan.accept_encoding),)
    return safe_reproduce(HttpFacts(HttpRequest(url, plan.address, headers=headers, ca_file=plan.ca_file)))
