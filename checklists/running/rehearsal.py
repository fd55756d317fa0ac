"""The rehearsal of the rollback: a name of no traffic is made, moved, moved back and removed."""

from __future__ import annotations

import asyncio

from ...cluster.text import clean
from ..journal.secrecy import blot_secrets
from ..machine.effects import Rehearse
from ..machine.events import WriteEnded, WriteIntended
from ..machine.rehearsal import STEPS, left_by_us, rehearsal_steps, removal
from ..machine.state import may_write
from ..plans.model import Plan
from ..records.base import RecordChange, RecordReadError, WriteOutcomeKind, words
from ..records.rfc2136 import DEADLINE_S, read_records
from . import flag, held, writing
from .desk import Desk

SEEN_WITHIN_S = 60.0
"""How long every name server together may take to show one step."""

_EVERY_S = 0.2
_MOST_REFUSALS = 5


async def rehearse(desk: Desk, effect: Rehearse) -> None:
    """Go through the four steps; whatever stops it, what it made is removed before its outcome is told."""
    change = effect.change
    trouble = "it was cut off"
    if not (effect.lost or desk.state.pending):
        if flag.keeps(desk) or held.keeps(desk):
            return
        desk.record(WriteIntended(desk.ports.clock(), change.purpose))
        trouble, took = await _go_through(desk, change)
        if not trouble:
            _end(desk, change, "applied", _words_of(took, len(desk.state.plan.dns.authoritative)))
            return
    if not desk.state.rollback_asked:
        # an update without an answer may still be on its way
        await asyncio.sleep(writing.QUIET_S)
    kind, left = await _clear_away(desk, change)
    _end(desk, change, kind, f"{trouble}; {left}")


async def _go_through(desk: Desk, change: RecordChange) -> tuple[str, list[float]]:
    """What stopped it (empty: nothing did), and how long each step took until every server showed it."""
    took: list[float] = []
    for name, step in zip(STEPS, rehearsal_steps(change), strict=True):
        if desk.state.rollback_asked:
            return "the rollback itself was asked for", took
        began = desk.ports.elapsed()
        outcome = await desk.ports.records.apply(step)
        if outcome.kind != "applied":
            return f"{change.hosts[0]} was not {name}: {outcome.kind}: {outcome.detail}", took
        without = await _servers_without(desk, step)
        if without:
            return f"{name}, and after {SEEN_WITHIN_S:g} s not seen by {', '.join(without)}", took
        took.append(desk.ports.elapsed() - began)
        desk.seen.notice = f"{change.hosts[0]} {name} in {took[-1]:.1f} s"
        desk.changed()
    return "", took


def _words_of(took: list[float], servers: int) -> str:
    moved, back = took[1:3]
    by = f"{servers} of {servers} name servers" if servers > 1 else "the name server"
    return f"moved in {moved:.1f} s, back in {back:.1f} s, seen by {by}"


async def _servers_without(desk: Desk, step: RecordChange) -> tuple[str, ...]:
    """The authoritative servers that do not show the step within the deadline for all of them."""
    over = desk.ports.elapsed() + SEEN_WITHIN_S
    while True:
        without = await _lacking(desk.state.plan, step)
        if not without or desk.ports.elapsed() >= over or desk.state.rollback_asked:
            return without
        await asyncio.sleep(_EVERY_S)


async def _lacking(plan: Plan, step: RecordChange) -> tuple[str, ...]:
    async def shows(server: str) -> bool:
        try:
            read = await read_records(server, plan.dns.zone, step.hosts, DEADLINE_S)
        except RecordReadError:
            return False
        return tuple(sorted(read.sets)) == tuple(sorted(step.after))

    servers = plan.dns.authoritative
    shown = await asyncio.gather(*(shows(server) for server in servers))
    return tuple(server for server, has in zip(servers, shown, strict=True) if not has)


async def _clear_away(desk: Desk, change: RecordChange) -> tuple[WriteOutcomeKind, str]:
    """Remove what the rehearsal left under its name, and nothing that somebody else put there."""
    name, refusals = change.hosts[0], 0
    while True:
        left = f"what was made of {name}"
        try:
            sets = (await desk.ports.records.read(change.hosts)).sets
            if not sets:
                return "not-applied", f"no record of {name} is left"
            left = words(sets)
            if not left_by_us(desk.state.plan, sets):
                return "precondition-failed", f"{name} has records of somebody else, left alone: {left}"
            why = "resume with --write to remove it"
            if may_write(desk.state):
                outcome = await desk.ports.records.apply(removal(change, sets))
                if outcome.kind == "applied":
                    continue
                why, refusals = outcome.detail, refusals + (outcome.kind == "refused")
        except RecordReadError as error:
            why = str(error)
        if desk.state.rollback_asked or refusals >= _MOST_REFUSALS:
            # the way back of the plan's own names does not wait for this one
            return "refused", f"remove it yourself, it is left behind: {left} ({why})"
        desk.seen.notice = clean(f"the rehearsal's {name} is not removed yet: {why}")
        desk.changed()
        await asyncio.sleep(writing.RETRY_S)


def _end(desk: Desk, change: RecordChange, kind: WriteOutcomeKind, detail: str) -> None:
    if desk.state.pending and desk.state.proposal == change:
        said = blot_secrets(clean(detail, 600))
        desk.record(WriteEnded(desk.ports.clock(), change.purpose, kind, said))
