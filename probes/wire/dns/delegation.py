"""Name servers by themselves and side by side: silent, lame, stale, slow, in one list only. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .facts import AUTHORITATIVE, DnsAnswer, DnsFacts, DnsPolicy, DnsServerFacts, ListedServer, Walk
from .words import ONCE, answered, dig, found, label, listed, live, said

_NEEDED = ("A", "AAAA", "CNAME")
_ARITHMETIC = 1 << 32
_LAME = ("REFUSED", "NOTAUTH")


def server_findings(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """What is wrong with one server, authoritative or resolver, whatever it says of the name."""
    if server.answers and all(answer.error == "local" for answer in server.answers):
        detail = clean(server.answers[0].error_detail, 120)
        yield found(facts, "DNS050", Verdict.UNKNOWN, detail, server)
        return
    broken = [answer for answer in server.answers if answer.tcp_error]
    if broken:
        yield _tcp(facts, server, broken)
    if server.error and not broken:
        yield _silent(facts, server)
    else:
        yield from _partly(facts, server)
    if any(answer.edns_dropped for answer in server.answers):
        words = f"{label(server)} answers only without EDNS"
        command = dig(facts, server, "A", "+noedns")
        yield found(facts, "DNS051", Verdict.WARN, words, server, command=command)
    else:
        yield from _slow(facts, server, policy)
    if server.kind == AUTHORITATIVE:
        yield from _authority(facts, server)


def _tcp(facts: DnsFacts, server: DnsServerFacts, broken: list[DnsAnswer]) -> Finding:
    types = listed(answer.type for answer in broken)
    detail = clean(broken[0].tcp_error, 80)
    words = f"{label(server)}: {types} does not fit in a datagram, and over TCP: {detail}"
    verdict = Verdict.FAIL if server.kind == AUTHORITATIVE else Verdict.WARN
    command = dig(facts, server, broken[0].type, "+tcp", *ONCE)
    return found(facts, "DNS019", verdict, words, server, command=command)


def _silent(facts: DnsFacts, server: DnsServerFacts) -> Finding:
    first = server.answers[0]
    words = f"{label(server)} does not answer: {clean(first.error_detail, 120)}"
    command = dig(facts, server, "A", *ONCE)
    authoritative = server.kind == AUTHORITATIVE
    if first.error == "malformed":
        verdict = Verdict.UNKNOWN if authoritative else Verdict.WARN
        words = f"{label(server)}: {clean(first.error_detail, 120)}"
        return found(facts, "DNS062", verdict, words, server, command=command)
    if authoritative:
        return found(facts, "DNS010", Verdict.UNKNOWN, words, server, command=command)
    return found(facts, "DNS025", Verdict.WARN, words, server, command=command)


def _partly(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    """Questions without an answer beside others that have one."""
    lost = [answer for answer in server.answers if answer.error and not answer.tcp_error]
    if not lost:
        return
    needed = server.kind == AUTHORITATIVE and any(answer.type in _NEEDED for answer in lost)
    garbled = [answer for answer in lost if answer.error == "malformed"]
    rule = "DNS062" if len(garbled) == len(lost) else "DNS017" if server.kind == AUTHORITATIVE else "DNS025"
    types = listed(answer.type for answer in lost)
    verb = "answers other questions, but not for" if rule != "DNS062" else "answers what cannot be read for"
    words = f"{label(server)} {verb} {types}: {clean(lost[0].error_detail, 120)}"
    command = dig(facts, server, lost[0].type, *ONCE)
    yield found(facts, rule, Verdict.UNKNOWN if needed else Verdict.WARN, words, server, command=command)


def _slow(facts: DnsFacts, server: DnsServerFacts, policy: DnsPolicy) -> Iterator[Finding]:
    came = [answer for answer in (*server.answers, *server.repeated) if not answer.error]
    slowest = max(came, key=lambda answer: answer.elapsed_ms, default=None)
    if slowest is None or slowest.elapsed_ms < policy.slow_ms:
        return
    tries = f", asked {slowest.tries} times" if slowest.tries > 1 else ""
    words = f"{label(server)} took {slowest.elapsed_ms / 1000:.1f} s for {clean(slowest.type, 20)}{tries}"
    yield found(facts, "DNS018", Verdict.WARN, words, server, slowest.type)


def _authority(facts: DnsFacts, server: DnsServerFacts) -> Iterator[Finding]:
    came = [answer for answer in server.answers if not answer.error]
    refused = [answer for answer in came if answer.rcode in _LAME]
    if refused:
        words = (
            f"{label(server)} is listed for the zone and refuses to answer ({clean(refused[0].rcode, 20)})"
        )
        yield found(facts, "DNS011", Verdict.FAIL, words, server, refused[0].type)
    borrowed = [answer for answer in came if answered(answer) and not answer.aa]
    if borrowed:
        yield _borrowed(facts, server, borrowed[0])
    failed = [answer for answer in came if answer.rcode not in (*_LAME, "NOERROR", "NXDOMAIN")]
    if failed:
        yield failure(facts, server, failed)


def _borrowed(facts: DnsFacts, server: DnsServerFacts, answer: DnsAnswer) -> Finding:
    """Without AA: a referral is a server that does not have the zone; records are another's, from a cache."""
    referral = next((rrset.owner for rrset in answer.authority if rrset.type == "NS"), "")
    if not answer.rrsets and referral:
        words = f"{label(server)} does not have the zone: it refers to the servers of {clean(referral, 120)}"
        return found(facts, "DNS011", Verdict.FAIL, words, server, answer.type)
    words = f"{label(server)} answers without authority: {said(answer)}"
    return found(facts, "DNS015", Verdict.FAIL, words, server, answer.type)


def failure(facts: DnsFacts, server: DnsServerFacts, failed: list[DnsAnswer]) -> Finding:
    """A server that answers with a failure such as SERVFAIL."""
    notes = "; ".join(dict.fromkeys(clean(note, 120) for answer in failed for note in answer.extended))
    types = listed(answer.type for answer in failed)
    words = f"{label(server)} {types}: {clean(failed[0].rcode, 20)}{f' ({notes})' if notes else ''}"
    return found(facts, "DNS042", Verdict.FAIL, words, server, failed[0].type)


def together(facts: DnsFacts) -> Iterator[Finding]:
    """What only shows when the authoritative servers are laid side by side."""
    servers = [server for server in live(facts) if not flaps(server)]
    behind = _behind(servers)
    told = False
    for type_name in facts.target.types:
        views = {server.address: _view(server, type_name) for server in servers}
        known = {address: view for address, view in views.items() if view is not None}
        if len(set(known.values())) < 2:
            continue
        newest = {view for address, view in known.items() if address not in behind}
        told = True
        if len(newest) == 1:
            stale = [server for server in servers if known.get(server.address) not in (None, *newest)]
            yield from (_stale(facts, server, behind[server.address], type_name) for server in stale)
        else:
            words = "; ".join(f"{address} {listed(view) or 'nothing'}" for address, view in known.items())
            yield found(facts, "DNS012", Verdict.FAIL, f"{type_name}: {words}", type_name=type_name)
    if behind and not told:
        yield _serials(facts, servers)


def _stale(facts: DnsFacts, server: DnsServerFacts, newest: int, type_name: str) -> Finding:
    view = listed(_view(server, type_name) or ()) or f"no {type_name}"
    words = f"{label(server)} is at serial {server.serial}, the newest is {newest}, and it serves {view}"
    return found(facts, "DNS014", Verdict.FAIL, words, server, type_name)


def _serials(facts: DnsFacts, servers: list[DnsServerFacts]) -> Finding:
    known = [server for server in servers if server.serial is not None]
    words = ", ".join(f"{label(server)} at {server.serial}" for server in known)
    zone = next((server.zone for server in known if server.zone), "")
    command = dig(facts, known[0], "SOA", name=zone) if zone else ""
    summary = f"serials differ, the name's records do not: {words}"
    return found(facts, "DNS013", Verdict.WARN, summary, type_name="SOA", command=command)


def _behind(servers: list[DnsServerFacts]) -> dict[str, int]:
    """The addresses of the servers that are not at the newest serial, with the newest one (RFC 1982)."""
    known = {server.address: server.serial for server in servers if server.serial is not None}
    newest = None
    for serial in sorted(known.values()):
        if newest is None or 0 < (serial - newest) % _ARITHMETIC < _ARITHMETIC // 2:
            newest = serial
    return {address: newest for address, serial in known.items() if newest is not None and serial != newest}


def _view(server: DnsServerFacts, type_name: str) -> tuple[str, ...] | None:
    """What the server serves of one type, order aside; None where it did not answer."""
    answer = server.answer(type_name)
    if answer is None or not answered(answer):
        return None
    return tuple(sorted({f"{rrset.type} {value}" for rrset in answer.rrsets for value in rrset.values}))


def flaps(server: DnsServerFacts) -> bool:
    """Whether the same server gave different records to the same question."""
    views = {
        tuple(sorted((rrset.type, value) for rrset in answer.rrsets for value in rrset.values))
        for answer in (server.answer("A"), *server.repeated)
        if answer is not None and answered(answer)
    }
    return len(views) > 1


def walk_findings(facts: DnsFacts) -> Iterator[Finding]:
    """What the way down to the zone showed: the two lists of name servers, and what was not reached."""
    if facts.cut_short:
        yield found(facts, "DNS060", Verdict.UNKNOWN, f"cut short: {clean(facts.cut_short, 200)}")
    walk = facts.walk
    if walk is None:
        return
    if walk.error:
        words = f"the zone's name servers were not found: {clean(walk.error, 200)}"
        yield found(facts, "DNS060", Verdict.UNKNOWN, words, command=dig(facts, None, "NS", "+trace"))
    if walk.left_out:
        words = f"{walk.left_out} addresses of name servers were not asked: there are too many"
        yield found(facts, "DNS060", Verdict.UNKNOWN, words)
    yield from _two_lists(facts, walk)
    for server in walk.listed:
        if not server.addresses:
            words = (
                f"{clean(server.name, 120)} has no address: {clean(server.error, 120) or 'none was found'}"
            )
            command = dig(facts, None, "A", name=server.name)
            yield found(facts, "DNS061", Verdict.UNKNOWN, words, command=command)


def _two_lists(facts: DnsFacts, walk: Walk) -> Iterator[Finding]:
    came = [one for one in walk.delegations if one.ns and not one.error and not one.aa]
    asked_child = any(server.by_child for server in walk.listed)
    if not came or not asked_child:
        return
    only_parent = [one for one in walk.listed if one.by_parent and not one.by_child]
    only_child = [one for one in walk.listed if one.by_child and not one.by_parent]
    parts = [
        f"only {where} lists {_names(servers)}"
        for where, servers in (("the parent", only_parent), ("the zone itself", only_child))
        if servers
    ]
    if len({one.ns for one in came}) > 1:
        parts.append("the parent's servers do not agree")
    if not parts:
        return
    lines = [f"parent {one.address}: {zone_line(walk.zone, one.ns)}" for one in came]
    lines += [
        f"zone {server.address}: {zone_line(walk.zone, server.ns)}"
        for server in facts.authoritative
        if server.ns
    ]
    command = dig(facts, None, "NS", name=walk.zone, address=came[0].address)
    yield found(facts, "DNS016", Verdict.WARN, "; ".join(parts), type_name="NS", command=command, lines=lines)


def zone_line(zone: str, names: tuple[str, ...]) -> str:
    """An NS set in one line."""
    return f"{clean(zone, 120)} NS {listed(names, 13)}"


def _names(servers: list[ListedServer]) -> str:
    return listed(server.name.rstrip(".") for server in servers)
