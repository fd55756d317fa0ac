"""How long answers are kept: the low-TTL gate, links on the way, resolvers, the extremes, absence. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .facts import AUTHORITATIVE, DnsFacts, DnsPolicy, DnsServerFacts, RecordSet, Sighting
from .forecast import drain, periods
from .sides import type_of_its_own
from .state import owner_of, ttl_state
from .words import dig, found, label, listed, live, record_line, resolvers_that_answer

_TYPES = ("A", "AAAA", "CNAME")
_DAY_S = 86_400
_LONG_CHAIN = 3
# two clocks and a whole second of rounding lie between two sightings
_SLACK_S = 2.0


def gate(facts: DnsFacts, policy: DnsPolicy) -> Finding:
    """Whether every authoritative server serves the low TTL."""
    state = ttl_state(facts, policy.low_ttl)
    rule, verdict = {
        "low": ("DNS020", Verdict.PASS),
        "high": ("DNS021", Verdict.FAIL),
    }.get(state.state, ("DNS022", Verdict.UNKNOWN))
    return found(facts, rule, verdict, state.headline)


def ttl_findings(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """Everything about TTLs beside the gate."""
    yield from _hops(facts, policy)
    yield from _chain_length(facts)
    yield from _extremes(facts)
    for server in facts.authoritative:
        yield from _flattened(facts, server, policy)
    for server in resolvers_that_answer(facts):
        yield from _held(facts, server, policy)
    yield from _absence(facts, policy)


def _hops(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """Links behind the name itself, each once, with the highest TTL that was seen and who said it."""
    by_address = {server.address: server for server in facts.servers}
    owner = owner_of(facts)
    seen: dict[tuple[str, str], tuple[int, DnsServerFacts | None, str]] = {}
    hops = facts.chain.hops if facts.chain is not None else ()
    links = [(hop.owner, hop.type, hop.ttl, by_address.get(hop.server), hop.server) for hop in hops]
    links += [
        (rrset.owner, rrset.type, rrset.ttl, server, server.address)
        for server in facts.servers
        if not server.error
        for rrset in server.rrsets
    ]
    for name, kind, ttl, server, address in links:
        if name == owner or kind not in _TYPES or ttl <= policy.low_ttl:
            continue
        known = seen.get((name, kind))
        if known is None or (ttl, address) > (known[0], known[2]):
            seen[name, kind] = (ttl, server, address)
    for (name, kind), (ttl, server, address) in seen.items():
        where = label(server) if server else clean(address, 80) or "its server"
        words = f"{where}: {clean(name, 120)} {kind} on the way has a TTL of {ttl} s"
        command = dig(facts, server, kind, name=name, address="" if server else address)
        yield found(facts, "DNS023", Verdict.WARN, words, server, kind, command=command)


def _chain_length(facts: DnsFacts) -> Iterator[Finding]:
    chain = facts.chain
    if chain is None:
        return
    if chain.end == "too-long":
        words = f"the chain of aliases does not end: {clean(chain.detail, 160)}"
        yield found(facts, "DNS027", Verdict.FAIL, words)
    elif len(chain.aliases) >= _LONG_CHAIN and chain.end != "loop":
        links = [chain.aliases[0].owner, *(hop.values[0] for hop in chain.aliases if hop.values)]
        ttls = ", ".join(str(ttl) for ttl in dict.fromkeys(hop.ttl for hop in chain.hops))
        words = f"{len(chain.aliases)} aliases before the address (TTLs {ttls} s): {' -> '.join(links)}"
        yield found(facts, "DNS027", Verdict.WARN, words, type_name="A", command=dig(facts))


def _own(facts: DnsFacts, server: DnsServerFacts) -> Iterator[RecordSet]:
    owner = owner_of(facts)
    return (rrset for rrset in server.rrsets if rrset.owner == owner and rrset.type in _TYPES)


def _extremes(facts: DnsFacts) -> Iterator[Finding]:
    """A TTL of nothing, and one of more than a day, on the name's own records."""
    served = [(rrset, server) for server in facts.authoritative if server.aa for rrset in _own(facts, server)]
    zero = [(rrset, server) for rrset, server in served if rrset.ttl == 0]
    if zero:
        rrset, server = min(zero, key=lambda one: (one[1].address, one[0].type))
        words = f"{label(server)}: {record_line(rrset)}"
        yield found(facts, "DNS058", Verdict.WARN, words, server, rrset.type)
    long = [(rrset, server) for rrset, server in served if rrset.ttl > _DAY_S]
    if long:
        rrset, server = max(long, key=lambda one: (one[0].ttl, one[1].address, one[0].type))
        words = f"{label(server)}: {rrset.type} for {rrset.ttl} s ({rrset.ttl / _DAY_S:.0f} days)"
        yield found(facts, "DNS059", Verdict.WARN, words, server, rrset.type)


def _flattened(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """A zone's own TTL stands still. One that runs down comes from a cache, of another name's records."""
    if not server.aa:
        return
    for rrset in _own(facts, server):
        before = [one for one in facts.seen if _same_record(one, server, rrset)]
        fallen = [one for one in before if _ran_down(one, rrset, facts.at)]
        repeated = _repeated_ttls(server, rrset)
        if not fallen and len(repeated) < 2:
            continue
        highest = max([rrset.ttl, *repeated, *(one.ttl for one in before)])
        lines = [f"{one.server} {one.type} {one.ttl} s, {facts.at - one.at:.0f} s before" for one in fallen]
        words = (
            f"{label(server)} counts the TTL of {rrset.type} down ({rrset.ttl} s now, {highest} s seen):"
            " it serves another name's addresses as its own"
        )
        verdict = Verdict.FAIL if highest > policy.low_ttl else Verdict.WARN
        yield found(facts, "DNS039", verdict, words, server, rrset.type, lines=lines)


def _same_record(one: Sighting, server: DnsServerFacts, rrset: RecordSet) -> bool:
    return (
        one.kind == AUTHORITATIVE
        and one.server == server.address
        and one.type == rrset.type
        and one.name.lower().rstrip(".") == rrset.owner.rstrip(".")
        and tuple(sorted(one.values)) == tuple(sorted(rrset.values))
    )


def _ran_down(one: Sighting, rrset: RecordSet, now: float) -> bool:
    elapsed = now - one.at
    fallen = one.ttl - rrset.ttl
    return fallen > 0 and 0 < elapsed <= one.ttl and abs(fallen - elapsed) <= _SLACK_S


def _repeated_ttls(server: DnsServerFacts, rrset: RecordSet) -> set[int]:
    same = [
        other.ttl
        for answer in (*server.answers, *server.repeated)
        if not answer.error
        for other in answer.rrsets
        if (other.owner, other.type, sorted(other.values)) == (rrset.owner, rrset.type, sorted(rrset.values))
    ]
    return set(same)


def _held(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """What a resolver keeps for longer than the low TTL: fetched before it was lowered, or kept too long."""
    if type_of_its_own(facts, server, policy):
        return
    for rrset in _own(facts, server):
        if rrset.ttl <= policy.low_ttl:
            continue
        low = f"longer than the low TTL of {policy.low_ttl} s"
        if _stretched(facts, rrset, policy):
            words = (
                f"{label(server)} keeps {rrset.type} for {rrset.ttl} s more, {low} that has long been served"
            )
            yield found(facts, "DNS028", Verdict.WARN, words, server, rrset.type)
            continue
        words = f"{label(server)} holds {rrset.type} for {rrset.ttl} s more, {low}: wait {rrset.ttl} s"
        # after the switch this is what caches do: what it leads to is told as resolver-behind
        verdict = Verdict.WARN if policy.expect == "new" else Verdict.FAIL
        yield found(facts, "DNS024", verdict, words, server, rrset.type)


def _stretched(facts: DnsFacts, rrset: RecordSet, policy: DnsPolicy) -> bool:
    """Whether every long TTL that the zone's servers were ever seen to give has run out by now."""
    now = tuple(
        Sighting(facts.at, one.owner, server.address, one.type, one.ttl, one.values)
        for server in live(facts)
        for one in _own(facts, server)
    )
    long = [
        period
        for period in periods((*facts.seen, *now))
        if period.type == rrset.type and period.name == rrset.owner and period.ttl > policy.low_ttl
    ]
    over = drain(long).lets_go_at
    return over is not None and facts.at > over


def _absence(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    long = {
        server: server.negative_ttl
        for server in facts.authoritative
        if server.negative_ttl is not None and server.negative_ttl > policy.longest_negative_ttl
    }
    if long:
        server, seconds = max(long.items(), key=lambda one: (one[1], one[0].address))
        words = f"{label(server)}: that a name does not exist is remembered for {seconds} s"
        lines = [f"{listed(one.address for one in long)}: the smaller of the SOA's TTL and its minimum"]
        command = dig(facts, server, "SOA", name=server.zone)
        yield found(facts, "DNS045", Verdict.WARN, words, server, "SOA", lines=lines, command=command)
