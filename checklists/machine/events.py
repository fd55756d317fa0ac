"""What happened in a cutover, one frozen dataclass each: the journal's content, all the machine learns.

``at`` is seconds since the epoch. Nothing here can hold a key, a token or a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ...cluster.errors import UserError
from ...cluster.refs import ObjectRef
from ...cluster.typed import convert
from ...probes.verdict import Endpoint, Finding, Subject, Verdict
from ..records.base import RecordChange, RecordSet, WriteOutcomeKind
from ..terms import Check, Gate, Purpose

Everywhere = Literal["low-ttl", "new", "old"]
DecidedVerdict = Literal["PASS", "ABORT", "HOLD"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first line: the whole plan and checklist, so that a resume needs nothing but the run's id.

    ``operator`` is user@machine. A plan with waves is one run for each of them, under a common ``campaign``;
    the run's plan holds the hosts of its own wave only. ``boot`` names the machine's start (empty: not
    known), ``uptime`` the seconds since.
    """

    at: float
    run_id: str
    plan: Mapping[str, Any]
    plan_digest: str
    checks: tuple[Check, ...]
    writes_enabled: bool
    kubeconfig: str = ""
    context: str = ""
    version: str = ""
    operator: str = ""
    campaign: str = ""
    wave: int = 1
    waves: int = 1
    boot: str = ""
    uptime: float = 0.0


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another process took the run over: what was under way is not any more. ``boot``: see ``RunStarted``."""

    at: float
    writes_enabled: bool
    operator: str = ""
    boot: str = ""
    uptime: float = 0.0


@dataclass(frozen=True, slots=True)
class Checked:
    """One check's answer at a gate; ``findings`` as ``finding_to_json`` writes them, ``facts`` as seen."""

    check_id: str
    verdict: Verdict
    headline: str
    elapsed_ms: float = 0.0
    findings: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateChecked:
    """Every check of a gate was asked."""

    at: float
    gate: Gate
    results: tuple[Checked, ...]


@dataclass(frozen=True, slots=True)
class Waived:
    """A person passed a check in spite of ``verdict``."""

    at: float
    check_id: str
    verdict: Verdict
    reason: str
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Attested:
    """A person answered a manual check's question with yes, by its name; for this asking of its gate only."""

    at: float
    check_id: str
    note: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ChecksAsked:
    """The present gate is to be asked again."""

    at: float
    why: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ChangeProposed:
    """The records were read; this is the exact change. ``old_ttl`` is the largest TTL that is there now."""

    at: float
    change: RecordChange
    old_ttl: float = 0.0


@dataclass(frozen=True, slots=True)
class NothingToLower:
    """Every TTL is low already; ``old_ttl`` seconds are waited all the same: nobody saw it lowered."""

    at: float
    old_ttl: float
    detail: str


@dataclass(frozen=True, slots=True)
class ProposalFailed:
    """The records could not be read, or are not what the plan says."""

    at: float
    detail: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A person typed the target's name for this write; for the switch that includes the rollback on alarm."""

    at: float
    purpose: Purpose
    typed: str
    operator: str = ""


@dataclass(frozen=True, slots=True)
class WriteIntended:
    """On disk before the first byte of the write leaves."""

    at: float
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class WriteEnded:
    """How the write ended, or what was found out about one that was cut off."""

    at: float
    purpose: Purpose
    outcome: WriteOutcomeKind
    detail: str
    now: tuple[RecordSet, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenEverywhere:
    """The last authoritative server shows it."""

    at: float
    what: Everywhere
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HighTtlSeen:
    """A server hands out a TTL above the low one before the switch: what was waited for begins anew."""

    at: float
    ttl: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """The instant that was waited for has come."""

    at: float


@dataclass(frozen=True, slots=True)
class WatchBegan:
    """Requests to both sides go out and are counted from here; an earlier count is void."""

    at: float
    soaking: bool = False


@dataclass(frozen=True, slots=True)
class WatchEnded:
    """The watch decided. INCONCLUSIVE is no decision: it goes on."""

    at: float
    verdict: DecidedVerdict
    detail: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchNoted:
    """What the watch has seen by now, for those who were not there: it changes nothing."""

    at: float
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OldSideCounted:
    """What the old side counted of the hosts since ``since``, by its own counters from ``source``.

    ``others`` are requests that were not our own probes, None where it cannot be told (``detail`` says why):
    then nothing is known of that time, and the old side is not quiet.
    """

    at: float
    since: float
    source: str
    others: float | None
    ours: float = 0.0
    per_host: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TurnChanged:
    """Whether it is this wave's turn to switch, by how the waves before it stand."""

    at: float
    come: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class FlagSeen:
    """The postpone file is there, or is not any more."""

    at: float
    there: bool


@dataclass(frozen=True, slots=True)
class Tuned:
    """A person changed a threshold or a duration (``thresholds.min_samples``, ``durations.watch``, ...)."""

    at: float
    name: str
    value: float
    operator: str = ""


@dataclass(frozen=True, slots=True)
class HoldingChanged:
    """Whether this run alone acts on its hosts: how it is known, or who took that from it, and since when."""

    at: float
    held: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HookBegan:
    """On disk before the plan's hook ``hook`` is started for the ``mark``-th beginning of a phase."""

    at: float
    mark: int
    hook: int


@dataclass(frozen=True, slots=True)
class HookEnded:
    """How it ended; ``code`` None: it was killed, could not start, or nobody saw its end."""

    at: float
    mark: int
    hook: int
    code: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RollBackAsked:
    """The operator typed the name to go back. (An alarm needs no such event: the switch authorised it.)"""

    at: float
    typed: str
    why: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class PostponedEvent:
    """No forward step from here."""

    at: float
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ContinuedEvent:
    """Forward again, or out of a hold."""

    at: float
    operator: str = ""


Event = (
    RunStarted
    | Resumed
    | GateChecked
    | Waived
    | Attested
    | ChecksAsked
    | ChangeProposed
    | NothingToLower
    | ProposalFailed
    | Confirmed
    | WriteIntended
    | WriteEnded
    | SeenEverywhere
    | HighTtlSeen
    | WaitEnded
    | WatchBegan
    | WatchEnded
    | WatchNoted
    | OldSideCounted
    | TurnChanged
    | FlagSeen
    | Tuned
    | HoldingChanged
    | HookBegan
    | HookEnded
    | RollBackAsked
    | PostponedEvent
    | ContinuedEvent
)

EVENT_TYPES: dict[str, type[Event]] = {
    "run-started": RunStarted,
    "resumed": Resumed,
    "gate-checked": GateChecked,
    "waived": Waived,
    "attested": Attested,
    "checks-asked": ChecksAsked,
    "change-proposed": ChangeProposed,
    "nothing-to-lower": NothingToLower,
    "proposal-failed": ProposalFailed,
    "confirmed": Confirmed,
    "write-intended": WriteIntended,
    "write-ended": WriteEnded,
    "seen-everywhere": SeenEverywhere,
    "high-ttl-seen": HighTtlSeen,
    "wait-ended": WaitEnded,
    "watch-began": WatchBegan,
    "watch-ended": WatchEnded,
    "watch-noted": WatchNoted,
    "old-side-counted": OldSideCounted,
    "turn-changed": TurnChanged,
    "flag-seen": FlagSeen,
    "tuned": Tuned,
    "holding-changed": HoldingChanged,
    "hook-began": HookBegan,
    "hook-ended": HookEnded,
    "rollback-asked": RollBackAsked,
    "postponed": PostponedEvent,
    "continued": ContinuedEvent,
}
_NAMES = {kind: name for name, kind in EVENT_TYPES.items()}


def event_name(event: Event) -> str:
    """The event's name in the journal."""
    return _NAMES[type(event)]


def event_to_json(event: Event) -> dict[str, Any]:
    """``{"event": name, ...its fields}`` in plain values."""
    return {"event": event_name(event), **msgspec.to_builtins(event)}


def event_from_json(plain: Mapping[str, Any]) -> Event:
    """The inverse of ``event_to_json``. UserError: no such event, or fields that do not fit."""
    kind = EVENT_TYPES.get(str(plain.get("event")))
    if kind is None:
        raise UserError(f"unknown event {plain.get('event')!r}", "was it written by a newer Pointsman?")
    try:
        return convert({name: value for name, value in plain.items() if name != "event"}, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"event {plain['event']} cannot be read: {error}") from None


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """A finding in plain values; the subject is told apart by its fields."""
    plain = msgspec.to_builtins(finding)
    assert isinstance(plain, dict)
    return plain


def finding_from_json(plain: Mapping[str, Any]) -> Finding:
    """The inverse of ``finding_to_json``."""
    fields = plain["subject"]
    subject: Subject = convert(fields, Endpoint) if "endpoint" in fields else convert(fields, ObjectRef)
    return Finding(
        **{name: value for name, value in plain.items() if name not in ("subject", "verdict", "evidence")},
        subject=subject,
        verdict=Verdict(plain["verdict"]),
        evidence=tuple(plain["evidence"]),
    )
