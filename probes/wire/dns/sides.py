"""Which side the records lead to: families, hints, mixtures, weights, regions, internal zones. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .delegation import flaps
from .facts import AUTHORITATIVE, DnsAnswer, DnsFacts, DnsPolicy, DnsServerFacts
from .state import propagation, side_of
from .words import answered, dig, found, label, listed, live, values

_FAMILIES = ("A", "AAAA")
# not ipaddress.is_private: that holds the documentation ranges too
_INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "0.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


@lru_cache(maxsize=4096)
def is_private(address: str) -> bool:
    """Whether it can only be reached from inside some network (RFC 1918, RFC 6598, RFC 4193, loopback)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _INSIDE if network.version == parsed.version)


def side_findings(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """Where one server sends people, against the two sides of the plan."""
    if server.kind == AUTHORITATIVE:
        yield from _private(facts, server, policy)
        yield from _flapping(facts, server, policy)
        yield from _by_subnet(facts, server, policy)
    internal = list(_split(facts, server, policy))
    yield from internal
    if internal or not policy.old or not policy.new:
        return
    sides = {name: side_of(values(server, name), policy.old, policy.new) for name in _FAMILIES}
    for name, side in sides.items():
        if side == "mixed":
            words = f"{label(server)} serves {name} {listed(values(server, name))}"
            yield found(facts, "DNS031", Verdict.FAIL, words, server, name)
    yield from _left_behind(facts, server, policy, sides)
    side = sides["A"] if sides["A"] != "none" else sides["AAAA"]
    if policy.expect and side not in (policy.expect, "none", "mixed"):
        yield from _other_side(facts, server, policy, side)


def chain_findings(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """Where an alias leads that the name's own servers do not follow: to the end of the chain."""
    chain = facts.chain
    own = any(values(server, kind) for server in facts.authoritative for kind in _FAMILIES)
    if chain is None or own or not policy.old or not policy.new:
        return
    ends = {
        kind: tuple(value for hop in chain.hops if hop.type == kind for value in hop.values)
        for kind in _FAMILIES
    }
    sides = {kind: side_of(addresses, policy.old, policy.new) for kind, addresses in ends.items()}
    where = f"{clean(chain.last, 120)} at the end of the alias"
    command = dig(facts, None, "A", name=chain.last) if chain.last else ""
    for kind, side in sides.items():
        if side == "mixed":
            words = f"{where}: {kind} {listed(ends[kind])}"
            yield found(facts, "DNS031", Verdict.FAIL, words, type_name=kind, command=command)
    if sides["A"] == "new" and sides["AAAA"] == "old":
        words = f"{where}: A is the new side's, AAAA still {listed(ends['AAAA'])}"
        yield found(facts, "DNS030", Verdict.FAIL, words, type_name="AAAA", command=command)
    side = sides["A"] if sides["A"] != "none" else sides["AAAA"]
    if policy.expect and side not in (policy.expect, "none", "mixed"):
        shown = listed((*ends["A"], *ends["AAAA"]))
        words = f"{where} leads to {shown} ({side} side), expected the {policy.expect} side"
        yield found(facts, "DNS032", Verdict.FAIL, words, command=command)


def _left_behind(
    facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy, sides: dict[str, str]
) -> Iterator[Finding]:
    """What did not move with the A record: the IPv6 address, and the hints of an HTTPS record."""
    if sides["A"] != "new":
        return
    # an IPv6 address of neither side is the old side's own, unless the plan says otherwise
    if sides["AAAA"] in ("old", "other"):
        words = f"{label(server)}: A is the new side's, AAAA still {listed(values(server, 'AAAA'))}"
        verdict = Verdict.FAIL if sides["AAAA"] == "old" else Verdict.WARN
        yield found(facts, "DNS030", verdict, words, server, "AAAA")
    answer = server.answer("HTTPS")
    hints = [hint for hint in hints_of(answer) if hint in policy.old]
    if hints:
        words = f"{label(server)}: the HTTPS record's hints still name {listed(hints)}"
        yield found(facts, "DNS033", Verdict.FAIL, words, server, "HTTPS")


def hints_of(answer: DnsAnswer | None) -> tuple[str, ...]:
    """The addresses that the HTTPS records of an answer hint at."""
    if answer is None or not answered(answer):
        return ()
    return tuple(hint for one in answer.services for hint in (*one.ipv4hint, *one.ipv6hint))


def _other_side(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy, side: str) -> Iterator[Finding]:
    shown = listed((*values(server, "A"), *values(server, "AAAA")))
    words = f"{label(server)} leads to {shown} ({side} side), expected the {policy.expect} side"
    if server.kind == AUTHORITATIVE or side == "other":
        yield found(facts, "DNS032", Verdict.FAIL, words, server)
    else:
        sides = propagation(facts, policy.old, policy.new)
        left = next((one.ttl for one in sides if one.address == server.address), None)
        yield found(facts, "DNS026", Verdict.WARN, f"{words}; for {left} s more", server)


def _private(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """A plan whose own sides are all private is one for an internal zone."""
    sides = policy.old | policy.new
    if sides and all(is_private(address) for address in sides):
        return
    inside = [value for name in _FAMILIES for value in values(server, name) if is_private(value)]
    if inside:
        words = f"{label(server)} publishes {listed(inside)}, which only one network can reach"
        kind = "AAAA" if ":" in inside[0] else "A"
        yield found(facts, "DNS037", Verdict.WARN, words, server, kind)


def _flapping(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    if not flaps(server):
        return
    asked = [answer for answer in (server.answer("A"), *server.repeated) if answer and answered(answer)]
    counts: dict[tuple[str, ...], int] = {}
    for answer in asked:
        view = tuple(sorted(answer.values("A")))
        counts[view] = counts.get(view, 0) + 1
    shown = "; ".join(f"{listed(view) or 'nothing'} ({count} times)" for view, count in counts.items())
    sides = {side_of(view, policy.old, policy.new) for view in counts}
    # rotating among the addresses of one side is how load balancers answer
    verdict = Verdict.FAIL if sides & {"old", "new", "none"} and len(sides) > 1 else Verdict.WARN
    words = f"{label(server)} asked {len(asked)} times: {shown}"
    yield found(facts, "DNS035", verdict, words, server)


def _by_subnet(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """A server that flaps differs by chance, not by subnet."""
    asked = {one.subnet: one.answer for one in server.subnets if answered(one.answer)}
    views = {subnet: tuple(sorted(answer.values("A"))) for subnet, answer in asked.items()}
    if len(set(views.values())) < 2 or flaps(server):
        return
    shown = "; ".join(
        f"{clean(subnet, 60)} gets {listed(view) or 'nothing'}" for subnet, view in views.items()
    )
    sides = {side_of(view, policy.old, policy.new) for view in views.values()}
    verdict = Verdict.FAIL if {"old", "new"} <= sides or "none" in sides else Verdict.WARN
    lines = [
        f"{server.address} +subnet={subnet}: {listed(asked[subnet].values('A'))} scope {asked[subnet].scope}"
        for subnet in views
    ]
    command = dig(facts, server, "A", f"+subnet={next(iter(views))}")
    yield found(facts, "DNS036", verdict, f"{label(server)}: {shown}", server, lines=lines, command=command)


def _split(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    kind = type_of_its_own(facts, server, policy)
    answer = server.answer(kind) if kind else None
    if answer is not None:
        how = ", as its own zone" if answer.aa else ""
        public = listed(sorted(_public(facts, kind)))
        words = f"{label(server)} answers {listed(values(server, kind))}{how}; the public servers {public}"
        yield found(facts, "DNS049", Verdict.WARN, words, server, kind)


def type_of_its_own(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> str:
    """The type for which a resolver gives what no public server gives and no cache can hold; else empty.

    That is another zone of the same name, and never runs out.
    """
    for kind in _FAMILIES if server.kind != AUTHORITATIVE else ():
        answer, mine = server.answer(kind), values(server, kind)
        public = _public(facts, kind) if mine else set()
        if answer is None or not public or public.intersection(mine):
            continue
        inside = any(map(is_private, mine)) and not all(map(is_private, public))
        stranger = bool(policy.old) and side_of(mine, policy.old, policy.new) == "other"
        if answer.aa or inside or stranger:
            return kind
    return ""


def _public(facts: DnsFacts, kind: str) -> set[str]:
    """The addresses that the authoritative servers lead to, at the end of the chain where there is one."""
    here = {value for server in live(facts) for value in values(server, kind)}
    hops = facts.chain.hops if facts.chain is not None else ()
    return here | {value for hop in hops if hop.type == kind for value in hop.values}
