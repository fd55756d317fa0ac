"""What resolvers make of the zone: refusals, DNSSEC, remembered absence, expired answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import dns.exception
import dns.name

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .delegation import failure
from .facts import RESOLVER, DnsAnswer, DnsFacts, DnsServerFacts, RecordSet
from .state import owner_of
from .words import answered, dig, found, label, live, record_line, resolvers_that_answer, said, values

_FAMILIES = ("A", "AAAA")
_EXPIRED = {3, 19}
# DNSSEC bogus and its causes (RFC 8914, 4.7 to 4.13)
_BOGUS = frozenset(range(6, 13))


def resolver_findings(facts: DnsFacts) -> Iterator[Finding]:
    """Everything about resolvers beside TTLs, and which side their answers lead to."""
    for server in resolvers_that_answer(facts):
        yield from _failures(facts, server)
        yield from _expired(facts, server)
        kinds = absence_remembered(facts, server)
        if kinds:
            yield _absence(facts, server, kinds)


def _failures(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    came = [answer for answer in server.answers if not answer.error]
    refused = [answer for answer in came if answer.rcode == "REFUSED"]
    if refused:
        words = f"{label(server)} refuses to answer"
        yield found(facts, "DNS047", Verdict.WARN, words, server, refused[0].type)
    failed = [answer for answer in came if answer.rcode not in ("NOERROR", "NXDOMAIN", "REFUSED")]
    bogus = _bogus(server, failed)
    if bogus is not None:
        notes = "; ".join(clean(note, 120) for note in bogus.extended)
        words = f"{label(server)} answers {clean(bogus.rcode, 20)}{_unchecked(server)}"
        lines = [f"{server.address} validating {said(bogus)}"]
        command = dig(facts, server, bogus.type, "+dnssec")
        summary = f"{words}: {notes}" if notes else words
        yield found(facts, "DNS046", Verdict.FAIL, summary, server, lines=lines, command=command)
    elif failed:
        yield failure(facts, server, failed)


def _bogus(server: DnsServerFacts, failed: list[DnsAnswer]) -> DnsAnswer | None:
    """The answer that failed by validation alone: by asking without it, or by the resolver's own word."""
    if server.dnssec is not None and server.dnssec.bogus:
        return server.dnssec.checked
    return next((answer for answer in failed if _BOGUS.intersection(answer.extended_codes)), None)


def _unchecked(server: DnsServerFacts) -> str:
    other = server.dnssec.unchecked if server.dnssec is not None else None
    return f", and {clean(other.rcode, 20)} when it does not validate" if other is not None else ""


def _expired(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    for answer in server.answers:
        if not answer.error and _EXPIRED.intersection(answer.extended_codes):
            words = f"{label(server)} serves what has expired: {said(answer)}"
            yield found(facts, "DNS048", Verdict.WARN, words, server, answer.type)
            return


def absence_remembered(facts: DnsFacts, server: DnsServerFacts) -> tuple[str, ...]:
    """The types that every authoritative server has and this resolver says there are none of."""
    if server.kind != RESOLVER:
        return ()
    empty = [
        kind
        for kind in _FAMILIES
        if (answer := server.answer(kind)) is not None and answered(answer) and not answer.rrsets
    ]
    owners = live(facts) if empty else ()
    return tuple(kind for kind in empty if owners and all(_has(facts, one, kind) for one in owners))


def _has(facts: DnsFacts, server: DnsServerFacts, kind: str) -> bool:
    """Whether the name itself has such records, or is an alias and may lead to some."""
    owner = owner_of(facts)
    aliased = any(rrset.type == "CNAME" and rrset.owner == owner for rrset in server.rrsets)
    return bool(values(server, kind)) or (kind == "A" and aliased)


def _absence(facts: DnsFacts, server: DnsServerFacts, kinds: tuple[str, ...]) -> Finding:
    answers = [answer for kind in kinds if (answer := server.answer(kind)) is not None]
    left = max((answer.negative_ttl or 0 for answer in answers), default=0)
    gone = any(answer.rcode == "NXDOMAIN" for answer in answers)
    what = "the name does not exist" if gone else f"there is no {' and no '.join(kinds)}"
    until = f" for {left} s more" if left else ""
    nothing = gone or not any(values(server, kind) for kind in _FAMILIES)
    verdict = Verdict.FAIL if nothing else Verdict.WARN
    gap = _gap(facts, server) if gone else None
    if gap is not None:
        words = f"{label(server)} says{until} that {what}, by the cached gap {_gap_words(gap)}"
        command = dig(facts, server, kinds[0], "+dnssec")
        lines = [f"{server.address} {record_line(gap)}"]
        return found(facts, "DNS044", verdict, words, server, kinds[0], lines=lines, command=command)
    words = f"{label(server)} says{until} that {what}; the zone's own servers have it"
    return found(facts, "DNS043", verdict, words, server, kinds[0])


def _gap(facts: DnsFacts, server: DnsServerFacts) -> RecordSet | None:
    """The NSEC record among what the resolver showed whose gap the name falls into."""
    answers: list[DnsAnswer] = [*server.answers]
    if server.dnssec is not None:
        answers.append(server.dnssec.checked)
    sets = [rrset for answer in answers for rrset in (*answer.authority, *answer.rrsets)]
    return next((rrset for rrset in sets if rrset.type == "NSEC" and _covers(rrset, owner_of(facts))), None)


def _gap_words(gap: RecordSet) -> str:
    after = gap.values[0].split(" ", 1)[0] if gap.values else ""
    return f"{clean(gap.owner, 120)} to {clean(after, 120)}"


def _covers(rrset: RecordSet, owner: str) -> bool:
    """Whether the name lies strictly between an NSEC record's owner and the next name (RFC 4034, 6.1)."""
    try:
        name = dns.name.from_text(owner)
        before = dns.name.from_text(rrset.owner)
        afters = [dns.name.from_text(value.split(" ", 1)[0]) for value in rrset.values]
    except (dns.exception.DNSException, UnicodeError, ValueError):
        return False
    # the last gap of a zone ends at its apex, which sorts before everything in it
    return any(before < name and (name < after or after <= before) for after in afters)
