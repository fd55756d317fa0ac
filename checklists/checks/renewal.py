"""The checks of what happens to a certificate later: who renews it, and whether CAA lets them."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ...cluster.text import clean
from ...probes.state.ingress import ingress_findings
from ...probes.state.world import world_of
from ...probes.verdict import Endpoint, Finding, Verdict, finding
from ...probes.wire.address import endpoint
from ...probes.wire.dns.facts import CAA, CHAIN, DnsFacts, DnsPolicy, DnsTarget
from ...probes.wire.dns.observe import observe_many
from ...probes.wire.dns.ownership import caa_findings
from ...probes.wire.tls.certificate import parsed_or_none
from ...probes.wire.tls.facts import TlsFacts, TlsTarget
from ...probes.wire.tls.issuers import caa_domains, issuer_organisation
from ...probes.wire.tls.many import observe_many as observe_chains
from ..plans.model import Plan
from ..terms import Check
from .cluster import NO_CLUSTER, gateway_ref, ingress_ref, unknown_kinds
from .context import Answer, CheckContext, loaded_snapshot

_SOLVER = "MIG021"


async def renewal(context: CheckContext, check: Check) -> Answer:
    """Whether cert-manager answers the hosts' challenges through the class that they are leaving."""
    plan = context.plan
    subject = gateway_ref(plan)
    if context.snapshot is None:
        return Answer(NO_CLUSTER, (finding("CUT004", Verdict.UNKNOWN, subject, NO_CLUSTER),))
    kinds = ("Ingress", "Gateway")
    snapshot = await loaded_snapshot(context.snapshot, (*kinds, "Issuer", "ClusterIssuer"))
    unknown = tuple(unknown_kinds(snapshot, kinds, subject))
    if unknown:
        return Answer(unknown[0].summary, unknown)
    world = world_of(snapshot)
    ingresses = [one for name in plan.ingress if (one := snapshot.ingresses.get(ingress_ref(name)))]
    found = [one for ingress in ingresses for one in ingress_findings(world, ingress) if one.rule == _SOLVER]
    if found:
        return Answer(max(found, key=lambda one: one.verdict.badness).summary, tuple(found))
    if not ingresses:
        words = "the plan names no Ingress that is there: how it is renewed is not known"
        return Answer(words, (finding(_SOLVER, Verdict.UNKNOWN, subject, words),))
    words = "no challenge is answered through the old class"
    return Answer(words, tuple(finding(_SOLVER, Verdict.PASS, one.ref, words) for one in ingresses))


async def caa(context: CheckContext, check: Check) -> Answer:
    """Whether CAA (RFC 8659) lets the authority of the served certificate issue the next one."""
    plan = context.plan
    roots = plan.tls.ca_file or None
    chains = await observe_chains(
        [TlsTarget(plan.new.address, plan.port, host, ca_file=roots, attempts=1) for host in plan.hosts]
    )
    targets = [
        DnsTarget(
            host, plan.dns.authoritative, plan.dns.resolvers, ("A",), zone=plan.dns.zone, extras=(CHAIN, CAA)
        )
        for host in plan.hosts
    ]
    asked = await observe_many(targets)
    found = [one for facts, chain in zip(asked, chains, strict=True) for one in _judged(plan, facts, chain)]
    wrong = [one for one in found if one.verdict is not Verdict.PASS]
    headline = max(wrong, key=lambda one: one.verdict.badness).summary if wrong else found[0].summary
    return Answer(headline, tuple(found), {"caa": msgspec.to_builtins([facts.caa for facts in asked])})


def _judged(plan: Plan, facts: DnsFacts, chain: TlsFacts) -> tuple[Finding, ...]:
    host = facts.target.name
    subject = Endpoint(endpoint(plan.new.address, plan.port), host)
    decided = next((level for level in facts.caa if level.records or not level.answered), None)
    if decided is None:
        words = f"no CAA record stands above {host}: any authority may"
        return (finding("DNS055", Verdict.PASS, subject, words),)
    if not decided.answered:
        words = f"who may certify {host} is not known: {clean(decided.name, 120)} told nothing of CAA"
        return (finding("DNS055", Verdict.UNKNOWN, subject, words),)
    organisation = _organisation(chain)
    domains = caa_domains(organisation)
    if not domains:
        called = clean(organisation, 120) or "the certificate's authority"
        words = f"CAA restricts who may certify {host}; how it calls {called} is not known here"
        return (finding("DNS055", Verdict.UNKNOWN, subject, words),)
    judged = tuple(caa_findings(facts, replace(DnsPolicy(0), ca_domains=domains)))
    words = f"CAA of {clean(decided.name, 120)} lets {clean(organisation, 120)} certify {host}"
    return judged or (finding("DNS055", Verdict.PASS, subject, words),)


def _organisation(chain: TlsFacts) -> str:
    served = next((one.chain for one in chain.named if one.chain), ())
    leaf = parsed_or_none(served[0]) if served else None
    return issuer_organisation(leaf) if leaf is not None else ""
