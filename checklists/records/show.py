"""The provider ``show``: a person makes the change; Pointsman shows it, then watches until it is there."""

from __future__ import annotations

import asyncio

from ..plans.model import Plan
from .base import Capabilities, RecordChange, RecordReadError, RecordsRead, WriteOutcome, settle
from .consoles import console_text
from .rfc2136 import DEADLINE_S, read_records

_EVERY_S = 1.0


class Show:
    """Reads from the plan's authoritative servers and writes nothing."""

    capabilities = Capabilities(writes=False)

    def __init__(self, plan: Plan, deadline_s: float = DEADLINE_S) -> None:
        self._plan = plan
        self._deadline_s = deadline_s

    async def read(self, hosts: tuple[str, ...] = ()) -> RecordsRead:
        """The hosts' records at the first authoritative server."""
        return await self._read_from(self._plan.dns.authoritative[0], hosts)

    async def find_out(self, change: RecordChange) -> WriteOutcome:
        """By what the first authoritative server holds now."""
        return settle(change, (await self.read(change.hosts)).sets)

    async def apply(self, change: RecordChange) -> WriteOutcome:
        """Wait, for as long as it takes, until every authoritative server has the change; cancel to stop."""
        while True:
            missing = await self._servers_without(change)
            if not missing:
                return WriteOutcome("applied", "every authoritative server has it", change.after)
            await asyncio.sleep(_EVERY_S)

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """In words, and for the console that the plan names."""
        return console_text(change, self._plan.dns)

    async def _servers_without(self, change: RecordChange) -> tuple[str, ...]:
        wanted = tuple(sorted(change.after))
        missing = []
        for server in self._plan.dns.authoritative:
            try:
                has = tuple(sorted((await self._read_from(server, change.hosts)).sets)) == wanted
            except RecordReadError:
                has = False
            if not has:
                missing.append(server)
        return tuple(missing)

    async def _read_from(self, server: str, hosts: tuple[str, ...] = ()) -> RecordsRead:
        wanted = hosts or self._plan.hosts
        return await read_records(server, self._plan.dns.zone, wanted, self._deadline_s)
