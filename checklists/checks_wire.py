"""The checks that are asked of the wire: requests, certificates, caches, name servers, error rates."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime

import msgspec
from cryptography import x509

from ..probes.verdict import Endpoint, Finding, Verdict, finding, worst
from ..probes.watching import judge as watch_judge
from ..probes.watching.decision import WatchPolicy
from ..probes.watching.state import WatchState
from ..probes.watching.watch import Watch
from ..probes.wire.address import endpoint
from ..probes.wire.dns.facts import DnsPolicy, DnsTarget
from ..probes.wire.dns.judge import judge as judge_dns
from ..probes.wire.dns.observe import observe as observe_dns
from ..probes.wire.dns.state import ttl_state
from ..probes.wire.http.facts import HttpExpectation, HttpFacts, HttpRequest
from ..probes.wire.http.judge import judge as judge_http
from ..probes.wire.http.observe import observe as observe_http
from ..probes.wire.tls.facts import TlsFacts, TlsTarget
from ..probes.wire.tls.judge import judge as judge_tls
from ..probes.wire.tls.observe import observe as observe_tls
from ..probes.wire.tls.observe import policy_for
from ..probes.wire.warm.facts import WarmPlan
from ..probes.wire.warm.judge import judge as judge_warm
from ..probes.wire.warm.observe import observe as observe_warm
from .checks_cluster import ingress_findings
from .context import Answer, CheckContext, expectation, requests_to, url
from .plan_model import CriticalPath, Plan
from .view import Check

_AT_ONCE = 8


async def requests(context: CheckContext, check: Check) -> Answer:
    """Each critical path of each host at the new side; the old side's status stands beside a difference."""
    plan = context.plan
    new, old = await asyncio.gather(_ask(plan, plan.new.address), _ask(plan, plan.old.address))
    findings: list[Finding] = []
    words = []
    for (path, facts), (_, old_facts) in zip(new, old, strict=True):
        judged = judge_http(facts, expectation(path))
        findings += judged
        shown = str(facts.status) if facts.status is not None else facts.error
        if worst(item.verdict for item in judged) is not Verdict.PASS:
            before = old_facts.status if old_facts.status is not None else old_facts.error
            shown += f" (old {before})"
        host = f"{facts.request.host}" if len(plan.hosts) > 1 else ""
        words.append(f"{host}{path.path} {shown}")
    facts_json = {"new": msgspec.to_builtins([facts for _, facts in new])}
    return Answer("  ".join(words), tuple(findings), facts_json)


async def _ask(plan: Plan, address: str) -> list[tuple[CriticalPath, HttpFacts]]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(path: CriticalPath, request: HttpRequest) -> tuple[CriticalPath, HttpFacts]:
        async with gate:
            return path, await observe_http(request)

    return list(await asyncio.gather(*(one(path, request) for path, request in requests_to(plan, address))))


async def tls_chain(context: CheckContext, check: Check) -> Answer:
    """The chain that the new side serves for each host, judged to the end of the soak."""
    plan = context.plan
    targets = [
        TlsTarget(plan.new.address, plan.port, host, ca_file=plan.tls.ca_file or None) for host in plan.hosts
    ]
    facts = await asyncio.gather(*(observe_tls(target) for target in targets))
    policy = policy_for(targets[0], now=datetime.now(UTC), soak_s=plan.durations.soak)
    findings = tuple(item for one in facts for item in judge_tls(one, policy))
    return Answer(_chain_headline(facts[0], findings), findings, {"tls": msgspec.to_builtins(facts)})


def _chain_headline(facts: TlsFacts, findings: tuple[Finding, ...]) -> str:
    bad = [item for item in findings if item.verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)]
    if bad:
        return max(bad, key=lambda item: item.verdict.badness).summary
    handshake = next((item for item in facts.named if item.chain), None)
    if handshake is None:
        return "no chain was served"
    certificates = [x509.load_der_x509_certificate(base64.b64decode(der)) for der in handshake.chain]
    days = (certificates[0].not_valid_after_utc - datetime.now(UTC)).days
    between = len(certificates) - 1
    noun = "intermediate" if between == 1 else "intermediates"
    return f"leaf, {between} {noun}, root known, {days} days, {handshake.alpn or 'no ALPN'}"


async def cache_warm_up(context: CheckContext, check: Check) -> Answer:
    """The critical paths are fetched through the new side, gently."""
    plan = context.plan
    urls = tuple(url(plan, host, path.path) for host in plan.hosts for path in plan.paths)
    facts = await observe_warm(
        WarmPlan(
            urls,
            plan.new.address,
            rate_per_s=float(check.params.get("rate_per_s", 10)),
            passes=int(check.params.get("passes", 2)),
            ca_file=plan.tls.ca_file or None,
        )
    )
    findings = judge_warm(facts)
    hits = sum(fetch.cache == "hit" for fetch in facts.fetches)
    cached = f", {hits} from a cache" if hits else ", no cache in between shows itself"
    headline = facts.stopped or f"{len(facts.fetches)} fetches of {len(urls)} URLs{cached}"
    return Answer(headline, findings, {"warm": msgspec.to_builtins(facts)})


async def dns_ttl(context: CheckContext, check: Check) -> Answer:
    """Every authoritative server serves the low TTL, and leads to the side that it should."""
    plan = context.plan
    servers, resolvers = plan.dns.authoritative, plan.dns.resolvers
    policy = DnsPolicy(
        low_ttl=plan.dns.low_ttl,
        old_address=plan.old.address,
        new_address=plan.new.address,
        expect="new" if context.switched else "old",
        old_also=plan.old.addresses[1:],
        new_also=plan.new.addresses[1:],
    )
    facts = await asyncio.gather(
        *(observe_dns(DnsTarget(host, servers, resolvers, zone=plan.dns.zone)) for host in plan.hosts)
    )
    findings = tuple(item for one in facts for item in judge_dns(one, policy))
    states = [ttl_state(one, plan.dns.low_ttl) for one in facts]
    order = {"high": 0, "unknown": 1, "low": 2}
    headline = min(states, key=lambda state: order.get(state.state, 0)).headline
    verdict = worst(item.verdict for item in findings)
    ttl_fine = all(state.state == "low" for state in states)
    if ttl_fine and verdict not in (Verdict.PASS, Verdict.SKIP):
        headline = next(item.summary for item in findings if item.verdict is verdict)
    return Answer(headline, findings, {"dns": msgspec.to_builtins(facts)})


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


def make_watch(plan: Plan, policy: WatchPolicy, rate_per_s: float, tick_s: float = 0.25) -> Watch:
    """A watch of both sides over every critical path."""
    new, old = requests_to(plan, plan.new.address), requests_to(plan, plan.old.address)
    expectations: dict[str, HttpExpectation] = {request.target: expectation(path) for path, request in new}
    return Watch(
        [request for _, request in old],
        [request for _, request in new],
        rate_per_s=rate_per_s,
        policy=policy,
        expectations=expectations,
        tick_s=tick_s,
    )


async def old_side_kept(context: CheckContext, check: Check) -> Answer:
    """The old address still answers every path with a valid certificate, and its Ingress objects stand."""
    plan = context.plan
    asked, ingresses = await asyncio.gather(_ask(plan, plan.old.address), ingress_findings(context))
    findings = [item for path, facts in asked for item in judge_http(facts, expectation(path))]
    findings += ingresses
    subject = Endpoint(endpoint(plan.old.address, plan.port), plan.hosts[0])
    when = "before the cutover" if not context.switched else "by probes of ours"
    idle = f"that nobody uses the old side any more cannot be proven {when}: keep it"
    findings.append(finding("CUT006", Verdict.SKIP, subject, idle))
    bad = [item for item in findings if item.verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)]
    if bad:
        headline = max(bad, key=lambda item: item.verdict.badness).summary
    else:
        kept = f"{len(asked)} of {len(asked)} paths answer"
        objects = f", {len(plan.ingress)} Ingress kept" if plan.ingress else ""
        headline = f"{kept}{objects}; idle is not proven yet"
    return Answer(headline, tuple(findings), {"old": msgspec.to_builtins([facts for _, facts in asked])})
