"""The provider ``command``: the user's own command reads and writes the records; JSON in, JSON out.

docs/records.md is its contract. The command is given what was read, so that it can refuse a change of what is
no longer so; Pointsman cannot see whether it does, and reads once more just before.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

import msgspec

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..plans.model import Plan
from ..programs import Ended, run_program
from .base import (
    TYPES,
    Capabilities,
    RecordChange,
    RecordReadError,
    RecordSet,
    RecordsRead,
    WriteOutcome,
    settle,
    words,
)
from .consoles import comments, plain_words
from .rfc2136 import DEADLINE_S, read_records
from .values import record_set

VERSION = 1
COMMAND_DEADLINE_S = 30.0
_MOST_OUTPUT = 1_000_000
_MOST_SETS = 1000
# a million brackets are JSON, too
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Set(msgspec.Struct):
    host: str
    type: str
    ttl: int
    values: list[str]


class _Sets(msgspec.Struct):
    sets: list[_Set]


class _Outcome(msgspec.Struct):
    outcome: str
    detail: str = ""


class Command:
    """Asks the plan's ``dns.command`` for everything."""

    capabilities = Capabilities(writes=True, rehearses=True)

    def __init__(self, plan: Plan, deadline_s: float = COMMAND_DEADLINE_S) -> None:
        if not plan.dns.command:
            raise UserError("dns.command is missing", "provider command needs [program, argument]")
        self._plan = plan
        self._deadline_s = deadline_s

    async def read(self, hosts: tuple[str, ...] = ()) -> RecordsRead:
        """The hosts' sets as the command answers them."""
        wanted = hosts or self._plan.hosts
        ended = await self._run({"action": "read", "hosts": wanted})
        if trouble := _trouble(ended):
            raise RecordReadError(f"{self._name} read: {trouble}", "run it by hand to see more")
        return RecordsRead(_sets(ended.stdout, wanted, self._name), "", self._name)

    async def apply(self, change: RecordChange) -> WriteOutcome:
        """Read, compare, and only then let the command write; whatever is not an answer is ``unknown``."""
        try:
            now = (await self.read(change.hosts)).sets
        except RecordReadError as error:
            return WriteOutcome("refused", f"nothing was sent: {error}")
        found = settle(change, now)
        if found.kind == "applied":
            return WriteOutcome("applied", "the records are as the change leaves them already", now)
        if found.kind == "precondition-failed":
            return WriteOutcome(
                "precondition-failed",
                f"somebody else changed the records: now {words(now)}; nothing was sent",
                now,
            )
        ended = await self._run(_apply_request(change))
        if not ended.started:
            return WriteOutcome("refused", f"nothing was sent: {self._name}: {_trouble(ended)}")
        return await self._answered(change, ended)

    async def find_out(self, change: RecordChange) -> WriteOutcome:
        """By the command and by the name servers: while they differ, the change may still be on its way."""
        now = (await self.read(change.hosts)).sets
        asked = 0
        for server in self._plan.dns.authoritative:
            try:
                served = await read_records(server, change.zone, change.hosts, DEADLINE_S)
            except RecordReadError:
                continue
            asked += 1
            if tuple(sorted(served.sets)) != tuple(sorted(now)):
                raise RecordReadError(
                    f"{self._name} reads {words(now)}, {server} serves {words(served.sets)}",
                    "wait until they agree",
                )
        if not asked:
            raise RecordReadError("no authoritative server answers", "are they reachable over TCP?")
        return settle(change, now)

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """The same request for the same command, from a shell."""
        request = json.dumps(msgspec.to_builtins(self._request(_apply_request(change))))
        typed = f"printf %s {shlex.quote(request)} | {shlex.join(self._plan.dns.command)}"
        return (*comments(plain_words(change)), typed)

    @property
    def _name(self) -> str:
        return clean(self._plan.dns.command[0].rpartition("/")[2], 60)

    async def _run(self, request: dict[str, Any]) -> Ended:
        sent = msgspec.json.encode(self._request(request))
        return await run_program(
            self._plan.dns.command,
            given=sent + b"\n",
            timeout_s=self._deadline_s,
            # its credentials are its own business, and where it looks for them
            env=os.environ,
            most_output=_MOST_OUTPUT,
        )

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"version": VERSION, "zone": self._plan.dns.zone, **request}

    async def _answered(self, change: RecordChange, ended: Ended) -> WriteOutcome:
        try:
            answer = msgspec.json.decode(ended.stdout, type=_Outcome)
        except _UNREADABLE as error:
            said = _trouble(ended) or f"its answer cannot be read: {clean(error, 120)}"
            return WriteOutcome("unknown", f"{self._name} apply: {said}")
        detail = f"{self._name}: {clean(answer.detail, 200) or answer.outcome}"
        # it says itself that it changed nothing: then the exit code only repeats it
        if answer.outcome == "refused":
            return WriteOutcome("refused", detail)
        if answer.outcome == "precondition-failed":
            return WriteOutcome("precondition-failed", detail)
        if answer.outcome != "applied" or _trouble(ended):
            said = _trouble(ended) or f"outcome {clean(answer.outcome, 40)}"
            return WriteOutcome("unknown", f"{detail}; {said}")
        try:
            now = (await self.read(change.hosts)).sets
        except RecordReadError:
            return WriteOutcome("applied", f"{detail}; it could not be read back", change.after)
        if tuple(sorted(now)) != tuple(sorted(change.after)):
            # what it says and what it did differ: only the name servers can tell
            return WriteOutcome("unknown", f"{detail}, but then it reads {words(now)}", now)
        return WriteOutcome("applied", detail, now)


def _trouble(ended: Ended) -> str:
    """Why it counts as failed, with its last complaint; empty where it ended well."""
    if ended.code == 0 and not ended.cut:
        return ""
    if not ended.started:
        return f"it cannot be started: {clean(ended.why, 120)}"
    if ended.code is None:
        how = clean(ended.why, 120)
    elif ended.code == 0:
        how = f"more than {_MOST_OUTPUT} bytes of output"
    else:
        how = f"exit code {ended.code}" if ended.code > 0 else f"ended by signal {-ended.code}"
    said = [line for line in ended.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{how}: {clean(said[-1].strip(), 200)}" if said else how


def _apply_request(change: RecordChange) -> dict[str, Any]:
    return {
        "action": "apply",
        "hosts": change.hosts,
        "purpose": change.purpose,
        "id": change.digest,
        "before": change.before,
        "after": change.after,
    }


def _sets(output: bytes, hosts: tuple[str, ...], name: str) -> tuple[RecordSet, ...]:
    try:
        answer = msgspec.json.decode(output, type=_Sets)
        found = [
            record_set(item.host, item.type, item.ttl, item.values)
            for item in answer.sets[:_MOST_SETS]
            # others of the hosts' records are nobody's business here
            if item.type in TYPES
        ]
    except (*_UNREADABLE, ValueError) as error:
        raise RecordReadError(
            f"{name} read: its answer cannot be read: {clean(error, 200)}", "see docs/records.md"
        ) from None
    strange = [item.host for item in found if item.host not in hosts]
    if strange:
        raise RecordReadError(
            f"{name} read: {clean(strange[0], 80)} was not asked for", "see docs/records.md"
        )
    if len({(item.host, item.type) for item in found}) != len(found):
        raise RecordReadError(f"{name} read: a set stands there twice", "see docs/records.md")
    return tuple(sorted(found))
