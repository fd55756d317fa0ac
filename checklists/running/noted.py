"""The numbers of a watch as its events hold them, as a view again. Pure.

``WatchNoted`` and ``WatchEnded`` carry for each side ``requests``, ``errors``, ``kinds``, ``p95_ms`` and
``buckets`` ([requests, errors] a second), and ``evidence`` with ``ratio`` and ``alarm_at``; what is not there
is shown as not known.
"""

from __future__ import annotations

from ..machine.events import WatchEnded, WatchNoted
from ..machine.numbers import mapping, number, rows_of, whole
from ..machine.view import SideView, WatchView
from ..plans.model import Plan


def watch_from(event: WatchNoted | WatchEnded, plan: Plan, began: float) -> WatchView:
    """The watch at the event's instant; ``began`` in epoch seconds."""
    numbers = event.numbers
    rows = rows_of(numbers)
    evidence = mapping(numbers.get("evidence"))
    new = _side(plan.new.address, numbers.get("new"))
    return WatchView(
        verdict=event.verdict
        if isinstance(event, WatchEnded)
        else str(numbers.get("verdict") or "INCONCLUSIVE"),
        since=began,
        until=began + plan.durations.watch,
        new=new,
        old=_side(plan.old.address, numbers.get("old")),
        evidence=number(evidence.get("ratio")) or 0.0,
        alarm_at=number(evidence.get("alarm_at")) or 0.0,
        samples=new.requests,
        min_samples=plan.thresholds.min_samples,
        detail=event.detail if isinstance(event, WatchEnded) else str(numbers.get("reason") or ""),
        seconds_left=number(numbers.get("seconds_left")),
        detectable=number(numbers.get("detectable")) or 1.0,
        first_second=whole(rows[0][0]) if rows else 0,
    )


def _side(address: str, plain: object) -> SideView:
    side = mapping(plain)
    kinds = mapping(side.get("kinds"))
    buckets = side.get("buckets")
    pairs = buckets if isinstance(buckets, list | tuple) else ()
    return SideView(
        address=address,
        requests=whole(side.get("requests")),
        errors=whole(side.get("errors")),
        not_found=whole(kinds.get("404")),
        handshake_failures=whole(kinds.get("handshake")),
        p95_ms=number(side.get("p95_ms")),
        buckets=tuple(
            (whole(pair[0]), whole(pair[1]))
            for pair in pairs
            if isinstance(pair, list | tuple) and len(pair) >= 2
        ),
    )
