"""The numbers of a watch as its events hold them, as a view again. Pure.

``WatchNoted`` and ``WatchEnded`` carry for each side ``requests``, ``errors``, ``kinds``, ``p95_ms`` and
``buckets`` ([requests, errors] a second), and ``evidence`` with ``ratio`` and ``alarm_at``; what is not there
is shown as not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..machine.events import WatchEnded, WatchNoted
from ..machine.view import SideView, WatchView
from ..plans.model import Plan


def watch_from(event: WatchNoted | WatchEnded, plan: Plan, began: float) -> WatchView:
    """The watch at the event's instant; ``began`` in epoch seconds."""
    numbers = event.numbers
    evidence = _mapping(numbers.get("evidence"))
    new = _side(plan.new.address, numbers.get("new"))
    return WatchView(
        verdict=event.verdict
        if isinstance(event, WatchEnded)
        else str(numbers.get("verdict") or "INCONCLUSIVE"),
        since=began,
        until=began + plan.durations.watch,
        new=new,
        old=_side(plan.old.address, numbers.get("old")),
        evidence=_number(evidence.get("ratio")) or 0.0,
        alarm_at=_number(evidence.get("alarm_at")) or 0.0,
        samples=new.requests,
        min_samples=plan.thresholds.min_samples,
        detail=event.detail if isinstance(event, WatchEnded) else str(numbers.get("reason") or ""),
    )


def _side(address: str, plain: object) -> SideView:
    side = _mapping(plain)
    kinds = _mapping(side.get("kinds"))
    buckets = side.get("buckets")
    pairs = buckets if isinstance(buckets, list | tuple) else ()
    return SideView(
        address=address,
        requests=int(_number(side.get("requests")) or 0),
        errors=int(_number(side.get("errors")) or 0),
        not_found=int(_number(kinds.get("404")) or 0),
        handshake_failures=int(_number(kinds.get("handshake")) or 0),
        p95_ms=_number(side.get("p95_ms")),
        buckets=tuple(
            (int(_number(pair[0]) or 0), int(_number(pair[1]) or 0))
            for pair in pairs
            if isinstance(pair, list | tuple) and len(pair) >= 2
        ),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
