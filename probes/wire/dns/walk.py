"""From the servers above, or the system's resolver, down to the zone of a name and all of its servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..address import endpoint
from .answers import DnsAnswer
from .ask import Asker
from .lanes import Clock
from .names import absolute, ancestors, depth, parent_of, within
from .servers import parse_server
from .wire import Question
from .zones import Delegation, ListedServer, NamedAddresses, Walk

_DEEPEST = 12
_MOST_ADDRESSES = 26
_MOST_NESTED = 3


@dataclass(frozen=True, slots=True)
class Place:
    """One server at one address, as text with its port; ``name`` is its host name if known."""

    server: str
    name: str = ""


@dataclass(slots=True)
class Walker:
    """Everything that asking around needs, and the places already found.

    ``start`` are the servers to begin from; where there are none, ``resolvers`` are asked.
    """

    asker: Asker
    clock: Clock
    timeout_s: float
    start: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    port: int = 53
    known: dict[str, tuple[str, tuple[Place, ...]]] = field(default_factory=dict)
    nested: int = 0

    async def ask(
        self, server: str, name: str, kind: str, *, recurse: bool = False, dnssec: bool = False
    ) -> DnsAnswer:
        """One question with all sections of the reply."""
        question = Question(name, kind, recurse=recurse, dnssec=dnssec, sections=True)
        return await self.asker.ask(parse_server(server), question, self.timeout_s, self.clock)

    async def ask_resolver(self, name: str, kind: str) -> tuple[str, DnsAnswer]:
        """The first resolver that answers, and what; its error where none does."""
        answer, asked = DnsAnswer(kind, error="local", error_detail="no resolver to ask"), ""
        for asked in self.resolvers:
            answer = await self.ask(asked, name, kind, recurse=True)
            if answered(answer):
                break
        return asked, answer

    async def addresses_of(self, host: str) -> tuple[str, ...]:
        """The addresses of a name server's name, IPv4 first; empty where they cannot be found."""
        if not self.start:
            asked = [self.ask_resolver(host, kind) for kind in ("A", "AAAA")]
            return tuple(value for _, answer in await asyncio.gather(*asked) for value in answer.values())
        if self.nested >= _MOST_NESTED:
            return ()
        self.nested += 1
        try:
            _, places = await self.places_of(host)
            return await self.addresses_from(places, host)
        finally:
            self.nested -= 1

    async def addresses_from(self, places: Sequence[Place], host: str) -> tuple[str, ...]:
        """The addresses that the first answering server of ``places`` gives for ``host``."""
        for place in places[:4]:
            found = await asyncio.gather(*(self.ask(place.server, host, kind) for kind in ("A", "AAAA")))
            if all(answered(answer) and answer.aa for answer in found):
                return tuple(value for answer in found for value in answer.values())
        return ()

    async def places_of(self, name: str) -> tuple[str, tuple[Place, ...]]:
        """The zone of ``name`` and its servers, found once; empty where it cannot be found."""
        name = absolute(name)
        if name not in self.known:
            # two who look for the same name at once would only ask twice: no harm
            if self.start:
                steps = await self.descend(name)
                self.known[name] = (steps.zone, steps.places)
            else:
                self.known[name] = await self._by_resolver(name)
        return self.known[name]

    async def _by_resolver(self, name: str) -> tuple[str, tuple[Place, ...]]:
        zone, _ = await self.zone_of(name)
        return zone, (await self.servers_of(zone) if zone else ())

    async def servers_of(self, zone: str) -> tuple[Place, ...]:
        """Every address of every server that the resolver lists for ``zone``."""
        _, answer = await self.ask_resolver(zone, "NS")
        names = [name.lower() for name in answer.values()]
        found = await asyncio.gather(*(self.addresses_of(name) for name in names[:13]))
        return tuple(self.places(zip(names, found, strict=False)))

    async def zone_of(self, name: str) -> tuple[str, str]:
        """The zone that holds ``name``, by the resolver's SOA answers; empty, and why."""
        detail = ""
        for candidate in ancestors(absolute(name)):
            _, answer = await self.ask_resolver(candidate, "SOA")
            if not answered(answer):
                detail = answer.error_detail or f"it answered {answer.rcode}"
                if answer.error:
                    break
                continue
            owner = soa_owner(answer)
            if owner and within(candidate, owner) and not has_alias(answer, candidate):
                return owner, ""
        asked = ", ".join(self.resolvers)
        return "", f"the resolver {asked} does not say which zone {name} is in: {detail or 'no SOA'}"

    def places(self, named: Iterable[tuple[str, Sequence[str]]]) -> Iterator[Place]:
        """A place for each address, each once, on the walk's port."""
        seen = set()
        for name, addresses in named:
            for address in addresses:
                if address not in seen:
                    seen.add(address)
                    yield Place(endpoint(address, self.port), name)

    async def descend(self, name: str) -> Steps:
        """Follow referrals from the start until servers answer with authority for ``name``."""
        steps = Steps(places=tuple(Place(server) for server in self.start))
        asked_for = name
        for _ in range(_DEEPEST):
            replies = await asyncio.gather(
                *(self.ask(place.server, asked_for, "SOA") for place in steps.places[:_MOST_ADDRESSES])
            )
            zone = _authority_of(replies, asked_for)
            below = _referral(replies, asked_for, steps.reached)
            if zone and not below:
                return steps.arrived(zone)
            if not below:
                alias = any(answer.aa and has_alias(answer, asked_for) for answer in replies)
                if alias and asked_for != ".":
                    # an alias hides the zone's SOA; its parent's name is in the same zone, or in one above
                    asked_for = parent_of(asked_for)
                    continue
                return steps.failed(_why(steps.places, replies))
            steps = await self._step_down(steps, below, replies)
            if not steps.places:
                return steps.failed(f"no address is known for the servers of {below}")
        return steps.failed("the referrals never end")

    async def _step_down(self, steps: Steps, below: str, replies: Sequence[DnsAnswer]) -> Steps:
        names = sorted(
            {
                value.lower()
                for answer in replies
                for rrset in answer.authority
                if rrset.type == "NS" and rrset.owner == below
                for value in rrset.values
            }
        )
        glue = merged(glue_of(answer, names) for answer in replies)
        missing = [name for name in names[:13] if name not in glue]
        for name, addresses in zip(
            missing, await asyncio.gather(*(self.addresses_of(name) for name in missing)), strict=True
        ):
            glue[name] = addresses
        return Steps(tuple(self.places(glue.items())), below, steps.reached, steps.places)


@dataclass(frozen=True, slots=True)
class Steps:
    """How far down: ``places`` serve ``reached`` (empty: not known what), ``above`` the zone over it."""

    places: tuple[Place, ...] = ()
    reached: str = ""
    above: str = ""
    above_places: tuple[Place, ...] = ()
    zone: str = ""
    error: str = ""

    def arrived(self, zone: str) -> Steps:
        """The zone is found; servers that were only referred to the zone above serve both."""
        if self.reached and zone != self.reached:
            return Steps(self.places, zone, self.reached, self.places, zone)
        return Steps(self.places, zone, self.above, self.above_places, zone)

    def failed(self, error: str) -> Steps:
        """Not found, and why."""
        return Steps(self.places, self.reached, self.above, self.above_places, "", error)


async def walk(walker: Walker, name: str) -> tuple[Walk, tuple[Place, ...]]:
    """The whole walk for ``name``, and every address of every listed server of its zone."""
    name = absolute(name)
    began_at = walker.start or walker.resolvers
    if not began_at:
        return Walk(error="nobody to ask: no server given, and this machine has no resolver"), ()
    if walker.start:
        steps = await walker.descend(name)
    else:
        steps = await _by_resolver(walker, name)
    if not steps.zone:
        return Walk(parent=steps.above, began_at=began_at, error=steps.error), ()
    delegations = await asyncio.gather(
        *(_delegation(walker, place, steps.zone) for place in steps.above_places[:_MOST_ADDRESSES])
    )
    parents = [one for one in delegations if not one.aa] or list(delegations)
    listed = await _listed(walker, steps, parents)
    places = tuple(walker.places((one.name, one.addresses) for one in listed)) or steps.places
    walker.known[name] = (steps.zone, places)
    found = Walk(
        zone=steps.zone,
        parent=steps.above,
        began_at=began_at,
        delegations=tuple(delegations),
        listed=listed,
        left_out=max(0, len(places) - _MOST_ADDRESSES),
    )
    return found, places[:_MOST_ADDRESSES]


async def _by_resolver(walker: Walker, name: str) -> Steps:
    zone, error = await walker.zone_of(name)
    if not zone:
        return Steps(error=error)
    places = await walker.servers_of(zone)
    if zone == ".":
        return Steps(places, zone, zone=zone)
    above, _ = await walker.zone_of(parent_of(zone))
    above_places = await walker.servers_of(above) if above else ()
    return Steps(places, zone, above, above_places, zone)


async def _delegation(walker: Walker, place: Place, zone: str) -> Delegation:
    answer, signer = await asyncio.gather(
        walker.ask(place.server, zone, "NS"), walker.ask(place.server, zone, "DS")
    )
    if answer.error:
        return Delegation(place.server, place.name, error=answer.error, error_detail=answer.error_detail)
    sets = [
        rrset for rrset in (*answer.rrsets, *answer.authority) if rrset.type == "NS" and rrset.owner == zone
    ]
    names = sorted({value.lower() for rrset in sets for value in rrset.values})
    return Delegation(
        address=place.server,
        name=place.name,
        ns=tuple(names),
        glue=tuple(NamedAddresses(host, found) for host, found in sorted(glue_of(answer, names).items())),
        ttl=sets[0].ttl if sets else None,
        aa=answer.aa and bool(answer.rrsets),
        rcode=answer.rcode,
        signed=bool(signer.values()) if answered(signer) and signer.aa else None,
    )


async def _listed(walker: Walker, steps: Steps, parents: Sequence[Delegation]) -> tuple[ListedServer, ...]:
    """The name servers by the parents' word and by the zone's own, each with its addresses."""
    by_parent = {name for one in parents for name in one.ns}
    glue = merged({one.name: one.addresses for one in parent.glue} for parent in parents)
    first = tuple(walker.places((name, glue[name]) for name in sorted(glue))) or steps.places
    own = await asyncio.gather(
        *(walker.ask(place.server, steps.zone, "NS") for place in first[:_MOST_ADDRESSES])
    )
    by_child = {value.lower() for answer in own if answer.aa for value in answer.values("NS")}
    if not by_child and steps.places != first:
        again = await asyncio.gather(
            *(walker.ask(place.server, steps.zone, "NS") for place in steps.places[:_MOST_ADDRESSES])
        )
        by_child = {value.lower() for answer in again if answer.aa for value in answer.values("NS")}
    names = sorted(by_parent | by_child)[:40]
    found = await asyncio.gather(*(_addresses(walker, steps, glue, name) for name in names))
    return tuple(
        ListedServer(
            name,
            addresses,
            name in by_parent,
            name in by_child,
            "" if addresses else "no address was found for it",
        )
        for name, addresses in zip(names, found, strict=True)
    )


async def _addresses(
    walker: Walker, steps: Steps, glue: dict[str, tuple[str, ...]], name: str
) -> tuple[str, ...]:
    """The glue and what the zone itself, or the resolver, says of that name: a client may use either."""
    if walker.start and within(name, steps.zone):
        said = await walker.addresses_from(steps.places, name)
    elif walker.start and name in glue:
        said = ()
    else:
        said = await walker.addresses_of(name)
    return tuple(dict.fromkeys((*glue.get(name, ()), *said)))


# -- reading replies


def answered(answer: DnsAnswer) -> bool:
    """Whether it says something about the name."""
    return not answer.error and answer.rcode in ("NOERROR", "NXDOMAIN")


def soa_owner(answer: DnsAnswer) -> str:
    """The owner of the SOA record in the reply; empty where there is none."""
    return next((rrset.owner for rrset in (*answer.rrsets, *answer.authority) if rrset.type == "SOA"), "")


def has_alias(answer: DnsAnswer, name: str) -> bool:
    """Whether the reply says that ``name`` is an alias."""
    return any(rrset.type == "CNAME" and rrset.owner == name for rrset in answer.rrsets)


def _authority_of(replies: Sequence[DnsAnswer], name: str) -> str:
    owners = [
        soa_owner(answer)
        for answer in replies
        if answered(answer) and answer.aa and not has_alias(answer, name)
    ]
    # several zones on the servers of one: the deepest holds the name
    return max((owner for owner in owners if owner and within(name, owner)), key=depth, default="")


def _referral(replies: Sequence[DnsAnswer], name: str, reached: str) -> str:
    """The zone that the servers refer to, if it is further down than they are."""
    owners = [
        rrset.owner
        for answer in replies
        if not answer.error and not answer.aa and answer.rcode == "NOERROR" and not answer.rrsets
        for rrset in answer.authority
        if rrset.type == "NS" and within(name, rrset.owner)
    ]
    deeper = [owner for owner in owners if not reached or depth(owner) > depth(reached)]
    return max(deeper, key=depth, default="")


def _why(places: Sequence[Place], replies: Sequence[DnsAnswer]) -> str:
    words = [
        f"{place.server} {answer.error or answer.rcode}{'' if answer.error or answer.aa else ' without AA'}"
        for place, answer in zip(places, replies, strict=False)
    ]
    return f"nobody answers with authority: {', '.join(words[:5])}"


def glue_of(answer: DnsAnswer, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The addresses that the reply gives for ``names``."""
    found: dict[str, tuple[str, ...]] = {}
    for rrset in answer.additional:
        if rrset.type in ("A", "AAAA") and rrset.owner in names:
            found[rrset.owner] = (*found.get(rrset.owner, ()), *rrset.values)
    return found


def merged(parts: Iterable[dict[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """All addresses of each name, each once."""
    found: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for name, addresses in part.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *addresses)))
    return found
