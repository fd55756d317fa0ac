"""Changing records: the proposal, the write with its intent on disk before it, and finding out."""

from __future__ import annotations

import asyncio

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..journal.secrecy import blot_secrets
from ..machine.effects import Apply, FindOut, ProposeChange, due
from ..machine.events import ChangeProposed, Event, NothingToLower, ProposalFailed, WriteEnded, WriteIntended
from ..records.base import RecordChange, RecordReadError, WriteOutcome
from . import flag, held
from .desk import Desk
from .proposals import Proposals

QUIET_S = 2.0
RETRY_S = 2.0


async def propose(desk: Desk, effect: ProposeChange) -> None:
    """Read the records, and put the exact change on record."""
    back = effect.purpose in ("roll-back", "raise-ttl")
    proposals = Proposals(desk.state.plan, desk.ports.records)
    try:
        event: Event
        if back:
            event = ChangeProposed(desk.ports.clock(), await proposals.back(desk.state))
        elif effect.purpose == "rehearse":
            event = ChangeProposed(desk.ports.clock(), await proposals.rehearsal())
        elif effect.purpose == "switch":
            event = ChangeProposed(desk.ports.clock(), await proposals.switch())
        else:
            change, old_ttl = await proposals.lower()
            detail = f"every TTL is low already; {old_ttl:g} s are waited all the same"
            now = desk.ports.clock()
            event = ChangeProposed(now, change, old_ttl) if change else NothingToLower(now, old_ttl, detail)
    except UserError as error:
        if back:
            raise
        event = ProposalFailed(desk.ports.clock(), blot_secrets(clean(error)))
    desk.emit(effect, event)


async def apply(desk: Desk, effect: Apply) -> None:
    """Make the change, its intent on disk before the first byte leaves."""
    change = effect.change
    if not desk.state.pending:
        await _reachable(desk, change)
        if change.purpose in ("lower-ttl", "switch") and (flag.keeps(desk) or held.keeps(desk)):
            return
        desk.record(WriteIntended(desk.ports.clock(), change.purpose))
    outcome = await desk.ports.records.apply(change)
    if desk.state.pending and desk.state.proposal == change:
        desk.record(_write_ended(desk, effect, outcome))


async def _reachable(desk: Desk, change: RecordChange) -> None:
    """The way back was agreed to: a name server that is down for a while does not end it."""
    while desk.ports.records.capabilities.writes and change.purpose in ("roll-back", "raise-ttl"):
        try:
            await desk.ports.records.read()
        except RecordReadError as error:
            desk.seen.notice = f"the rollback waits, nothing was sent yet: {error}"
            desk.changed()
            await asyncio.sleep(RETRY_S)
            continue
        desk.seen.notice = ""
        return


async def find_out(desk: Desk, effect: FindOut) -> None:
    """A cut-off write: wait until nothing of it can be on its way any more, then read."""
    await asyncio.sleep(QUIET_S)
    while True:
        try:
            outcome = await desk.ports.records.find_out(effect.change)
        except RecordReadError as error:
            desk.seen.notice = f"still not known what became of the write: {error}"
            desk.changed()
            await asyncio.sleep(RETRY_S)
            continue
        if effect in due(desk.state):
            why = desk.state.reason
            desk.record(_write_ended(desk, effect, outcome))
            if outcome.kind == "not-applied":
                desk.seen.notice = clean(
                    f"the write was not made: {why}" if why else "the write was not made"
                )
        return


def _write_ended(desk: Desk, effect: Apply | FindOut, outcome: WriteOutcome) -> WriteEnded:
    purpose = effect.change.purpose
    # a server or a command may say what a journal refuses: that must not end the run
    detail = blot_secrets(clean(outcome.detail, 600))
    return WriteEnded(desk.ports.clock(), purpose, outcome.kind, detail, outcome.now)
