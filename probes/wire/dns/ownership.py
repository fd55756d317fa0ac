"""Who stands behind the name: a CDN, an external-dns, the authorities that may certify it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .cdn import cdn_of_address, cdn_of_name
from .facts import CaaLevel, DnsFacts, DnsPolicy, OwnerRecord
from .words import dig, found, listed, values


def ownership_findings(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """What the addresses do not say: who answers behind them, who writes them, who may certify the name."""
    yield from _cdn(facts, policy)
    yield from _owners(facts, policy)
    yield from caa_findings(facts, policy)


def _cdn(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """Known by its published names and ranges only: a CDN that is in no list is not seen."""
    sides = policy.old | policy.new
    aliases = [hop.values for hop in facts.chain.aliases] if facts.chain is not None else []
    aliases += [rrset.values for one in facts.servers for rrset in one.rrsets if rrset.type == "CNAME"]
    by_name = [
        (value, cdn) for found_values in aliases for value in found_values if (cdn := cdn_of_name(value))
    ]
    addresses = [value for one in facts.servers for kind in ("A", "AAAA") for value in values(one, kind)]
    by_address = [
        (value, cdn) for value in addresses if value not in sides and (cdn := cdn_of_address(value))
    ]
    told = by_name or by_address
    if told and not sides.intersection(addresses):
        value, cdn = min(told)
        words = f"leads to {clean(value, 120)} of {cdn}: DNS says nothing of the side behind it"
        yield found(facts, "DNS038", Verdict.WARN, words, type_name="A")


def _owners(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    records = [record for record in facts.owners if record.heritage and record.owner]
    owners = sorted({record.owner for record in records})
    if not owners:
        return
    lines = [_owner_line(record) for record in records]
    shown = f"{listed(owners)} ({clean(records[0].resource, 120) or 'no resource named'})"
    command = dig(facts, None, "TXT", name=records[0].name, address=records[0].server)
    foreign = [record for record in records if record.owner != policy.external_dns_owner]
    if len(owners) > 1:
        words = f"external-dns records name several owners: {shown}"
        yield found(facts, "DNS054", Verdict.FAIL, words, type_name="TXT", lines=lines, command=command)
    elif policy.external_dns_owner and foreign:
        words = f"the name is owned by external-dns {shown}, not by {clean(policy.external_dns_owner, 80)}"
        yield found(facts, "DNS054", Verdict.FAIL, words, type_name="TXT", lines=lines, command=command)
    elif not policy.external_dns_owner:
        words = f"the name is owned by external-dns {shown}: whether that is yours was not told"
        yield found(facts, "DNS063", Verdict.WARN, words, type_name="TXT", lines=lines, command=command)


def _owner_line(record: OwnerRecord) -> str:
    return f"{record.server} {record.name} {record.ttl} TXT {' '.join(record.texts)}"


def caa_findings(facts: DnsFacts, policy: DnsPolicy) -> Iterator[Finding]:
    """Whether the policy's ``ca_domains`` may certify the name (RFC 8659); nothing where none is told."""
    if not policy.ca_domains:
        return
    level, unknown = _deciding(facts.caa)
    if unknown is not None:
        words = f"whether CAA allows {listed(policy.ca_domains)} is not known: {_why(unknown)}"
        yield _caa_found(facts, Verdict.UNKNOWN, words, unknown)
    if level is None:
        return
    wild = facts.target.name.startswith("*.")
    tags = {record.tag.lower() for record in level.records}
    tag = "issuewild" if wild and "issuewild" in tags else "issue"
    allowed = [
        record.value.split(";")[0].strip().lower() for record in level.records if record.tag.lower() == tag
    ]
    critical = [
        record.tag for record in level.records if record.flags & 128 and record.tag.lower() not in _KNOWN
    ]
    wanted = {domain.lower().rstrip(".") for domain in policy.ca_domains}
    if critical:
        words = (
            f"{clean(level.name, 120)} has a critical CAA property that nobody may ignore: {listed(critical)}"
        )
        yield _caa_found(facts, Verdict.FAIL, words, level)
    elif allowed and not wanted.intersection(domain.rstrip(".") for domain in allowed):
        only = listed(filter(None, allowed)) or "nobody"
        words = f"CAA of {clean(level.name, 120)} allows {only}, not {listed(policy.ca_domains)}"
        yield _caa_found(facts, Verdict.FAIL, words, level)


_KNOWN = {"issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"}


def _deciding(levels: tuple[CaaLevel, ...]) -> tuple[CaaLevel | None, CaaLevel | None]:
    """The level whose records count, and the one below it that could not be read, if any."""
    for level in levels:
        if not level.answered:
            return None, level
        if level.records:
            return level, None
    return None, None


def _why(level: CaaLevel) -> str:
    return f"{clean(level.name, 120)} was not answered ({clean(level.error or level.rcode, 80)})"


def _caa_found(facts: DnsFacts, verdict: Verdict, words: str, level: CaaLevel) -> Finding:
    lines = [f"{level.name} CAA {record.flags} {record.tag} {record.value}" for record in level.records]
    command = dig(facts, None, "CAA", name=level.name, address=level.server)
    return found(facts, "DNS055", verdict, words, type_name="CAA", lines=lines, command=command)
