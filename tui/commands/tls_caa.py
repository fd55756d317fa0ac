"""``pointsman probe tls --caa``: may the authority that issued what is served go on doing so?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.verdict import Endpoint, Finding, Verdict, finding
from ...probes.wire.address import is_address
from ...probes.wire.dns.facts import CAA, CHAIN, DnsFacts, DnsPolicy, DnsTarget
from ...probes.wire.dns.observe import observe
from ...probes.wire.dns.ownership import caa_findings
from ...probes.wire.dns.servers import parse_server, system_resolvers
from ...probes.wire.tls.certificate import UnreadableChainError, parse_chain
from ...probes.wire.tls.facts import TlsFacts
from ...probes.wire.tls.issuers import caa_domains, issuer_organisation
from ..lines import EMPTY, Line, labelled
from ..telling.tls import finding_block


def resolvers_of(given: Sequence[str]) -> tuple[str, ...]:
    """The resolvers to ask: those given, else this system's. Raises UserError."""
    for text in given:
        try:
            parse_server(text)
        except ValueError as error:
            raise UserError(
                f"--resolver {clean(text, 80)}: {clean(error)}", "for example 192.0.2.53 or tls://192.0.2.53"
            ) from None
    found = tuple(given) or system_resolvers()
    if not found:
        raise UserError("no resolver is known here to ask for CAA", "name one: --resolver 192.0.2.53")
    return found


async def caa(
    served: Iterable[TlsFacts], resolvers: Sequence[str], timeout_s: float
) -> tuple[list[DnsFacts], list[Finding]]:
    """What CAA says of each name, held against who issued the leaf that is served for it."""
    issuers = {
        facts.target.name: organisation
        for facts in served
        if not is_address(facts.target.name) and (organisation := _issuer(facts))
    }
    targets = [
        DnsTarget(name, (), tuple(resolvers), types=("A",), timeout_s=timeout_s, extras=(CHAIN, CAA))
        for name in issuers
    ]
    asked = list(await asyncio.gather(*(observe(target) for target in targets)))
    found = [item for facts in asked for item in _judged(facts, issuers[facts.target.name])]
    return asked, found


def _issuer(facts: TlsFacts) -> str:
    served = next((handshake.chain for handshake in facts.named if handshake.chain), ())
    try:
        chain = parse_chain(served[:1])
    except UnreadableChainError:
        return ""
    return issuer_organisation(chain[0]) if chain else ""


def _judged(facts: DnsFacts, organisation: str) -> tuple[Finding, ...]:
    domains = caa_domains(organisation)
    if domains:
        return tuple(caa_findings(facts, replace(DnsPolicy(0), ca_domains=domains)))
    if not any(level.records or not level.answered for level in facts.caa):
        return ()
    host = clean(facts.target.name, 255)
    words = f"CAA restricts who may certify {host}; how it calls {clean(organisation, 120)} is not known here"
    mend = f"Ask by the authority's own name: pointsman probe dns {host} --ca-domain DOMAIN"
    return (finding("DNS055", Verdict.UNKNOWN, Endpoint("DNS", host), words, mend=mend),)


def caa_lines(asked: Sequence[DnsFacts], findings: Sequence[Finding], width: int) -> list[Line]:
    """What CAA says of each name, then what follows from it."""
    lines: list[Line] = []
    for facts in asked:
        lines += labelled("CAA", f"{clean(facts.target.name, 120)}: {_told(facts)}", width)
    return [*lines, *([EMPTY, *finding_block(findings, width)] if findings else [])]


def _told(facts: DnsFacts) -> str:
    for level in facts.caa:
        if not level.answered:
            return f"{clean(level.name, 120)} was not answered ({clean(level.error or level.rcode, 80)})"
        if level.records:
            shown = ", ".join(clean(f"{record.tag} {record.value}", 120) for record in level.records[:8])
            return f"{clean(level.name, 120)} has {shown}"
    return "no CAA records on the way up: any authority may" if facts.caa else "was not asked"
