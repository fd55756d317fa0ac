"""The words of a cutover that every room here shares: gates, phases, purposes, a check and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..probes.verdict import Finding, Verdict

Gate = Literal["before-lower-ttl", "before-switch", "after-switch", "before-retire"]
GATES: tuple[Gate, ...] = ("before-lower-ttl", "before-switch", "after-switch", "before-retire")

Phase = Literal[
    "preflight",
    "lower-ttl",
    "wait-ttl",
    "rehearse",
    "confirm",
    "switch",
    "watch",
    "soak",
    "done",
    "rollback",
    "drain",
    "rolled-back",
    "stopped-at-gate",
    "held",
]
PHASES: tuple[Phase, ...] = get_args(Phase)
Outcome = Literal["", "done", "stopped-at-gate", "rolled-back", "held"]
StepStatus = Literal["done", "now", "next", "failed", "skipped"]
Purpose = Literal["lower-ttl", "rehearse", "switch", "roll-back", "raise-ttl"]


MANUAL = "manual"
"""The probe whose answer only a person has: UNKNOWN until somebody confirms the check by its name."""


@dataclass(frozen=True, slots=True)
class Check:
    """One item of a checklist, as its YAML says it.

    ``gate`` is the first gate that needs it; the gate before the switch asks all earlier ones again, because
    a long wait lies between; so do the gates named in ``again``.
    """

    id: str
    number: int
    title: str
    probe: str
    gate: Gate
    why: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    again: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check answered. ``headline`` is one line; ``findings`` carry the evidence and the command."""

    check: Check
    verdict: Verdict
    headline: str
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    elapsed_ms: float = 0.0
