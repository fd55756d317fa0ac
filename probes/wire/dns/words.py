"""How a finding about DNS is put: its subject, its evidence, and the command that shows the same. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ....cluster.text import clean
from ...verdict import Endpoint, Finding, Verdict, finding
from .facts import AUTHORITATIVE, RESOLVER, DnsAnswer, DnsFacts, DnsServerFacts, RecordSet, reproduce

_MOST_LINES = 40
# dig waits 15 s for a silent server, and tries again without EDNS
ONCE = ("+tries=1", "+time=2")


def found(
    facts: DnsFacts,
    rule: str,
    verdict: Verdict,
    summary: str,
    server: DnsServerFacts | None = None,
    type_name: str = "A",
    *,
    command: str = "",
    lines: Iterable[str] = (),
) -> Finding:
    """A finding about ``server``, or about the name as a whole.

    ``lines`` stand before what the servers said. ``command`` replaces the dig command for ``type_name``.
    """
    host = clean(facts.target.name, 255)
    subject = Endpoint(clean(server.address, 80), host) if server else Endpoint("DNS", host)
    shown = (server,) if server else facts.servers
    said = (*(clean(line, 500) for line in lines), *(line for one in shown for line in evidence(one)))
    return finding(
        rule,
        verdict,
        subject,
        clean(summary),
        evidence=said[:_MOST_LINES],
        reproduce=_shown(command or dig(facts, server, type_name)),
    )


def dig(
    facts: DnsFacts,
    server: DnsServerFacts | None = None,
    type_name: str = "A",
    *flags: str,
    name: str = "",
    address: str = "",
) -> str:
    """The dig command for one question, with ``flags`` behind it: of the target's first server by default."""
    target = replace(facts.target, name=name) if name else facts.target
    first = next(iter((*facts.authoritative, *facts.resolvers)), None)
    chosen = server or first
    where = address or (chosen.address if chosen else "")
    kind = AUTHORITATIVE if address or chosen is None else chosen.kind
    words = [reproduce(target, where, type_name, kind), *(shlex.quote(flag) for flag in flags)]
    return " ".join(words)


def _shown(command: str) -> str:
    """The command; empty where it holds what a terminal could act on: such a name cannot be asked anyway."""
    return command if clean(command, len(command) + 1) == command else ""


def label(server: DnsServerFacts) -> str:
    """The server as a reader knows it: its name, if it has one, and its address."""
    address = clean(server.address, 80)
    name = clean(server.name, 120).rstrip(".")
    return f"{name} ({address})" if name else address


def listed(items: Iterable[str], most: int = 6) -> str:
    """The items with commas, the last ones counted only."""
    shown = [clean(item, 120) for item in items]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def evidence(server: DnsServerFacts) -> tuple[str, ...]:
    """What one server said, a line for each answer that says something."""
    name = clean(server.address, 80)
    lines = [f"{name} {said(answer)}" for answer in server.answers]
    if server.serial is not None:
        lines.append(f"{name} SOA serial {server.serial}")
    return tuple(clean(line, 500) for line in lines)


def said(answer: DnsAnswer) -> str:
    """One answer in one line: type, rcode, flags, records, and what the server says about it."""
    kind = clean(answer.type, 20)
    if answer.error:
        return f"{kind}: {clean(answer.error, 20)} {clean(answer.error_detail, 120)}"
    flags = "".join(
        f" {flag}" for flag, on in (("aa", answer.aa), ("ad", answer.ad), ("tcp", answer.over_tcp)) if on
    )
    sets = "; ".join(record_line(rrset) for rrset in answer.rrsets[:6])
    absent = f" (absence cached for {answer.negative_ttl} s)" if answer.negative_ttl is not None else ""
    notes = " ".join(clean(note, 120) for note in answer.extended)
    return f"{kind}: {clean(answer.rcode, 20)}{flags} {sets}{absent} {notes}".rstrip()


def record_line(rrset: RecordSet) -> str:
    """A record set as a zone file has it."""
    values = clean(" ".join(rrset.values), 200)
    return f"{clean(rrset.owner, 120)} {rrset.ttl} {clean(rrset.type, 20)} {values}"


def answered(answer: DnsAnswer | None) -> bool:
    """Whether it says what there is, or that there is nothing: no error and no failure."""
    return answer is not None and not answer.error and answer.rcode in ("NOERROR", "NXDOMAIN")


def values(server: DnsServerFacts, type_name: str) -> tuple[str, ...]:
    """The values that the question of that type brought, wherever the chain ended."""
    answer = server.answer(type_name)
    return answer.values() if answer is not None and answered(answer) else ()


def live(facts: DnsFacts) -> tuple[DnsServerFacts, ...]:
    """The authoritative servers that answered, all of it as the zone's own."""
    return tuple(server for server in facts.authoritative if not server.error and server.aa)


def resolvers_that_answer(facts: DnsFacts) -> Iterator[DnsServerFacts]:
    """The resolvers that said anything."""
    return (server for server in facts.servers if server.kind == RESOLVER and not server.error)
