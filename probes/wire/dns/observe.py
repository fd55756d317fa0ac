"""Asks every authoritative server and every resolver about names, each by itself, over shared sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from . import facts as wanted
from .answers import DnsAnswer, DnssecAnswer, SubnetAnswer
from .around import Around
from .ask import Asker, not_asked
from .datagrams import Clock
from .facts import AUTHORITATIVE, RESOLVER, DnsFacts, DnsServerFacts, DnsTarget
from .names import absolute, within
from .servers import PLAIN, Server, parse_server, system_resolvers
from .walk import Place, Walker, answered, walk
from .wire import Question
from .zones import Chain, Walk

_WIDE_AT_ONCE = 16


async def observe(target: DnsTarget) -> DnsFacts:
    """Asks all servers at once. Never raises for what the network or a server does: see
    ``DnsAnswer.error``.
    """
    (facts,) = await observe_many((target,))
    return facts


async def observe_many(
    targets: Sequence[DnsTarget], on_done: Callable[[DnsFacts], None] | None = None
) -> tuple[DnsFacts, ...]:
    """Asks about all targets over the same sockets; the facts in the targets' order.

    Each target's deadline counts from its first question. ``on_done`` is called in the loop with each
    target's facts as they are complete. Only one ``ca_file`` can be used: the first that is named.
    """
    ca_file = next((target.ca_file for target in targets if target.ca_file), "")
    found: list[DnsFacts | None] = [None] * len(targets)

    def finished(number: int, facts: DnsFacts) -> None:
        found[number] = facts
        if on_done is not None:
            on_done(facts)

    async with Asker(ca_file) as asker:
        gate = asyncio.Semaphore(_WIDE_AT_ONCE)
        zones: dict[tuple[str, str], asyncio.Future[DnsAnswer]] = {}
        plain: list[asyncio.Future[None]] = []
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(targets):
                done = partial(finished, number)
                if target.walk or target.extras:
                    group.create_task(_wide(target, asker, gate, done))
                else:
                    plain.append(_Gathering(target, asker, zones, done).ready)
            for ready in plain:
                await ready
    return tuple(facts for facts in found if facts is not None)


class _Gathering:
    """One target's plain questions. No task of its own: for many names that would cost more than asking."""

    def __init__(
        self,
        target: DnsTarget,
        asker: Asker,
        zones: dict[tuple[str, str], asyncio.Future[DnsAnswer]],
        done: Callable[[DnsFacts], None],
    ) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._target = target
        self._done = done
        self._at, self._started = time.time(), time.monotonic()
        self._clock = Clock(target.deadline_s)
        self._asked = [(text, AUTHORITATIVE) for text in target.authoritative]
        self._asked += [(text, RESOLVER) for text in target.resolvers]
        width = len(target.types)
        self._answers: list[list[DnsAnswer | None]] = [[None] * width for _ in self._asked]
        self._soas: list[DnsAnswer | None] = [None] * len(self._asked)
        # one more than there are questions, so that answers at once cannot end it before all are asked
        self._left = 1
        for number, (text, kind) in enumerate(self._asked):
            server = _server(text)
            for place, type_name in enumerate(target.types):
                question = Question(target.name, type_name, recurse=kind == RESOLVER)
                self._ask(asker, server, question, self._answers[number], place)
            if kind == AUTHORITATIVE:
                self._ask_soa(asker, text, server, number, zones)
        self._one_less()

    def _ask(
        self, asker: Asker, server: Server | str, question: Question, into: list[DnsAnswer | None], place: int
    ) -> None:
        self._left += 1

        def come(answer: DnsAnswer) -> None:
            into[place] = answer
            self._one_less()

        if isinstance(server, str):
            come(not_asked(question, server))
        else:
            asker.submit(server, question, self._target.timeout_s, self._clock, come)

    def _ask_soa(
        self,
        asker: Asker,
        text: str,
        server: Server | str,
        number: int,
        zones: dict[tuple[str, str], asyncio.Future[DnsAnswer]],
    ) -> None:
        """The SOA; a zone that is named is asked once a server for all its names."""
        zone = self._target.zone
        question = Question(zone or self._target.name, "SOA", sections=True)
        if not zone:
            self._ask(asker, server, question, self._soas, number)
            return
        shared = zones.get((text, zone))
        if shared is None:
            shared = zones[text, zone] = asyncio.get_running_loop().create_future()
            if isinstance(server, str):
                shared.set_result(not_asked(question, server))
            else:
                asker.submit(server, question, self._target.timeout_s, self._clock, shared.set_result)
        self._left += 1
        self._soas[number] = None

        def come(future: asyncio.Future[DnsAnswer]) -> None:
            if not future.cancelled():
                self._soas[number] = future.result()
                self._one_less()

        if shared.done():
            come(shared)
        else:
            shared.add_done_callback(come)

    def _one_less(self) -> None:
        self._left -= 1
        if self._left or self.ready.done():
            return
        servers = tuple(
            _server_facts(text, kind, self._answers[number], self._soas[number])
            for number, (text, kind) in enumerate(self._asked)
        )
        elapsed = round((time.monotonic() - self._started) * 1000, 3)
        self._done(DnsFacts(self._target, servers, at=self._at, elapsed_ms=elapsed))
        self.ready.set_result(None)


def _server(text: str) -> Server | str:
    """The server, or why its text is none."""
    try:
        return parse_server(text)
    except ValueError as error:
        return f"cannot be asked: {error}"


def _server_facts(
    text: str, kind: str, answers: Sequence[DnsAnswer | None], soa: DnsAnswer | None, name: str = ""
) -> DnsServerFacts:
    came = tuple(answer for answer in answers if answer is not None)
    if soa is None:
        return DnsServerFacts(text, kind, came, name=name)
    for rrset in (*soa.rrsets, *soa.authority):
        words = rrset.values[0].split() if rrset.type == "SOA" and rrset.values else []
        if len(words) == 7 and words[2].isdigit() and words[6].isdigit():
            return DnsServerFacts(
                text, kind, came, int(words[2]), int(words[6]), name, rrset.ttl, rrset.owner
            )
    return DnsServerFacts(text, kind, came, name=name)


# -- the wide way: the walk, and everything around the name


async def _wide(
    target: DnsTarget, asker: Asker, gate: asyncio.Semaphore, done: Callable[[DnsFacts], None]
) -> None:
    async with gate:
        done(await _observe_widely(target, asker))


async def _observe_widely(target: DnsTarget, asker: Asker) -> DnsFacts:
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
    plain = [text for text in target.resolvers if isinstance(_server(text), Server)]
    resolvers = tuple(plain)
    if target.walk and not start and not resolvers:
        resolvers = tuple(text for text in system_resolvers() if isinstance(_server(text), Server))
    begin = tuple(text for text in start if _is_plain(text)) if target.walk else ()
    return Walker(asker, clock, target.timeout_s, begin, resolvers, target.port)


def _is_plain(text: str) -> bool:
    server = _server(text)
    return isinstance(server, Server) and server.scheme == PLAIN


def _only_start(target: DnsTarget, found: Walk) -> bool:
    """Whether ``authoritative`` only said where to begin, and the walk went further down from there."""
    return not target.walk_from and bool(found.parent) and bool(found.zone)


async def _ask_server(
    target: DnsTarget, asker: Asker, clock: Clock, zone: str, text: str, kind: str, name: str
) -> DnsServerFacts:
    recurse = kind == RESOLVER
    server = _server(text)
    if isinstance(server, str):
        answers = [not_asked(Question(target.name, one), server) for one in target.types]
        return _server_facts(text, kind, answers, None, name)

    async def ask(question: Question) -> DnsAnswer:
        return await asker.ask(server, question, target.timeout_s, clock)

    questions = [ask(Question(target.name, one, recurse=recurse)) for one in target.types]
    extra = {}
    if not recurse:
        extra["soa"] = ask(Question(zone or target.name, "SOA", sections=True))
        if zone:
            extra["ns"] = ask(Question(zone, "NS"))
    if wanted.DNSSEC in target.extras:
        extra["dnssec"] = ask(Question(target.name, "A", recurse=recurse, dnssec=True))
    for subnet in target.subnets if wanted.SUBNETS in target.extras else ():
        extra[subnet] = ask(Question(target.name, "A", recurse=recurse, subnet=subnet))
    replies = await asyncio.gather(*questions, *extra.values())
    answers, others = replies[: len(questions)], dict(zip(extra, replies[len(questions) :], strict=True))
    facts = _server_facts(text, kind, answers, others.get("soa"), name)
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
