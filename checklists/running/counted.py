"""What the old side was seen to count since the switch: shown, and merged for the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...probes.watching.idle import Window
from ..machine.events import OldSideCounted

_MOST_SHOWN = 120


@dataclass(slots=True)
class Counted:
    """``source`` is what counts (empty: nothing does); ``pending`` are windows that are not on record yet.

    ``latest`` is the last that went on record; ``inferred`` of our own in this quiet spell had no answer.
    ``looks`` counts the looks; ``wanted`` asks for one now, and for the record to be brought up to it.
    """

    source: str = ""
    pending: list[Window] = field(default_factory=list)
    shown: deque[Window] = field(default_factory=lambda: deque(maxlen=_MOST_SHOWN))
    latest: OldSideCounted | None = None
    inferred: int = 0
    looks: int = 0
    wanted: asyncio.Event = field(default_factory=asyncio.Event)


def kind_of(window: Window | OldSideCounted) -> str:
    """``quiet``, ``used`` or ``unknown``."""
    return "unknown" if window.others is None else "used" if window.others else "quiet"


def merged(windows: Sequence[Window], inferred: int = 0) -> OldSideCounted:
    """Windows of one kind, one after the other, as one count."""
    first, last = windows[0], windows[-1]
    per_host: dict[str, float] = {}
    for window in windows:
        for host, count in window.per_host.items():
            per_host[host] = per_host.get(host, 0.0) + count
    detail = last.detail
    if inferred and last.others == 0:
        detail = f"{inferred} of ours had no answer, and are taken for what was counted beside the answered"
    known = kind_of(last) != "unknown"
    return OldSideCounted(
        at=last.until,
        since=first.since,
        source=last.source,
        others=sum(window.others or 0.0 for window in windows) if known else None,
        ours=sum(window.ours for window in windows),
        per_host=per_host,
        detail=detail,
    )
