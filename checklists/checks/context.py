"""What a check is run with, and what it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...cluster.store import Snapshot
from ...probes.verdict import Finding
from ...probes.watching.idle import IdleFacts
from ...probes.watching.state import WatchState
from ...probes.wire.address import bracketed
from ...probes.wire.http.facts import HttpExpectation, HttpRequest
from ..plans.model import CriticalPath, Plan
from ..terms import Check, Gate

SnapshotSource = Callable[[], Snapshot]


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The plan, the cluster if there is one, and at which gate the checks are asked (None: just to see).

    ``attested`` are the manual checks that a person has confirmed by their ids.
    ``watch`` is the finished watch, for the gates after the switch. ``low_since`` (epoch seconds) is when the
    last server was seen with the low TTL in place of ``old_ttl`` seconds; None: nobody has waited for that.
    ``idle`` is what is known of the old side's requests, for the gate before it is retired.
    """

    plan: Plan
    snapshot: SnapshotSource | None = None
    gate: Gate | None = None
    watch: WatchState | None = None
    low_since: float | None = None
    old_ttl: float = 0.0
    idle: IdleFacts | None = None
    attested: frozenset[str] = frozenset()

    @property
    def switched(self) -> bool:
        """Whether the hosts lead to the new side already."""
        return self.gate in ("after-switch", "before-retire")


@dataclass(frozen=True, slots=True)
class Answer:
    """A probe's findings, the one line that says them, and the facts they were judged from."""

    headline: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


ProbeFunction = Callable[[CheckContext, Check], Awaitable[Answer]]

_LOADING_S = 5.0


async def loaded_snapshot(source: SnapshotSource, kinds: tuple[str, ...]) -> Snapshot:
    """The snapshot, once ``kinds`` are no longer loading, or after five seconds as it is."""
    deadline = time.monotonic() + _LOADING_S
    snapshot = source()
    while any(snapshot.state_of(kind).state == "loading" for kind in kinds) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        snapshot = source()
    return snapshot


def url(plan: Plan, host: str, path: str) -> str:
    """The URL that a client would use, with the plan's port where it is not 443."""
    return f"https://{bracketed(host)}{'' if plan.port == 443 else f':{plan.port}'}{path}"


def requests_to(
    plan: Plan, address: str, timeout_s: float = 5.0
) -> tuple[tuple[CriticalPath, HttpRequest], ...]:
    """Every critical path of every host, as a request to ``address``."""
    ca_file = plan.tls.ca_file or None
    return tuple(
        (path, HttpRequest(url(plan, host, path.path), address, ca_file=ca_file, timeout_s=timeout_s))
        for host, path in plan.asked
    )


def expectation(path: CriticalPath) -> HttpExpectation:
    """What counts as an answer of ``path``."""
    return HttpExpectation(statuses=path.statuses)


def worth_a_second_look(late: Sequence[bool]) -> list[int]:
    """Those that were too late while all were asked: this machine may have been the slow one.

    None where that is many of them, for then it is the other side.
    """
    numbers = [number for number, one in enumerate(late) if one]
    return numbers if len(numbers) <= len(late) // 10 else []
