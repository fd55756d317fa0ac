"""Working out the exact change from the records as every authoritative server holds them now."""

from __future__ import annotations

import asyncio

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..machine.rehearsal import rehearsal_change
from ..machine.state import State
from ..plans.model import Plan
from ..records.base import (
    Prepares,
    RecordChange,
    RecordProvider,
    RecordsRead,
    lower_ttl_change,
    return_change,
    switch_change,
    words,
)
from ..records.rfc2136 import DEADLINE_S, read_records
from . import caches


class Proposals:
    """Reads, and never writes. Raises UserError where the records cannot be known or are not the plan's."""

    def __init__(self, plan: Plan, records: RecordProvider) -> None:
        self._plan = plan
        self._records = records

    async def lower(self) -> tuple[RecordChange | None, float]:
        """The change that lowers the TTLs (None: all are low), and the old TTL to be waited, in seconds."""
        plan = self._plan
        read = await self._records.read()
        ttls = [item.ttl for item in read.sets]
        # a server that lags may still hand out a longer TTL than the first one does
        for server in plan.dns.authoritative[1:]:
            other = await read_records(server, plan.dns.zone, plan.hosts, DEADLINE_S)
            ttls += [item.ttl for item in other.sets]
        change = await self._prepared(lower_ttl_change(read, plan))
        # and a cache may hold one from before somebody lowered it by hand
        cached = caches.longest_cached_ttl(await caches.ask(plan))
        old_ttl = max(*ttls, plan.dns.old_ttl or 0, cached, plan.dns.low_ttl)
        return change, float(old_ttl)

    async def switch(self) -> RecordChange:
        """The change to the new side. UserError: a name server serves other records than those read."""
        plan, dns = self._plan, self._plan.dns
        looks = (read_records(server, dns.zone, plan.hosts, DEADLINE_S) for server in dns.authoritative)
        # all of them end before one error is told: none is left running behind it
        asked = [asyncio.ensure_future(one) for one in (self._records.read(), *looks)]
        await asyncio.gather(*asked, return_exceptions=True)
        read, *served = (one.result() for one in asked)
        for one in (read, *served):
            long = [item for item in one.sets if item.ttl > plan.dns.low_ttl]
            if long:
                found = f"{one.server}: {long[0].host} {long[0].type} has a TTL of {long[0].ttl} s again"
                wanted = f"wanted {plan.dns.low_ttl} s"
                raise UserError(f"{found}, {wanted}", "somebody raised it: lower it again and wait")
        for one in served:
            _require_equal(read, one)
        change = await self._prepared(switch_change(read, plan))
        assert change is not None
        return change

    async def rehearsal(self) -> RecordChange:
        """The move of the rehearsal's name, which nobody may have any record of."""
        name = self._plan.dns.rehearse
        if not self._records.capabilities.rehearses:
            mend = "leave dns.rehearse out of the plan"
            raise UserError(f"provider {self._plan.dns.provider} cannot make and remove {name}", mend)
        found = (await self._records.read((name,))).sets
        if found:
            mend = "choose a name that nobody uses for dns.rehearse, or remove them"
            raise UserError(f"the rehearsal's {name} has records: {words(found)}", mend)
        return rehearsal_change(self._plan)

    async def _prepared(self, change: RecordChange | None) -> RecordChange | None:
        if change is None or not isinstance(self._records, Prepares):
            return change
        return await self._records.prepare(change)

    async def back(self, state: State) -> RecordChange:
        """The change from what is there now to what stood before our own."""
        made = state.switched or state.lowered
        if made is None:
            raise UserError("nothing has been changed, so there is nothing to take back")
        return return_change(await self._records.read(), made)


def _require_equal(read: RecordsRead, served: RecordsRead) -> None:
    """UserError: they differ. A server that lags would go on sending its clients elsewhere."""
    ours, theirs = ({(item.host, item.type): item.values for item in one.sets} for one in (read, served))
    for host, kind in sorted(ours.keys() | theirs.keys()):
        here, there = (side.get((host, kind), ()) for side in (ours, theirs))
        if here != there:
            raise UserError(
                f"{served.server} serves {clean(', '.join(there), 120) or 'nothing'} as {kind} of {host}, "
                f"{read.server} has {clean(', '.join(here), 120) or 'nothing'}",
                "never switch while the name servers differ: mend the transfer to it first",
            )
