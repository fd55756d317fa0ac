"""What stands around a name: the chain that it follows, CAA, the owner's TXT records, a random sibling."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence

from .answers import CaaRecord, DnsAnswer, RecordSet
from .names import absolute, ancestors, parent_of, within
from .walk import Place, Walker, answered, soa_owner
from .zones import (
    ADDRESS,
    LOOP,
    NO_ANSWER,
    NO_DATA,
    NO_NAME,
    OUTSIDE,
    TOO_LONG,
    CaaLevel,
    Chain,
    Hop,
    OwnerRecord,
    Sibling,
)

_LONGEST_CHAIN = 16
_ENDS = ("A", "AAAA", "HTTPS")
_PREFIXES = (("exact", ""), ("a", "a-"), ("aaaa", "aaaa-"), ("cname", "cname-"))
_HERITAGE = "heritage=external-dns"
_quoted = re.compile(r'"((?:[^"\\]|\\.)*)"')
_caa = re.compile(r'(\d+) (\S+) "?(.*?)"?$')


class Around:
    """Asks around one name. ``places`` serve its ``zone`` (both may be unknown: empty).

    ``walking``: further zones may be looked for; else only the given servers count.
    """

    def __init__(self, walker: Walker, zone: str, places: Sequence[Place], *, walking: bool) -> None:
        self._walker = walker
        self._zone = zone
        self._places = tuple(places)
        self._walking = walking

    async def _first(self, places: Sequence[Place], name: str, kind: str) -> tuple[str, DnsAnswer]:
        """The first server with an authoritative answer, and it; the last one's answer where none has."""
        answer, server = DnsAnswer(kind, error="local", error_detail="no server is known to ask"), ""
        for place in places[:4]:
            server = place.server
            answer = await self._walker.ask(server, name, kind)
            if answered(answer) and answer.aa:
                break
        return server, answer

    async def _next_zone(self, name: str) -> tuple[str, tuple[Place, ...]]:
        if self._walking:
            return await self._walker.places_of(name)
        return "", self._places

    # -- the chain

    async def chain(self, begins: str) -> Chain:
        """Every hop from ``begins`` to its addresses, each asked of its own zone's servers."""
        current = absolute(begins)
        hops: list[Hop] = []
        zone, places = self._zone, self._places
        if not places or (zone and not within(current, zone)):
            zone, places = await self._next_zone(current)
        seen: set[str] = set()
        while True:
            asked = await asyncio.gather(*(self._first(places, current, kind) for kind in _ENDS))
            server, answers = asked[0][0], [answer for _, answer in asked]
            usable = [answer for answer in answers[:2] if answered(answer) and answer.aa]
            if len(usable) < 2:
                return _silent(begins, hops, current, answers, walking=self._walking)
            sets = {
                (rrset.owner, rrset.type): rrset
                for answer in answers
                if answered(answer)
                for rrset in answer.rrsets
            }
            start = current
            while (alias := sets.get((current, "CNAME"))) is not None:
                if current in seen:
                    return Chain(begins, tuple(hops), LOOP, current, f"{current} comes up again")
                seen.add(current)
                hops.append(_hop(alias, server, zone if within(current, zone or ".") else ""))
                current = absolute(alias.values[0])
                if len(hops) >= _LONGEST_CHAIN:
                    return Chain(begins, tuple(hops), TOO_LONG, current, f"more than {len(hops)} aliases")
            ends = [_hop(sets[current, kind], server, zone) for kind in _ENDS if (current, kind) in sets]
            if ends or current == start or _denied(usable, current):
                return _ended(begins, hops, ends, current, usable)
            zone, places = await self._next_zone(current)

    # -- CAA

    async def caa(self, chain: Chain | None) -> tuple[CaaLevel, ...]:
        """The climb from the name to the first name that has CAA records, or to the top (RFC 8659)."""
        begins = chain.begins if chain is not None else ""
        levels = []
        for level in ancestors(absolute(begins)):
            if level == ".":
                break
            # an alias's CAA records are its target's; the climb itself goes on from the alias
            asked = chain.last if chain is not None and level == absolute(begins) and chain.aliases else level
            server, answer = await self._from_whom(asked, "CAA")
            records = tuple(_caa_record(value) for value in answer.values("CAA"))
            good = answered(answer)
            levels.append(
                CaaLevel(level, records, good, answer.rcode, server, "" if good else _trouble(answer))
            )
            if records:
                break
        return tuple(levels)

    async def _from_whom(self, name: str, kind: str) -> tuple[str, DnsAnswer]:
        """The zone's servers for a name in it, else a resolver, else whoever the walk finds."""
        own = within(name, self._zone) if self._zone else not self._walking
        if own and self._places:
            server, answer = await self._first(self._places, name, kind)
            if answered(answer) and answer.aa:
                return server, answer
        if self._walker.resolvers:
            return await self._walker.ask_resolver(name, kind)
        if self._walking:
            zone, places = await self._walker.places_of(name)
            return await self._first(places if zone else (), name, kind)
        return "", DnsAnswer(kind, error="local", error_detail="outside the servers that were given")

    # -- who owns the record

    async def owners(self, name: str) -> tuple[OwnerRecord, ...]:
        """The TXT records at the name and at the prefixed names where external-dns keeps its registry."""
        name = absolute(name)
        asked = await asyncio.gather(*(self._from_whom(prefix + name, "TXT") for _, prefix in _PREFIXES))
        return tuple(
            _owner_record(prefix + name, kind, rrset, server)
            for (kind, prefix), (server, answer) in zip(_PREFIXES, asked, strict=True)
            for rrset in answer.rrsets
            if rrset.type == "TXT"
        )

    async def sibling(self, name: str) -> Sibling | None:
        """A name beside ``name`` that nobody has thought of; below it where the name is the zone itself."""
        name = absolute(name)
        above = name if name == self._zone or parent_of(name) == "." else parent_of(name)
        random_name = f"pointsman-{secrets.token_hex(6)}.{above}"
        server, answer = await self._first(self._places, random_name, "A")
        return Sibling(random_name, server, answer) if server else None


def _hop(rrset: RecordSet, server: str, zone: str) -> Hop:
    return Hop(rrset.owner, rrset.type, rrset.ttl, rrset.values, server, zone)


def _denied(answers: Sequence[DnsAnswer], name: str) -> bool:
    """Whether the server is the one to say that ``name`` has nothing: its zone's SOA stands beside it."""
    owners = [soa_owner(answer) for answer in answers]
    return all(owner and within(name, owner) for owner in owners)


def _ended(begins: str, hops: list[Hop], ends: list[Hop], last: str, answers: Sequence[DnsAnswer]) -> Chain:
    if any(hop.type in ("A", "AAAA") for hop in ends):
        return Chain(begins, (*hops, *ends), ADDRESS, last)
    missing = all(answer.rcode == "NXDOMAIN" for answer in answers)
    detail = f"{last} does not exist" if missing else f"{last} has no address"
    return Chain(begins, (*hops, *ends), NO_NAME if missing else NO_DATA, last, detail)


def _silent(begins: str, hops: list[Hop], last: str, answers: Sequence[DnsAnswer], *, walking: bool) -> Chain:
    trouble = next((_trouble(answer) for answer in answers if not (answered(answer) and answer.aa)), "")
    outside = bool(hops) and not walking and not any(answer.error for answer in answers)
    return Chain(begins, tuple(hops), OUTSIDE if outside else NO_ANSWER, last, f"{last}: {trouble}")


def _trouble(answer: DnsAnswer) -> str:
    if answer.error:
        return answer.error_detail or answer.error
    return answer.rcode if answer.rcode not in ("NOERROR", "NXDOMAIN") else "answered without authority"


def _caa_record(text: str) -> CaaRecord:
    match = _caa.match(text)
    return CaaRecord(int(match[1]), match[2].lower(), match[3]) if match else CaaRecord(0, "", text)


def _owner_record(name: str, kind: str, rrset: RecordSet, server: str) -> OwnerRecord:
    texts = tuple("".join(_quoted.findall(value)) or value for value in rrset.values)
    said: dict[str, str] = {}
    for text in texts:
        if text.startswith(_HERITAGE):
            said = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    return OwnerRecord(
        name,
        kind,
        rrset.ttl,
        texts,
        server,
        heritage=bool(said),
        owner=said.get("external-dns/owner", ""),
        resource=said.get("external-dns/resource", ""),
    )
