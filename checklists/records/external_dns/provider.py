"""The provider ``external-dns``: annotations are patched, and external-dns moves the record.

Nothing is written to DNS from here. A patch carries the annotations and the resourceVersion as they were read
as its precondition; then it is waited until every authoritative server shows what the plan wants.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ....cluster.errors import UserError
from ....cluster.text import clean
from ...plans.model import Plan
from ..base import (
    Capabilities,
    ObjectPatch,
    RecordChange,
    RecordReadError,
    RecordsRead,
    WriteOutcome,
    settle,
    words,
)
from ..rfc2136 import DEADLINE_S, read_records
from . import objects
from .outlook import look_around
from .words import instructions

if TYPE_CHECKING:
    from ....cluster.client.connect import Connection
    from ....cluster.snapshot import Snapshot
    from ..surroundings import Surroundings

_EVERY_S = 1.0
APPLY_WAIT_S = 8.0
"""How long ``apply`` itself waits for the record: a quit waits for it too. Then ``find_out`` goes on."""

_ROUNDS = 3
_SETTLING_S = 10.0


class ExternalDns:
    """Reads the records from the plan's authoritative servers; writes annotations, or nothing (``patch``)."""

    def __init__(self, plan: Plan, around: Surroundings, deadline_s: float = DEADLINE_S) -> None:
        self._plan = plan
        self._around = around
        self._deadline_s = deadline_s
        self._interval_s = 60.0
        self._versions: dict[str, str] = {}
        self._waiting_since: dict[str, float] = {}
        writes = not plan.dns.by_hand
        self.capabilities = Capabilities(writes=writes, compare_and_swap=writes)

    async def read(self, hosts: tuple[str, ...] = ()) -> RecordsRead:
        """The hosts' records at the first authoritative server."""
        return await self._read_from(self._plan.dns.authoritative[0], hosts)

    async def prepare(self, change: RecordChange) -> RecordChange:
        """The change with the patches that lead external-dns to it. UserError: it would do something else."""
        if self._around.snapshots is None:
            raise UserError(
                "provider external-dns needs the cluster in which it runs",
                "name it with --kubeconfig and --context",
            )
        outlook = await look_around(self._plan, self._around.snapshots())
        patches = await asyncio.to_thread(outlook.checked_patches, change.purpose)
        if outlook.owner is not None:
            self._interval_s = outlook.owner.flags.interval_s
        self._versions = _versions(outlook.snapshot)
        if self.capabilities.writes:
            await asyncio.to_thread(self._refuse_git, patches)
        return replace(change, via=patches)

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """kubectl commands, and the same as YAML for Git."""
        return instructions(change, self._versions)

    async def apply(self, change: RecordChange) -> WriteOutcome:
        """Patch the annotations, all or (where one is not as read) none; then wait for the record."""
        if not self.capabilities.writes:
            return await self._watch(change)
        forward = change.purpose in ("lower-ttl", "switch")
        try:
            now = (await self.read(change.hosts)).sets
        except RecordReadError as error:
            if forward:
                return WriteOutcome("refused", f"nothing was patched: {error}")
            now = ()
        if forward and tuple(sorted(now)) not in (change.before, change.after):
            detail = f"somebody else changed the records: now {words(now)}; nothing was patched"
            return WriteOutcome("precondition-failed", detail, now)
        refusal = await asyncio.to_thread(self._patch_all, change)
        if refusal is not None:
            return refusal
        until = time.monotonic() + min(APPLY_WAIT_S, self._grace_s)
        while True:
            missing = await self._servers_without(change)
            if not missing:
                return WriteOutcome(
                    "applied", "the annotations are set, and every name server has it", change.after
                )
            if time.monotonic() >= until:
                return WriteOutcome("unknown", f"the annotations are set; not yet at {', '.join(missing)}")
            await asyncio.sleep(min(_EVERY_S, max(0.05, until - time.monotonic())))

    async def find_out(self, change: RecordChange) -> WriteOutcome:
        """By the annotations and the records. Set, and not in DNS yet: it is under way (RecordReadError).

        After some of external-dns's intervals the patch counts as made all the same: what is missing then is
        external-dns, and the way back is not kept waiting for it.
        """
        now = (await self.read(change.hosts)).sets
        if not self.capabilities.writes:
            return settle(change, now)
        standing = await asyncio.to_thread(self._standing, change)
        if standing != "after":
            found = settle(change, now)
            return replace(found, detail=f"the annotations are {standing}; {found.detail}")
        if settle(change, now).kind == "applied":
            return WriteOutcome("applied", "the annotations are set, and the records follow", now)
        since = self._waiting_since.setdefault(change.digest, time.monotonic())
        waited = time.monotonic() - since
        if waited < self._grace_s:
            raise RecordReadError(
                f"the annotations are set, external-dns has not moved the records yet ({waited:.0f} s): "
                f"now {words(now)}",
                f"it looks every {self._interval_s:g} s",
            )
        detail = (
            f"the annotations are set, and external-dns has done nothing for {waited:.0f} s: is it running?"
        )
        return WriteOutcome("applied", f"{detail} Now {words(now)}", now)

    @property
    def _grace_s(self) -> float:
        return _ROUNDS * self._interval_s + _SETTLING_S

    async def _watch(self, change: RecordChange) -> WriteOutcome:
        """A person makes the patch: wait for as long as it takes; cancel to stop."""
        while True:
            if not await self._servers_without(change):
                return WriteOutcome("applied", "every authoritative server has it", change.after)
            await asyncio.sleep(_EVERY_S)

    # -- the cluster, in a thread

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        from ....cluster.client.connect import connect

        connection = connect(self._around.kubeconfig or None, self._around.context or None)
        try:
            yield connection
        finally:
            connection.close()

    def _patch_all(self, change: RecordChange) -> WriteOutcome | None:
        """None where every annotation is set now."""
        made: list[str] = []
        try:
            with self._connected() as connection:
                parts = objects.groups(change.via)
                seen = [objects.look(connection, one) for one in parts]
                if owned := _in_git(parts, seen):
                    return WriteOutcome("refused", f"nothing was patched: {owned}")
                other = [
                    line
                    for one, now in zip(parts, seen, strict=True)
                    for line in objects.differences(one, now.annotations)
                ]
                if other:
                    return WriteOutcome("precondition-failed", f"nothing was patched: {'; '.join(other)}")
                for one in parts:
                    refused = objects.patch(connection, one)
                    if refused:
                        return _cut_short(made, refused)
                    made.append(one.shown)
        except UserError as error:
            return _cut_short(made, clean(error))
        return None

    def _refuse_git(self, patches: tuple[ObjectPatch, ...]) -> None:
        parts = objects.groups(patches)
        with self._connected() as connection:
            owned = _in_git(parts, [objects.look(connection, one) for one in parts])
        if owned:
            raise UserError(owned, "set dns.external_dns.write: patch, and make the patch in Git")

    def _standing(self, change: RecordChange) -> str:
        """``after`` where every annotation is set; else how far it came."""
        try:
            with self._connected() as connection:
                parts = objects.groups(change.via)
                stands = [one.stands(objects.look(connection, one).annotations) for one in parts]
        except UserError as error:
            raise RecordReadError(f"the annotations cannot be read: {clean(error)}") from None
        kinds = set(stands)
        if kinds <= {"after"}:
            return "after"
        return (
            "as before" if kinds == {"before"} else "partly set" if "after" in kinds else "changed by others"
        )

    # -- DNS

    async def _servers_without(self, change: RecordChange) -> tuple[str, ...]:
        async def without(server: str) -> bool:
            try:
                return tuple(sorted((await self._read_from(server, change.hosts)).sets)) != tuple(
                    sorted(change.after)
                )
            except RecordReadError:
                return True

        servers = self._plan.dns.authoritative
        answers = await asyncio.gather(*map(without, servers))
        return tuple(server for server, missing in zip(servers, answers, strict=True) if missing)

    async def _read_from(self, server: str, hosts: tuple[str, ...] = ()) -> RecordsRead:
        wanted = hosts or self._plan.hosts
        return await read_records(server, self._plan.dns.zone, wanted, self._deadline_s)


def _in_git(parts: tuple[objects.Group, ...], seen: list[objects.Seen]) -> str:
    owned = [f"{one.shown} ({now.git})" for one, now in zip(parts, seen, strict=True) if now.git]
    return f"a tool puts these back to what Git says: {', '.join(owned)}" if owned else ""


def _cut_short(made: list[str], why: str) -> WriteOutcome:
    if made:
        return WriteOutcome("unknown", f"only {', '.join(made)} could be patched: {why}")
    return WriteOutcome("refused", f"nothing was patched: {why}")


def _versions(snapshot: Snapshot) -> dict[str, str]:
    parts = (snapshot.ingresses, snapshot.services, snapshot.routes)
    return {str(ref): one.metadata.resource_version for part in parts for ref, one in part.items()}
