"""What several answers of one server say together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .answers import DnsAnswer
from .facts import DnsServerFacts
from .servers import Server, parse_server


def server_or_reason(text: str) -> Server | str:
    """The server, or why its text is none."""
    try:
        return parse_server(text)
    except ValueError as error:
        return f"cannot be asked: {error}"


def server_facts(
    text: str, kind: str, answers: Sequence[DnsAnswer | None], soa: DnsAnswer | None, name: str = ""
) -> DnsServerFacts:
    came = tuple(answer for answer in answers if answer is not None)
    if soa is None:
        return DnsServerFacts(text, kind, came, name=name)
    for rrset in (*soa.rrsets, *soa.authority):
        words = rrset.values[0].split() if rrset.type == "SOA" and rrset.values else []
        if len(words) == 7 and words[2].isdigit() and words[6].isdigit():
            return DnsServerFacts(
                text, kind, came, int(words[2]), int(words[6]), name, rrset.ttl, rrset.owner
            )
    return DnsServerFacts(text, kind, came, name=name)
