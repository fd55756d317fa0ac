"""One name's answers judged, beside the record of former looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...probes.verdict import Finding
from ...probes.wire.dns.facts import DnsFacts, DnsPolicy, Sighting
from ...probes.wire.dns.forecast import Drain, Gate, drain, old_periods, periods
from ...probes.wire.dns.gate import gate_finding, gate_of
from ...probes.wire.dns.history import history_path, read_history, record, sightings
from ...probes.wire.dns.judge import judge
from ...probes.wire.dns.names import absolute
from .dns_inputs import Asked


@dataclass(frozen=True, slots=True)
class Judged:
    """All that is told of one name; ``gate`` and ``drain`` where they were asked for."""

    facts: DnsFacts
    findings: tuple[Finding, ...]
    gate: Gate | None = None
    drain: Drain | None = None


def record_path(asked: Asked, name: str) -> Path | None:
    """Where the record of ``name`` is kept; None: nowhere."""
    if asked.record is None:
        return None
    return history_path(name) if asked.record == "auto" else Path(asked.record)


def judged(facts: DnsFacts, policy: DnsPolicy, asked: Asked) -> Judged:
    """The facts with the record of former looks, the findings, and the gate and the forecast if asked for."""
    now_seen, before = _looked_up(facts, asked)
    facts = replace(facts, seen=before)
    findings = list(judge(facts, policy))
    gate = None
    if asked.record is not None and policy.expect != "new":
        gate = gate_of(facts, policy, (*before, *now_seen), asked.old_ttl)
        # it says more than the TTL of this moment does
        findings = [gate_finding(facts, gate), *(one for one in findings if one.rule != "DNS020")]
    drained = _drain_of((*before, *now_seen), policy) if asked.forecast else None
    return Judged(facts, tuple(findings), gate, drained)


def _looked_up(facts: DnsFacts, asked: Asked) -> tuple[tuple[Sighting, ...], tuple[Sighting, ...]]:
    """What this look saw (kept in the record, where there is one), and what former ones saw of this name."""

    now_seen = sightings(facts)
    path = record_path(asked, facts.target.name)
    if path is None:
        return now_seen, ()
    owner = absolute(facts.target.name)
    before = tuple(one for one in read_history(path) if one.name == owner and one.at < facts.at)
    record(path, now_seen)
    return now_seen, before


def _drain_of(record: Sequence[Sighting], policy: DnsPolicy) -> Drain:
    """The forecast from the whole record of a name."""

    return drain(old_periods(periods(record), policy.old, policy.new))
