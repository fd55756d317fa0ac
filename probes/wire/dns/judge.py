"""What the name servers' answers mean for a cutover. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from .facts import AUTHORITATIVE, DnsAnswer, DnsFacts, DnsPolicy, DnsServerFacts, reproduce
from .state import owner_of, propagation, side_of, ttl_state

_HINT = re.compile(r'ipv[46]hint="?([0-9A-Fa-f:.,]+)')
_FAMILIES = {"A": "DNS032", "AAAA": "DNS030"}


def judge(facts: DnsFacts, policy: DnsPolicy) -> tuple[Finding, ...]:
    """The findings, at least one: the TTL's always stands among them."""
    found = [_ttl(facts, policy)]
    for server in facts.servers:
        trouble = list(_server(facts, server))
        found += trouble
        if not server.error:
            found += _side_findings(facts, server, policy)
            found += _ttl_findings(facts, server, policy)
    found += _together(facts)
    return tuple(_distinct(found))


def _distinct(found: list[Finding]) -> Iterator[Finding]:
    seen: set[tuple[str, object, str]] = set()
    for entry in found:
        key = (entry.rule, entry.subject, entry.summary)
        if key not in seen:
            seen.add(key)
            yield entry


def _found(
    facts: DnsFacts,
    rule: str,
    verdict: Verdict,
    summary: str,
    server: DnsServerFacts | None = None,
    type_name: str = "A",
) -> Finding:
    host = clean(facts.target.name, 255)
    subject = Endpoint(clean(server.address, 80), host) if server else Endpoint("DNS", host)
    shown = (server,) if server else facts.servers
    command = (
        reproduce(facts.target, server.address, type_name, server.kind) if server else reproduce(facts.target)
    )
    lines = tuple(line for one in shown for line in evidence(one))
    return finding(rule, verdict, subject, clean(summary), evidence=lines[:40], reproduce=_shown(command))


def _shown(command: str) -> str:
    """The command; empty where it holds what a terminal could act on: such a name cannot be asked anyway."""
    return command if clean(command, len(command) + 1) == command else ""


def evidence(server: DnsServerFacts) -> tuple[str, ...]:
    """What one server said, a line for each answer that says something."""
    name = clean(server.address, 80)
    lines = []
    for answer in server.answers:
        if answer.error:
            lines.append(f"{name} {answer.type}: {clean(answer.error, 20)} {clean(answer.error_detail, 120)}")
            continue
        flags = " aa" if answer.aa else ""
        sets = "; ".join(
            f"{clean(rrset.owner, 120)} {rrset.ttl} {rrset.type} {clean(' '.join(rrset.values), 200)}"
            for rrset in answer.rrsets[:6]
        )
        notes = " ".join(clean(note, 120) for note in answer.extended)
        lines.append(f"{name} {answer.type}: {answer.rcode}{flags} {sets} {notes}".rstrip())
    if server.serial is not None:
        lines.append(f"{name} SOA serial {server.serial}")
    return tuple(clean(line, 500) for line in lines)


def _ttl(facts: DnsFacts, policy: DnsPolicy) -> Finding:
    state = ttl_state(facts, policy.low_ttl)
    rule, verdict = {
        "low": ("DNS020", Verdict.PASS),
        "high": ("DNS021", Verdict.FAIL),
    }.get(state.state, ("DNS022", Verdict.UNKNOWN))
    return _found(facts, rule, verdict, state.headline)


def _server(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    authoritative = server.kind == AUTHORITATIVE
    if server.error:
        detail = clean(server.answers[0].error_detail, 120)
        if server.error == "local":
            yield _found(facts, "DNS050", Verdict.UNKNOWN, detail, server)
        elif authoritative:
            yield _found(
                facts, "DNS010", Verdict.UNKNOWN, f"{server.address} does not answer: {detail}", server
            )
        else:
            yield _found(facts, "DNS025", Verdict.WARN, f"{server.address} does not answer: {detail}", server)
        return
    for answer in server.answers:
        yield from _answer(facts, server, answer)
    yield from _no_address(facts, server)


def _answer(facts: DnsFacts, server: DnsServerFacts, answer: DnsAnswer) -> Iterator[Finding]:
    where = f"{server.address} {answer.type}"
    authoritative = server.kind == AUTHORITATIVE
    if answer.error:
        needed = answer.type in ("A", "AAAA", "CNAME")
        verdict = Verdict.UNKNOWN if authoritative and needed else Verdict.WARN
        rule = "DNS010" if authoritative else "DNS025"
        yield _found(facts, rule, verdict, f"{where}: {answer.error_detail}", server, answer.type)
    elif answer.rcode == "REFUSED" and authoritative:
        yield _found(facts, "DNS011", Verdict.FAIL, f"{server.address} refuses to answer", server)
    elif answer.rcode not in ("NOERROR", "NXDOMAIN"):
        notes = f" ({'; '.join(answer.extended)})" if answer.extended else ""
        yield _found(facts, "DNS042", Verdict.FAIL, f"{where}: {answer.rcode}{notes}", server, answer.type)
    elif authoritative and not answer.aa:
        yield _found(facts, "DNS011", Verdict.FAIL, f"{server.address} answers without authority", server)


def _no_address(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    asked = [answer for answer in server.answers if answer.type in ("A", "AAAA", "CNAME")]
    if not asked or any(answer.error or answer.rcode not in ("NOERROR", "NXDOMAIN") for answer in asked):
        return
    if any(answer.rcode == "NXDOMAIN" for answer in asked):
        minimum = f"; caches remember that for up to {server.soa_minimum} s" if server.soa_minimum else ""
        words = f"{server.address}: {facts.target.name} does not exist{minimum}"
        yield _found(facts, "DNS040", Verdict.FAIL, words, server)
    elif not any(rrset.type in ("A", "AAAA", "CNAME") for rrset in server.rrsets):
        words = f"{server.address}: {facts.target.name} has no address"
        yield _found(facts, "DNS041", Verdict.FAIL, words, server)


def _values(server: DnsServerFacts, type_name: str) -> tuple[str, ...]:
    answer = server.answer(type_name)
    if answer is None or answer.error:
        return ()
    return tuple(value for rrset in answer.rrsets if rrset.type == type_name for value in rrset.values)


def _side_findings(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    if not policy.old or not policy.new:
        return
    sides = {name: side_of(_values(server, name), policy.old, policy.new) for name in _FAMILIES}
    for name, side in sides.items():
        if side == "mixed":
            words = f"{server.address} serves {name} {', '.join(_values(server, name))}"
            yield _found(facts, "DNS031", Verdict.FAIL, words, server, name)
    # an IPv6 address of neither side is the old side's own, unless the plan says otherwise
    if sides["A"] == "new" and sides["AAAA"] in ("old", "other"):
        words = f"{server.address}: A is the new side's, AAAA still {', '.join(_values(server, 'AAAA'))}"
        verdict = Verdict.FAIL if sides["AAAA"] == "old" else Verdict.WARN
        yield _found(facts, "DNS030", verdict, words, server, "AAAA")
    hints = [hint for value in _values(server, "HTTPS") for hint in _hints(value)]
    if sides["A"] == "new" and policy.old.intersection(hints):
        words = f"{server.address}: the HTTPS record's hints still name {', '.join(hints)}"
        yield _found(facts, "DNS033", Verdict.FAIL, words, server, "HTTPS")
    side = sides["A"] if sides["A"] != "none" else sides["AAAA"]
    if policy.expect and side not in (policy.expect, "none", "mixed"):
        yield _other_side(facts, server, policy, side)


def _hints(value: str) -> list[str]:
    return [hint for match in _HINT.findall(value) for hint in match.split(",") if hint]


def _other_side(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy, side: str) -> Finding:
    values = ", ".join((*_values(server, "A"), *_values(server, "AAAA")))
    words = f"{server.address} leads to {values} ({side} side), expected the {policy.expect} side"
    if server.kind == AUTHORITATIVE or side == "other":
        return _found(facts, "DNS032", Verdict.FAIL, words, server)
    left = next(
        (one.ttl for one in propagation(facts, policy.old, policy.new) if one.address == server.address), None
    )
    return _found(facts, "DNS026", Verdict.WARN, f"{words}; for {left} s more", server)


def _ttl_findings(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    owner = owner_of(facts)
    for rrset in server.rrsets:
        if rrset.ttl <= policy.low_ttl or rrset.type not in ("A", "AAAA", "CNAME"):
            continue
        if rrset.owner != owner:
            words = f"{server.address}: {rrset.owner} {rrset.type} on the way has a TTL of {rrset.ttl} s"
            yield _found(facts, "DNS023", Verdict.WARN, words, server, rrset.type)
        elif server.kind != AUTHORITATIVE:
            held = f"{server.address} holds {rrset.type} for {rrset.ttl} s more"
            words = f"{held}, longer than the low TTL of {policy.low_ttl} s"
            yield _found(facts, "DNS024", Verdict.WARN, words, server, rrset.type)


def _together(facts: DnsFacts) -> Iterator[Finding]:
    """What only shows when the authoritative servers are laid side by side."""
    live = [server for server in facts.authoritative if not server.error and server.aa]
    for type_name in facts.target.types:
        views = {server.address: _view(server, type_name) for server in live}
        distinct = {view for view in views.values() if view is not None}
        if len(distinct) > 1:
            words = "; ".join(
                f"{address} {', '.join(view) or 'nothing'}"
                for address, view in views.items()
                if view is not None
            )
            yield _found(facts, "DNS012", Verdict.FAIL, f"{type_name}: {words}")
    serials = {server.address: server.serial for server in live if server.serial is not None}
    if len(set(serials.values())) > 1:
        words = ", ".join(f"{address} at {serial}" for address, serial in serials.items())
        yield _found(facts, "DNS013", Verdict.WARN, f"serials differ: {words}", type_name="SOA")


def _view(server: DnsServerFacts, type_name: str) -> tuple[str, ...] | None:
    """What the server serves of one type, order aside; None where it did not answer."""
    answer = server.answer(type_name)
    if answer is None or answer.error or answer.rcode not in ("NOERROR", "NXDOMAIN"):
        return None
    return tuple(sorted({f"{rrset.type} {value}" for rrset in answer.rrsets for value in rrset.values}))
