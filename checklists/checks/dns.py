"""The check that asks every name server: the low TTL, and where the hosts lead."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec

from ...probes.engine import in_turns
from ...probes.verdict import Verdict, worst
from ...probes.wire.dns.facts import DnsFacts, DnsPolicy, DnsTarget
from ...probes.wire.dns.judge import judge
from ...probes.wire.dns.observe import observe_many
from ...probes.wire.dns.state import ttl_state
from ...probes.wire.dns.zones import Sighting
from ..terms import Check
from .context import Answer, CheckContext, worth_a_second_look


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
        # a slow answer is an answer: the gate asks what it says
        slow_ms=math.inf,
    )
    targets = [DnsTarget(host, servers, resolvers, zone=plan.dns.zone) for host in plan.hosts]
    facts = list(await observe_many(targets))
    late = [
        any(item.error == "timeout" for server in one.servers for item in server.answers) for one in facts
    ]
    for number in worth_a_second_look(late):
        (facts[number],) = await observe_many([targets[number]])
    known = [replace(one, seen=_seen_before(context, one)) for one in facts]
    judged = await in_turns(known, lambda one: judge(one, policy))
    findings = tuple(item for found in judged for item in found)
    states = await in_turns(facts, lambda one: ttl_state(one, plan.dns.low_ttl))
    order = {"high": 0, "unknown": 1, "low": 2}
    headline = min(states, key=lambda state: order.get(state.state, 0)).headline
    if len(states) > 1:
        low = sum(state.state == "low" for state in states)
        headline = f"low for {low} of {len(states)} hosts: {headline}"
    verdict = worst(item.verdict for item in findings)
    ttl_fine = all(state.state == "low" for state in states)
    if ttl_fine and verdict not in (Verdict.PASS, Verdict.SKIP):
        headline = next(item.summary for item in findings if item.verdict is verdict)
    return Answer(headline, findings, {"dns": msgspec.to_builtins(facts)})


def _seen_before(context: CheckContext, facts: DnsFacts) -> tuple[Sighting, ...]:
    """What the run knows of former times: a resolver that still holds the old TTL once that has run out,
    after every server gave it up, stretches TTLs, and waiting for it would never end.
    """
    since = context.low_since
    if since is None:
        return ()
    return tuple(
        Sighting(at, rrset.owner, server.address, rrset.type, ttl, rrset.values)
        for server in facts.authoritative
        for rrset in server.rrsets
        for at, ttl in ((since - 1, int(context.old_ttl)), (since, rrset.ttl))
    )
