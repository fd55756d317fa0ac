"""The checks that are asked of the wire: requests, certificates, caches, name servers, error rates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from ...probes.engine import each, in_turns
from ...probes.verdict import Endpoint, Finding, Verdict, finding, worst
from ...probes.watching import judge as watch_judge
from ...probes.watching.decision import TrafficTally, WatchPolicy
from ...probes.watching.state import WatchState
from ...probes.watching.watch import Watch
from ...probes.wire.address import endpoint
from ...probes.wire.http.facts import HttpExpectation, HttpFacts, HttpRequest
from ...probes.wire.http.judge import judge as judge_http
from ...probes.wire.http.observe import Session
from ...probes.wire.tls.certificate import parsed_or_none
from ...probes.wire.tls.facts import TlsFacts, TlsTarget
from ...probes.wire.tls.judge import judge as judge_tls
from ...probes.wire.tls.many import observe_many as observe_many_chains
from ...probes.wire.tls.observe import observe as observe_chain
from ...probes.wire.tls.observe import policy_for
from ...probes.wire.warm.facts import WarmPlan
from ...probes.wire.warm.judge import judge as judge_warm
from ...probes.wire.warm.observe import observe as observe_warm
from ..plans.model import CriticalPath, Plan
from ..terms import Check
from .cluster import ingress_findings
from .context import Answer, CheckContext, expectation, requests_to, url, worth_a_second_look

# hosts that are asked at the same time on one side: a check must not be the load that it warns of
_AT_ONCE = 16
_HANDSHAKES_AT_ONCE = 3 * _AT_ONCE
# so many in a row without any answer, and the rest is not asked: it would only wait as well
_GIVE_UP_AFTER = 2 * _AT_ONCE
_MOST_IN_HEADLINE = 6

_Asked = tuple[CriticalPath, HttpFacts]


async def requests(context: CheckContext, check: Check) -> Answer:
    """Each critical path of each host at the new side; the old side's status stands beside a difference."""
    plan = context.plan
    new = await _ask(plan, requests_to(plan, plan.new.address))
    judged = await in_turns(new, lambda asked: judge_http(asked[1], expectation(asked[0])))
    doubtful = [
        number
        for number, found in enumerate(judged)
        if worst(item.verdict for item in found) is not Verdict.PASS
    ]
    at_old = requests_to(plan, plan.old.address)
    old = await _ask(plan, [at_old[number] for number in doubtful])
    before = {number: _shown(facts) for number, (_, facts) in zip(doubtful, old, strict=True)}
    few = len(new) <= _MOST_IN_HEADLINE
    words = [] if few else [f"{len(new) - len(doubtful)} of {len(new)} as expected"]
    named = range(len(new)) if few else doubtful[:3]
    words += [_told(plan, *new[number], before.get(number)) for number in named]
    findings = tuple(item for found in judged for item in found)
    return Answer("  ".join(words), findings, {"new": msgspec.to_builtins([facts for _, facts in new])})


def _told(plan: Plan, path: CriticalPath, facts: HttpFacts, old: str | None) -> str:
    host = facts.request.host if len(plan.hosts) > 1 else ""
    return f"{host}{path.path} {_shown(facts)}" + (f" (old {old})" if old is not None else "")


def _shown(facts: HttpFacts) -> str:
    return str(facts.status) if facts.status is not None else facts.error


async def _ask(plan: Plan, wanted: Sequence[tuple[CriticalPath, HttpRequest]]) -> list[_Asked]:
    """The answers in order. The paths of a host go over one connection, and not many hosts at once.

    Raises UserError where the plan's roots cannot be read.
    """
    by_host: dict[str, list[int]] = {}
    for number, (_, request) in enumerate(wanted):
        by_host.setdefault(request.host, []).append(number)
    answers: dict[int, HttpFacts] = {}
    silent = 0

    async def ask_host(numbers: list[int]) -> None:
        nonlocal silent
        session = Session(plan.tls.ca_file or None, keep=True)
        try:
            for number in numbers:
                request = wanted[number][1]
                if silent >= _GIVE_UP_AFTER:
                    answers[number] = _not_asked(request)
                    continue
                answers[number] = await session.observe(request)
                silent = silent + 1 if answers[number].error in ("timeout", "unreachable") else 0
        finally:
            await session.aclose()

    await each(by_host.values(), ask_host, _AT_ONCE)
    late = [answers[number].error == "timeout" for number in range(len(wanted))]
    for number in worth_a_second_look(late):
        await ask_host([number])
    return [(path, answers[number]) for number, (path, _) in enumerate(wanted)]


def _not_asked(request: HttpRequest) -> HttpFacts:
    detail = f"not asked: {_GIVE_UP_AFTER} requests in a row had no answer from {request.endpoint}"
    return HttpFacts(request=request, error="local", error_detail=detail)


async def tls_chain(context: CheckContext, check: Check) -> Answer:
    """The chain that the new side serves for each host, judged to the end of the soak."""
    plan = context.plan
    targets = [
        TlsTarget(plan.new.address, plan.port, host, ca_file=plan.tls.ca_file or None) for host in plan.hosts
    ]
    policy = policy_for(targets[0], now=datetime.now(UTC), soak_s=plan.durations.soak)
    facts = await observe_many_chains(targets, concurrency=_HANDSHAKES_AT_ONCE)
    late = [any(item.error == "timeout" for item in one.named) for one in facts]
    for number in worth_a_second_look(late):
        facts[number] = await observe_chain(targets[number])
    judged = await in_turns(facts, lambda one: judge_tls(one, policy))
    findings = tuple(item for found in judged for item in found)
    return Answer(_chain_headline(facts, findings), findings, {"tls": msgspec.to_builtins(facts)})


def _chain_headline(facts: Sequence[TlsFacts], findings: tuple[Finding, ...]) -> str:
    bad = [item for item in findings if item.verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)]
    if bad:
        hosts = {item.subject.host for item in bad if isinstance(item.subject, Endpoint)}
        share = f"{len(hosts)} of {len(facts)} hosts: " if len(facts) > 1 else ""
        return share + max(bad, key=lambda item: item.verdict.badness).summary
    leaves = [_leaf_words(one) for one in facts]
    soonest = min(leaves, key=lambda entry: entry[0])
    return f"{len(facts)} hosts, the first to expire: {soonest[1]}" if len(facts) > 1 else soonest[1]


def _leaf_words(facts: TlsFacts) -> tuple[int, str]:
    """The days that are left, and the chain in words."""
    handshake = next((item for item in facts.named if item.chain), None)
    if handshake is None:
        return -1, "no chain was served"
    leaf = parsed_or_none(handshake.chain[0])
    if leaf is None:
        return -1, "a leaf that cannot be read"
    days = (leaf.not_valid_after_utc - datetime.now(UTC)).days
    between = len(handshake.chain) - 1
    noun = "intermediate" if between == 1 else "intermediates"
    return days, f"leaf, {between} {noun}, root known, {days} days, {handshake.alpn or 'no ALPN'}"


async def cache_warm_up(context: CheckContext, check: Check) -> Answer:
    """The critical paths are fetched through the new side, gently."""
    plan = context.plan
    expected = {url(plan, host, path.path): path.statuses for host, path in plan.asked}
    urls = tuple(expected)
    facts = await observe_warm(
        WarmPlan(
            urls,
            plan.new.address,
            rate_per_s=float(check.params.get("rate_per_s", 10)),
            passes=int(check.params.get("passes", 2)),
            ca_file=plan.tls.ca_file or None,
            expected=expected,
        )
    )
    findings = judge_warm(facts)
    hits = sum(fetch.cache == "hit" for fetch in facts.fetches)
    cached = f", {hits} from a cache" if hits else ", no cache in between shows itself"
    headline = facts.stopped or f"{len(facts.fetches)} fetches of {len(urls)} URLs{cached}"
    return Answer(headline, findings, {"warm": msgspec.to_builtins(facts)})


async def error_watch(context: CheckContext, check: Check) -> Answer:
    """Before the switch a short burst to both sides; after it, what the watch found."""
    plan = context.plan
    request = requests_to(plan, plan.new.address)[0][1]
    if context.switched:
        if context.watch is None:
            words = "the watch has no result to show"
            subject = Endpoint(endpoint(plan.new.address, plan.port), plan.hosts[0])
            return Answer(words, (finding("CUT007", Verdict.UNKNOWN, subject, words),))
        return _watched(context.watch, request)
    seconds = min(float(check.params.get("seconds", 5)), plan.durations.watch)
    rate = plan.thresholds.rate_per_s
    policy = WatchPolicy(
        p0=plan.thresholds.p0,
        alpha=plan.thresholds.alpha,
        min_samples=max(1, min(plan.thresholds.min_samples, int(seconds * rate * 0.8))),
        min_time_s=seconds,
        max_time_s=3 * seconds + 2,
    )
    states = [state async for state in make_watch(plan, policy, rate)]
    return _watched(states[-1], request)


def _watched(state: WatchState, request: HttpRequest) -> Answer:
    findings = watch_judge.judge(state, request)
    return Answer(state.decision.reason, findings, {"watch": msgspec.to_builtins(state)})


def make_watch(
    plan: Plan,
    policy: WatchPolicy,
    rate_per_s: float,
    tick_s: float = 0.25,
    traffic: TrafficTally | None = None,
) -> Watch:
    """A watch of both sides over every critical path; ``traffic`` takes in what the sides count."""
    new, old = requests_to(plan, plan.new.address), requests_to(plan, plan.old.address)
    expectations: dict[str, HttpExpectation] = {request.target: expectation(path) for path, request in new}
    return Watch(
        [request for _, request in old],
        [request for _, request in new],
        rate_per_s=rate_per_s,
        policy=policy,
        expectations=expectations,
        tick_s=tick_s,
        traffic=traffic,
    )


async def old_side_kept(context: CheckContext, check: Check) -> Answer:
    """The old address still answers every path with a valid certificate, and its Ingress objects stand."""
    plan = context.plan
    asked, ingresses = await asyncio.gather(
        _ask(plan, requests_to(plan, plan.old.address)), ingress_findings(context)
    )
    findings = [item for path, facts in asked for item in judge_http(facts, expectation(path))]
    findings += ingresses
    bad = [item for item in findings if item.verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)]
    if bad:
        headline = max(bad, key=lambda item: item.verdict.badness).summary
    else:
        kept = f"{len(asked)} of {len(asked)} paths answer"
        objects = f", {len(plan.ingress)} Ingress kept" if plan.ingress else ""
        headline = f"{kept}{objects}"
    return Answer(headline, tuple(findings), {"old": msgspec.to_builtins([facts for _, facts in asked])})
