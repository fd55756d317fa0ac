"""The wide way to observe: the walk first, then every server, then everything around the name."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from . import facts as wanted
from .answers import DnsAnswer, DnssecAnswer, SubnetAnswer
from .around import Around
from .ask import Asker, not_asked
from .facts import AUTHORITATIVE, RESOLVER, DnsFacts, DnsServerFacts, DnsTarget
from .lanes import Clock
from .names import absolute, within
from .reading import server_facts, server_or_reason
from .servers import PLAIN, Server, system_resolvers
from .walk import Place, Walker, answered, walk
from .wire import Question
from .zones import Chain, Walk


async def observe_widely(target: DnsTarget, asker: Asker) -> DnsFacts:
    """The facts of one target with its walk and its extras; ends soon after the target's deadline."""
    at, started = time.time(), time.monotonic()
    clock = Clock(target.deadline_s, started=True)
    walker = _walker(target, asker, clock)
    found: Walk | None = None
    places = tuple(Place(text) for text in target.authoritative)
    if target.walk:
        found, listed = await walk(walker, target.name)
        given = {place.server for place in listed}
        # servers to begin from are above the zone; only where they turned out to serve it are they asked
        own = () if _only_start(target, found) else places
        places = (*listed, *(place for place in own if place.server not in given))
    asked = [(place.server, AUTHORITATIVE, place.name) for place in places]
    asked += [(text, RESOLVER, "") for text in target.resolvers]
    zone = absolute(target.zone) if target.zone else (found.zone if found is not None else "")
    servers = await asyncio.gather(
        *(_ask_server(target, asker, clock, zone, text, kind, name) for text, kind, name in asked)
    )
    live = [server for server in servers if server.kind == AUTHORITATIVE and server.aa]
    facts = DnsFacts(target, tuple(servers), walk=found, at=at)
    zone = zone or next((server.zone for server in live if within(absolute(target.name), server.zone)), "")
    around = Around(
        walker, zone, [Place(server.address, server.name) for server in live], walking=target.walk
    )
    facts = await _look_around(facts, around)
    over = time.monotonic() >= clock.until
    return replace(
        facts,
        elapsed_ms=round((time.monotonic() - started) * 1000, 3),
        cut_short=f"the deadline of {target.deadline_s:g} s was over before all was asked" if over else "",
    )


def _walker(target: DnsTarget, asker: Asker, clock: Clock) -> Walker:
    start = target.walk_from or target.authoritative
    plain = [text for text in target.resolvers if isinstance(server_or_reason(text), Server)]
    resolvers = tuple(plain)
    if target.walk and not start and not resolvers:
        resolvers = tuple(text for text in system_resolvers() if isinstance(server_or_reason(text), Server))
    begin = tuple(text for text in start if _is_plain(text)) if target.walk else ()
    return Walker(asker, clock, target.timeout_s, begin, resolvers, target.port)


def _is_plain(text: str) -> bool:
    server = server_or_reason(text)
    return isinstance(server, Server) and server.scheme == PLAIN


def _only_start(target: DnsTarget, found: Walk) -> bool:
    """Whether ``authoritative`` only said where to begin, and the walk went further down from there."""
    return not target.walk_from and bool(found.parent) and bool(found.zone)


async def _ask_server(
    target: DnsTarget, asker: Asker, clock: Clock, zone: str, text: str, kind: str, name: str
) -> DnsServerFacts:
    recurse = kind == RESOLVER
    server = server_or_reason(text)
    if isinstance(server, str):
        answers = [not_asked(Question(target.name, one), server) for one in target.types]
        return server_facts(text, kind, answers, None, name)

    async def ask(question: Question) -> DnsAnswer:
        return await asker.ask(server, question, target.timeout_s, clock)

    questions = [ask(Question(target.name, one, recurse=recurse)) for one in target.types]
    extra = {}
    if not recurse:
        extra["soa"] = ask(Question(zone or target.name, "SOA", sections=True))
        if zone:
            extra["ns"] = ask(Question(zone, "NS"))
    if wanted.DNSSEC in target.extras:
        extra["dnssec"] = ask(Question(target.name, "A", recurse=recurse, dnssec=True, sections=True))
    for subnet in target.subnets if wanted.SUBNETS in target.extras else ():
        extra[subnet] = ask(Question(target.name, "A", recurse=recurse, subnet=subnet))
    replies = await asyncio.gather(*questions, *extra.values())
    answers, others = replies[: len(questions)], dict(zip(extra, replies[len(questions) :], strict=True))
    facts = server_facts(text, kind, answers, others.get("soa"), name)
    checked, ns = others.get("dnssec"), others.get("ns")
    unchecked = None
    if checked is not None and checked.rcode == "SERVFAIL":
        unchecked = await ask(Question(target.name, "A", recurse=recurse, dnssec=True, unchecked=True))
    again = target.repeats - 1 if wanted.REPEAT in target.extras and not facts.error else 0
    # one after the other: a server that changes its mind does so between questions
    repeated = [await ask(Question(target.name, "A", recurse=recurse)) for _ in range(again)]
    return replace(
        facts,
        ns=tuple(value.lower() for value in ns.values()) if ns is not None and answered(ns) else None,
        dnssec=DnssecAnswer(checked, unchecked) if checked is not None else None,
        repeated=tuple(repeated),
        subnets=tuple(SubnetAnswer(subnet, others[subnet]) for subnet in target.subnets if subnet in others),
    )


async def _look_around(facts: DnsFacts, around: Around) -> DnsFacts:
    name, extras = absolute(facts.target.name), facts.target.extras
    chain = await around.chain(name) if wanted.CHAIN in extras else None
    targets = {
        absolute(service.target)
        for server in facts.servers
        for answer in server.answers
        for service in answer.services
        if service.alias and service.target != "."
    }
    async with asyncio.TaskGroup() as group:
        caa = group.create_task(around.caa(chain or Chain(name))) if wanted.CAA in extras else None
        owners = group.create_task(around.owners(name)) if wanted.OWNERS in extras else None
        sibling = group.create_task(around.sibling(name)) if wanted.SIBLING in extras else None
        aliases = [
            group.create_task(around.chain(one))
            for one in (sorted(targets)[:4] if wanted.CHAIN in extras else ())
        ]
    return replace(
        facts,
        chain=chain,
        alias_chains=tuple(task.result() for task in aliases),
        caa=caa.result() if caa is not None else (),
        owners=owners.result() if owners is not None else (),
        sibling=sibling.result() if sibling is not None else None,
    )
