"""What a server holds of some hosts, and the TXT records in which external-dns keeps owners."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .answers import DnsAnswer
from .ask import Asker
from .lanes import Clock
from .names import absolute
from .servers import parse_server
from .walk import answered
from .wire import Question

_TYPES = ("A", "AAAA", "CNAME")
_TIMEOUT_S = 2.0
_AT_ONCE = 32
_MOST_NAMES = 4000
_quoted = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """``sets`` are (host, type, TTL, values); ``texts`` the TXT records by name, without their quotes.

    ``wildcards`` are the (host, type) whose answer is also that of a wildcard beside it. ``unread`` says what
    was not answered: nothing is known of that.
    """

    server: str
    sets: tuple[tuple[str, str, int, tuple[str, ...]], ...] = ()
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wildcards: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()


async def read_registry(
    server: str, hosts: Iterable[str], names: Iterable[str], deadline_s: float = 10.0
) -> RegistryFacts:
    """Ask one authoritative server; ``deadline_s`` for everything. Never raises for what a server does."""
    wanted = tuple(dict.fromkeys(hosts))
    wild = {host: f"*.{host.partition('.')[2]}" for host in wanted}
    questions = [(host, kind) for host in wanted for kind in _TYPES]
    questions += [(name, kind) for name in sorted(set(wild.values())) for kind in _TYPES]
    questions += [(name, "TXT") for name in dict.fromkeys(names)]
    gate = asyncio.Semaphore(_AT_ONCE)
    clock = Clock(deadline_s)
    async with Asker() as asker:

        async def ask(name: str, kind: str) -> DnsAnswer:
            async with gate:
                question = Question(absolute(name), kind)
                return await asker.ask(parse_server(server), question, _TIMEOUT_S, clock)

        answers = await asyncio.gather(*(ask(*one) for one in questions[:_MOST_NAMES]))
    known = dict(zip(questions, answers, strict=False))
    unread = [f"{name} {kind}: {_trouble(one)}" for (name, kind), one in known.items() if not _good(one)]
    if len(questions) > _MOST_NAMES:
        unread.append(f"{len(questions) - _MOST_NAMES} questions more than {_MOST_NAMES} were not asked")
    sets = [(host, *found) for host in wanted for found in _own_sets(known, host)]
    wildcards = [
        (host, kind)
        for host, kind, _, values in sets
        if values == _values(known.get((wild[host], kind)), wild[host], kind)
    ]
    texts = {
        name: tuple("".join(_quoted.findall(value)) or value for value in _values(one, name, "TXT"))
        for (name, kind), one in known.items()
        if kind == "TXT" and _values(one, name, "TXT")
    }
    return RegistryFacts(server, tuple(sets), texts, tuple(wildcards), tuple(unread))


def _good(answer: DnsAnswer) -> bool:
    return answered(answer) and answer.aa


def _trouble(answer: DnsAnswer) -> str:
    if answer.error:
        return answer.error_detail or answer.error
    return answer.rcode if answer.rcode not in ("NOERROR", "NXDOMAIN") else "answered without authority"


def _own_sets(
    known: dict[tuple[str, str], DnsAnswer], host: str
) -> Iterable[tuple[str, int, tuple[str, ...]]]:
    for kind in _TYPES:
        answer = known.get((host, kind))
        for rrset in answer.rrsets if answer is not None else ():
            if rrset.type == kind and rrset.owner == absolute(host):
                yield kind, rrset.ttl, tuple(sorted(rrset.values))


def _values(answer: DnsAnswer | None, name: str, kind: str) -> tuple[str, ...]:
    for rrset in answer.rrsets if answer is not None else ():
        if rrset.type == kind and rrset.owner == absolute(name):
            return tuple(sorted(rrset.values))
    return ()
