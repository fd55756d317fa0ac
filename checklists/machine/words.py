"""Events and changes in plain words, for the log, the screens and the report. Pure."""

from __future__ import annotations

from datetime import datetime

from ...cluster.text import clean
from ..records.base import RecordChange
from .events import (
    Attested,
    ChangeProposed,
    ChecksAsked,
    Confirmed,
    ContinuedEvent,
    Event,
    FlagSeen,
    GateChecked,
    HighTtlSeen,
    HoldingChanged,
    HookBegan,
    HookEnded,
    NothingToLower,
    OldSideCounted,
    PostponedEvent,
    ProposalFailed,
    Resumed,
    RollBackAsked,
    RunStarted,
    SeenEverywhere,
    Tuned,
    TurnChanged,
    WaitEnded,
    Waived,
    WatchBegan,
    WatchEnded,
    WatchNoted,
    WriteEnded,
    WriteIntended,
    event_name,
)

PURPOSES = {
    "lower-ttl": "lower the TTL",
    "rehearse": "rehearse the rollback",
    "switch": "switch to the new side",
    "roll-back": "roll back to the old side",
    "raise-ttl": "raise the TTL again",
}
_SEEN = {"low-ttl": "the low TTL", "new": "the new side", "old": "the old side"}


def clock_time(at: float) -> str:
    """Local time of day of an epoch instant, with seconds."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def duration(seconds: float) -> str:
    """``90 s``, ``12 min``, ``47.5 h``."""
    if seconds < 180:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.3g} h"


def change_words(change: RecordChange) -> str:
    """A change in one line: ``A 127.0.0.2 -> 127.0.0.3``, ``TTL 20 -> 3``, ``AAAA removed``."""
    before = {(item.host, item.type): item for item in change.before}
    after = {(item.host, item.type): item for item in change.after}
    parts = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        name = f"{key[0]} {key[1]}" if len(change.hosts) > 1 else key[1]
        if old is None and new is not None:
            parts.append(f"{name} {', '.join(new.values)} added")
        elif new is None:
            parts.append(f"{name} removed")
        elif old is not None and old.values != new.values:
            parts.append(f"{name} {', '.join(old.values)} -> {', '.join(new.values)}")
        elif old is not None and old.ttl != new.ttl:
            parts.append(f"{name} TTL {old.ttl} -> {new.ttl}")
    return clean("; ".join(parts) or "nothing changes")


def event_words(event: Event) -> str:
    """What happened, in one line without its time."""
    return clean(_event_words(event))


def _event_words(event: Event) -> str:
    match event:
        case RunStarted():
            return f"run {event.run_id} started, writing is {'on' if event.writes_enabled else 'off'}"
        case Resumed():
            return f"resumed, writing is {'on' if event.writes_enabled else 'off'}"
        case GateChecked():
            results = ", ".join(f"{item.check_id} {item.verdict}" for item in event.results)
            return f"gate {event.gate} asked: {results or 'no checks'}"
        case Waived():
            return f"{event.check_id} {event.verdict} waived: {event.reason}"
        case Attested():
            return f"{event.check_id} confirmed by hand: {event.note or 'yes'}"
        case ChecksAsked():
            return f"the checks are to be asked again: {event.why}"
        case ChangeProposed():
            return f"to {PURPOSES[event.change.purpose]}: {change_words(event.change)}"
        case NothingToLower():
            return event.detail
        case ProposalFailed():
            return f"no change can be proposed: {event.detail}"
        case SeenEverywhere():
            return f"every authoritative server shows {_SEEN[event.what]}"
    return _watch_words(event)


def _watch_words(event: Event) -> str:
    match event:
        case WatchBegan():
            return "the watch of the soak began" if event.soaking else "the watch began"
        case WatchEnded():
            return f"the watch says {event.verdict}: {event.detail}"
        case WatchNoted():
            return _watch_so_far(event)
    return _write_words(event)


def _watch_so_far(event: WatchNoted) -> str:
    sides = ((name, event.numbers.get(name) or {}) for name in ("new", "old"))
    counts = (
        f"{name} {one.get('requests', 0)} requests, {one.get('errors', 0)} errors" for name, one in sides
    )
    return f"the watch so far: {'; '.join(counts)}"


def _write_words(event: Event) -> str:
    match event:
        case Confirmed():
            return f'confirmed to {PURPOSES[event.purpose]}: "{event.typed}" typed'
        case WriteIntended():
            return f"about to {PURPOSES[event.purpose]}"
        case WriteEnded():
            return f"{PURPOSES[event.purpose]}: {event.outcome}: {event.detail}"
        case HighTtlSeen():
            return f"{event.detail}: the wait begins anew"
        case RollBackAsked():
            return f'rollback asked for: "{event.typed}" typed'
    return _words_beside(event)


def _words_beside(event: Event) -> str:
    match event:
        case OldSideCounted():
            if event.others is None:
                return f"the old side's counter tells nothing: {event.detail}"
            return f"the old side counted {event.others:g} requests of others since {clock_time(event.since)}"
        case TurnChanged():
            return f"this wave's turn has come: {event.why}" if event.come else f"not yet: {event.why}"
        case FlagSeen():
            return f"the postpone file {'is there' if event.there else 'is gone'}"
        case HoldingChanged():
            return event.detail or ("the hosts are held" if event.held else "the hosts are not held any more")
        case Tuned():
            return f"{event.name} set to {event.value:g}{_by(event.operator)}"
        case PostponedEvent():
            return f"postponed{_by(event.operator)}"
        case ContinuedEvent():
            return f"continued{_by(event.operator)}"
        case HookBegan():
            return f"hook {event.hook + 1} begun"
        case HookEnded():
            ended = "nobody saw its end" if event.code is None else f"exit code {event.code}"
            return f"hook {event.hook + 1}: {ended}{': ' if event.detail else ''}{event.detail}"
    return "the wait is over" if isinstance(event, WaitEnded) else event_name(event)


def _by(operator: str) -> str:
    return f" by {operator}" if operator else ""
