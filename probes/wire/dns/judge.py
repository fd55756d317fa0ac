"""What the name servers' answers mean for a cutover. Pure; each subject has a module of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...verdict import Finding
from .delegation import server_findings, together, walk_findings
from .existence import existence_findings
from .facts import DnsFacts, DnsPolicy
from .ownership import ownership_findings
from .resolver import resolver_findings
from .sides import chain_findings, side_findings
from .ttl import gate, ttl_findings


def judge(facts: DnsFacts, policy: DnsPolicy) -> tuple[Finding, ...]:
    """The findings, at least one: the TTL gate's always stands first."""
    found = [gate(facts, policy), *walk_findings(facts)]
    for server in facts.servers:
        found += server_findings(facts, server, policy)
        if not server.error:
            found += side_findings(facts, server, policy)
    found += together(facts)
    found += chain_findings(facts, policy)
    found += ttl_findings(facts, policy)
    found += existence_findings(facts)
    found += ownership_findings(facts, policy)
    found += resolver_findings(facts)
    return tuple(_distinct(found))


def _distinct(found: Iterable[Finding]) -> Iterator[Finding]:
    seen: set[tuple[str, object, str]] = set()
    for entry in found:
        key = (entry.rule, entry.subject, entry.summary)
        if key not in seen:
            seen.add(key)
            yield entry
