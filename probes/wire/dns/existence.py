"""Whether the name leads to an address: absence, aliases that end nowhere, wildcards. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .facts import AUTHORITATIVE, DnsFacts, DnsServerFacts, RecordSet
from .resolver import absence_remembered
from .state import owner_of
from .words import answered, dig, found, label, listed, record_line, values
from .zones import ADDRESS, LOOP, NO_DATA, NO_NAME, OUTSIDE, TOO_LONG, Chain

_NEEDED = ("A", "AAAA", "CNAME")


def existence_findings(facts: DnsFacts) -> Iterator[Finding]:
    """Whether the name is found, and by what, from all servers together."""
    broken = list(_broken_alias(facts))
    yield from broken
    for server in facts.servers:
        if not broken and not server.error:
            yield from _no_address(facts, server)
    yield from _alias_target(facts)
    yield from _wildcard(facts)


def _broken_alias(facts: DnsFacts) -> Iterator[Finding]:
    """Aliases that end nowhere or where they began; from the followed chain, else from the answers."""
    chain = facts.chain
    if chain is None or not chain.aliases:
        for server in facts.servers:
            yield from _broken_answer(facts, server)
    elif chain.end != ADDRESS:
        yield from _broken_chain(facts, chain)


def _broken_chain(facts: DnsFacts, chain: Chain) -> Iterator[Finding]:
    links = [chain.begins, *(" ".join(hop.values) for hop in chain.aliases[:6])]
    way = " -> ".join(clean(link, 120) for link in links)
    last, detail = clean(chain.last, 120), clean(chain.detail, 120)
    known = any(values(server, kind) for server in facts.servers for kind in ("A", "AAAA"))
    # too long is told of the chain's length; what a resolver sees beyond the servers that were given counts
    if chain.end == TOO_LONG or (chain.end == OUTSIDE and known):
        return
    rule, verdict, words = {
        LOOP: ("DNS057", Verdict.FAIL, f"the aliases lead in a circle: {way}"),
        NO_NAME: ("DNS056", Verdict.FAIL, f"{way}, and {last} does not exist"),
        NO_DATA: ("DNS041", Verdict.FAIL, f"{way}, and {last} has no address"),
    }.get(chain.end, ("DNS060", Verdict.UNKNOWN, f"{way}: where that leads is not known {detail}".rstrip()))
    lines = [f"{hop.server} {hop.owner} {hop.ttl} {hop.type} {' '.join(hop.values)}" for hop in chain.hops]
    yield found(facts, rule, verdict, words, type_name="CNAME", lines=lines)


def _broken_answer(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    for answer in server.answers:
        aliases = {rrset.owner: rrset for rrset in answer.rrsets if rrset.type == "CNAME"}
        if answer.error or not aliases:
            continue
        targets = [value.lower() for rrset in aliases.values() for value in rrset.values]
        if answer.rcode == "NXDOMAIN":
            last = next(
                (target for target in targets if target not in aliases), targets[-1] if targets else ""
            )
            first = record_line(next(iter(aliases.values())))
            words = f"{label(server)}: {first}; {clean(last, 120)} does not exist"
            yield found(facts, "DNS056", Verdict.FAIL, words, server, answer.type)
            return
        if targets and all(target in aliases for target in targets):
            words = f"{label(server)}: the aliases lead in a circle: {listed(aliases)}"
            yield found(facts, "DNS057", Verdict.FAIL, words, server, answer.type)
            return


def _no_address(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    asked = [answer for answer in server.answers if answer.type in _NEEDED]
    if not asked or not all(answered(answer) for answer in asked):
        return
    gone = any(answer.rcode == "NXDOMAIN" for answer in asked)
    has_any = any(rrset.type in _NEEDED for answer in asked for rrset in answer.rrsets)
    if (has_any and not gone) or absence_remembered(facts, server):
        return
    name = clean(facts.target.name, 255)
    remembered = max((answer.negative_ttl or 0 for answer in asked), default=0) or server.negative_ttl
    caches = f"; caches remember that for up to {remembered} s" if remembered else ""
    if gone:
        yield found(facts, "DNS040", Verdict.FAIL, f"{label(server)}: {name} does not exist{caches}", server)
    else:
        yield _nothing(facts, server, caches)


def _nothing(facts: DnsFacts, server: DnsServerFacts, caches: str) -> Finding:
    """The name exists, without an address: because of an alias of HTTPS, behind a wildcard, or just so."""
    name = clean(facts.target.name, 255)
    answer = server.answer("HTTPS")
    aliases = [one for one in (answer.services if answer is not None else ()) if one.alias]
    if aliases:
        words = f"{label(server)}: {name} has only an HTTPS alias to {clean(aliases[0].target, 120)}{caches}"
        return found(facts, "DNS034", Verdict.FAIL, words, server, "HTTPS")
    sibling = facts.sibling
    if sibling is not None and server.kind == AUTHORITATIVE and sibling.answer.values("A"):
        here = [record for record in facts.owners if record.kind == "exact"]
        culprit = f"TXT {clean(' '.join(here[0].texts), 120)}" if here else "a record of another type"
        shown = listed(sibling.answer.values("A"))
        words = f"{label(server)}: {culprit} hides the wildcard, which gives other names {shown}"
        command = dig(facts, server, "TXT")
        lines = [f"{sibling.server} {clean(sibling.name, 120)} A {shown}"]
        return found(facts, "DNS053", Verdict.FAIL, words, server, lines=lines, command=command)
    return found(facts, "DNS041", Verdict.FAIL, f"{label(server)}: {name} has no address{caches}", server)


def _alias_target(facts: DnsFacts) -> Iterator[Finding]:
    """An HTTPS alias whose target leads nowhere."""
    for chain in facts.alias_chains:
        if chain.end in (NO_NAME, NO_DATA, LOOP):
            words = f"the HTTPS alias leads to {clean(chain.last or chain.begins, 120)}, which has no address"
            command = dig(facts, None, "A", name=chain.last or chain.begins)
            yield found(facts, "DNS034", Verdict.FAIL, words, type_name="HTTPS", command=command)


def _wildcard(facts: DnsFacts) -> Iterator[Finding]:
    """A random name beside this one gets the very same answer."""
    sibling = facts.sibling
    if sibling is None or not answered(sibling.answer) or sibling.answer.rcode != "NOERROR":
        return
    theirs = _tail(sibling.answer.rrsets, sibling.name)
    server = next((one for one in facts.authoritative if one.address == sibling.server), None)
    mine = server.answer(sibling.answer.type) if server is not None else None
    if server is None or mine is None or not theirs or theirs != _tail(mine.rrsets, owner_of(facts)):
        return
    words = f"{label(server)} answers {clean(sibling.name, 120)}, a name made up at random, just as this one"
    command = dig(facts, server, sibling.answer.type, name=sibling.name)
    yield found(facts, "DNS052", Verdict.WARN, words, server, command=command)


def _tail(rrsets: tuple[RecordSet, ...], name: str) -> list[tuple[str, str, int, tuple[str, ...]]]:
    """The record sets with the asked name left open, in one order."""
    own = name.lower().rstrip(".")
    return sorted(
        (
            "" if rrset.owner.rstrip(".") == own else rrset.owner,
            rrset.type,
            rrset.ttl,
            tuple(sorted(rrset.values)),
        )
        for rrset in rrsets
    )
