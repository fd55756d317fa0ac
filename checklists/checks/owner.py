"""The check that asks who owns the records, and what external-dns would do to them by itself."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from dataclasses import replace

from ...cluster.errors import UserError
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ...probes.state.external_dns.edits import DnsWorld, simulate
from ...probes.state.external_dns.foresee import Forecast
from ...probes.state.external_dns.held import Held, names_to_read
from ...probes.state.external_dns.instances import Instance, owner_ids, told_to_all
from ...probes.state.external_dns.prefixes import unread_settings
from ...probes.state.external_dns.wanted import record_type
from ...probes.verdict import Endpoint, Finding, Verdict, finding, worst
from ..records.external_dns.outlook import Outlook, after_words, look_around
from ..terms import Check
from .context import Answer, CheckContext, loaded_snapshot

_KINDS = ("Ingress", "HTTPRoute", "Gateway", "Service", "Deployment")
_MOST_LINES = 12


async def dns_owner(context: CheckContext, check: Check) -> Answer:
    """Whether external-dns owns the records, and lets the cutover be what the plan says."""
    plan = context.plan
    snapshot = Snapshot(offline=True)
    if context.snapshot is not None:
        snapshot = await loaded_snapshot(context.snapshot, _KINDS)
    outlook = await look_around(plan, snapshot)
    # thousands of objects are gone through several times, and the run's loop has others to serve
    findings = await asyncio.to_thread(lambda: tuple(_findings(context, outlook, snapshot)))
    verdict = worst(one.verdict for one in findings)
    headline = next((one.summary for one in findings if one.verdict is verdict), "no external-dns is seen")
    facts = {
        "server": outlook.facts.server,
        "owners": list(owner_ids(outlook.facts.texts)),
        "external-dns": [str(one.ref) for one in outlook.instances],
    }
    return Answer(headline, findings, facts)


def _findings(context: CheckContext, outlook: Outlook, snapshot: Snapshot) -> Iterator[Finding]:
    plan, facts = context.plan, outlook.facts
    for line in facts.unread[:3]:
        yield _found(outlook, "DNS077", Verdict.UNKNOWN, f"{facts.server} {clean(line, 200)}", plan.hosts[0])
    if facts.unread:
        return
    deployments = snapshot.state_of("Deployment")
    sees_all = deployments.state in ("live", "absent") and deployments.namespaces is None
    if not outlook.instances and not owner_ids(facts.texts):
        alone = context.snapshot is None
        blind = not alone and not sees_all
        words = "no ownership record stands beside the names, and no external-dns is seen"
        words += f" ({deployments.state}: Deployments are not all known)" if blind else ""
        words += (
            " (no cluster was asked: one that leaves no such record is seen there alone)" if alone else ""
        )
        yield _found(outlook, "DNS078", Verdict.WARN if blind else Verdict.SKIP, words, plan.hosts[0])
        return
    if outlook.owner is None:
        yield from _no_owner_here(context, outlook)
    for words in outlook.unseen():
        yield _found(outlook, "DNS077", Verdict.UNKNOWN, words, plan.hosts[0])
    if outlook.unseen():
        return
    for instance in outlook.instances:
        for words in instance.flags.doubts:
            yield _found(outlook, "DNS077", Verdict.WARN, f"{instance.ref}: {words}", plan.hosts[0])
        own = instance == outlook.owner
        if plan.dns.provider == "external-dns" and own and not context.switched:
            yield from _handed_over(outlook, instance)
        elif not context.switched:
            yield from _left_alone(outlook, instance)
    for line in unread_settings(snapshot, outlook.instances, plan.hosts):
        yield _found(outlook, "DNS076", Verdict.WARN, line, plan.hosts[0])


def _no_owner_here(context: CheckContext, outlook: Outlook) -> Iterator[Finding]:
    plan = context.plan
    owned = owner_ids(outlook.facts.texts)
    if plan.dns.provider == "external-dns":
        rule = "DNS074" if owned else "DNS075"
        words = f"external-dns cannot be led to make the switch: {outlook.why}"
        yield _found(outlook, rule, Verdict.FAIL, words, plan.hosts[0])
    elif owned:
        # whoever it is, it writes the record at its next round
        words = f"{outlook.why}: what it will do cannot be seen from here"
        yield _found(outlook, "DNS074", Verdict.FAIL, words, plan.hosts[0])


def _handed_over(outlook: Outlook, instance: Instance) -> Iterator[Finding]:
    """The plan lets external-dns make the switch."""
    plan, world = outlook.plan, outlook.world(instance.flags)
    troubled = list(_now(outlook, instance, world))
    yield from troubled
    if troubled:
        return
    try:
        patches = (*outlook.checked_patches("lower-ttl"), *outlook.checked_patches("switch"))
    except UserError as error:
        deleted = "no record at all" in error.what
        rule = "DNS071" if deleted else "DNS072"
        yield _found(outlook, rule, Verdict.FAIL, clean(error.what, 500), plan.hosts[0], world)
        return
    seconds = f"{instance.flags.interval_s:g} s"
    words = f"{instance.ref} moves the record within {seconds} of the annotations' handover, and back"
    words += _paused(instance)
    lines = tuple(line for one in patches for line in one.lines)
    verdict = Verdict.PASS if instance.running else Verdict.FAIL
    yield _found(outlook, "DNS079", verdict, words, plan.hosts[0], world, lines)


def _left_alone(outlook: Outlook, instance: Instance) -> Iterator[Finding]:
    """Somebody else makes the switch: external-dns has to let it be."""
    plan, world = outlook.plan, outlook.world(instance.flags)
    troubled = list(_now(outlook, instance, world))
    if not troubled:
        verdict = Verdict.FAIL if instance.running else Verdict.WARN
        for host, reverted in _reverted(outlook, world):
            words = f"{instance.ref} would put {host} back within {instance.flags.interval_s:g} s: {reverted}"
            troubled.append(_found(outlook, "DNS073", verdict, words + _paused(instance), host, world))
    yield from troubled
    if not troubled:
        words = f"{instance.ref} leaves the records as they are made: {_why_left(outlook, world)}"
        yield _found(outlook, "DNS078", Verdict.PASS, words, plan.hosts[0], world)


def _now(outlook: Outlook, instance: Instance, world: DnsWorld) -> Iterator[Finding]:
    """What would happen at the next round without anybody's doing."""
    plan = outlook.plan
    for forecast in simulate(_without_wildcards(outlook, world), (), plan.hosts):
        host = clean(forecast.host, 253)
        if forecast.unsure and (forecast.wanted or forecast.owners):
            words = f"{host}: what {instance.ref} would do is not known: {clean(forecast.unsure[0], 200)}"
            yield _found(outlook, "DNS077", Verdict.UNKNOWN, words, forecast.host, world)
        elif forecast.changes:
            yield _change(outlook, instance, world, forecast)


def _change(outlook: Outlook, instance: Instance, world: DnsWorld, forecast: Forecast) -> Finding:
    host, values = clean(forecast.host, 253), forecast.addresses_after
    by_wildcard = any(one[0] == forecast.host for one in outlook.facts.wildcards)
    words = f"{instance.ref} would lead {host} to {after_words(forecast)}"
    rule, verdict = "DNS070", Verdict.FAIL if instance.running else Verdict.WARN
    if not values:
        rule, words = "DNS071", f"{instance.ref} would delete {host}: {after_words(forecast)}"
    elif by_wildcard:
        # whether the record is the wildcard's or one of its own cannot be seen from outside
        words += "; a wildcard answers this name, or a record that was made by hand, and then it stays"
        verdict = Verdict.WARN
    return _found(outlook, rule, verdict, words + _paused(instance), forecast.host, world)


def _reverted(outlook: Outlook, world: DnsWorld) -> Iterator[tuple[str, str]]:
    """Hosts whose records would not stay as the plan makes them, and what they would become."""
    plan = outlook.plan
    low = plan.dns.low_ttl
    lowered = replace(world, held=tuple(replace(one, ttl=min(one.ttl, low)) for one in world.held))
    switched = replace(world, held=tuple(_switched(outlook, world)))
    for forecast in simulate(switched, (), plan.hosts):
        if forecast.changes:
            yield forecast.host, after_words(forecast)
    for forecast in simulate(lowered, (), plan.hosts):
        raised = {kind: ttl for kind, ttl in forecast.ttls_after.items() if ttl > plan.dns.low_ttl}
        if raised and not forecast.changes:
            yield forecast.host, f"its TTL becomes {max(raised.values())} s again"


def _switched(outlook: Outlook, world: DnsWorld) -> Iterator[Held]:
    """The records as the plan's own switch leaves them, and the ownership records beside them untouched."""
    plan = outlook.plan
    before = {(one.host, one.type): one for one in world.held}
    for host in plan.hosts:
        for address in plan.new.addresses:
            kind = record_type(address)
            known = before.get((host, kind)) or Held(host, kind, 0, ())
            yield replace(known, ttl=plan.dns.low_ttl, values=(address,))


def _without_wildcards(outlook: Outlook, world: DnsWorld) -> DnsWorld:
    """Records that a wildcard may be answering are none of the name's own for external-dns."""
    wild = set(outlook.facts.wildcards)
    kept = tuple(one for one in world.held if (one.host, one.type) not in wild or one.ownership != "none")
    return replace(world, held=kept)


def _why_left(outlook: Outlook, world: DnsWorld) -> str:
    forecasts = simulate(world, (), outlook.plan.hosts)
    reasons = [step.why for one in forecasts for step in one.steps if step.why]
    return clean("; ".join(dict.fromkeys(reasons)) or "no source of it wants them", 300)


def _paused(instance: Instance) -> str:
    return "" if instance.running else " (as soon as it runs: it is scaled to none, or on a dry run)"


def _found(
    outlook: Outlook,
    rule: str,
    verdict: Verdict,
    words: str,
    host: str,
    world: DnsWorld | None = None,
    lines: tuple[str, ...] = (),
) -> Finding:
    evidence = [one.shown for one in world.held] if world else []
    evidence += [clean(line, 300) for line in lines]
    evidence += [clean(line, 200) for line in world.flags.shown] if world else []
    server = outlook.facts.server
    return finding(
        rule,
        verdict,
        Endpoint(server, host),
        words,
        evidence=evidence[:_MOST_LINES],
        reproduce=_dig(outlook, host),
    )


def _dig(outlook: Outlook, host: str) -> str:
    address, _, port = outlook.facts.server.rpartition(":")
    flags = told_to_all([outlook.owner] if outlook.owner else [])
    name = next(iter(names_to_read([host], flags)))
    words = ["dig", f"@{address.strip('[]')}", "-p", port, "+norecurse", host, "A", name, "TXT"]
    return shlex.join(words)
