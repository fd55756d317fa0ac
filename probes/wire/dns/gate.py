"""The gate before a cut: the low TTL everywhere, and for long enough. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...verdict import Finding, Verdict
from .facts import DnsFacts, DnsPolicy
from .forecast import Gate, low_ttl_gate
from .words import found
from .zones import Sighting

_VERDICTS = {
    "low": ("DNS020", Verdict.PASS),
    "wait": ("DNS029", Verdict.FAIL),
    "high": ("DNS021", Verdict.FAIL),
    "unknown": ("DNS022", Verdict.UNKNOWN),
}


def gate_of(facts: DnsFacts, policy: DnsPolicy, record: Sequence[Sighting], old_ttl: int | None) -> Gate:
    """The gate as the record and this look show it; the look must be in ``record``."""
    servers = [server.address for server in facts.authoritative]
    return low_ttl_gate(record, policy.low_ttl, facts.at, servers, old_ttl)


def gate_finding(facts: DnsFacts, gate: Gate) -> Finding:
    """The gate as a finding: only PASS opens it."""
    rule, verdict = _VERDICTS[gate.state]
    told = found(facts, rule, verdict, f"the gate to cut: {gate.words}")
    if gate.state == "unknown":
        # more looks cannot show what stood before the first one
        return replace(told, mend="Ask again when every server answers; give the old TTL if it is known.")
    return told
