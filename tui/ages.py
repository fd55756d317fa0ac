"""How old an object is, in the few characters that a column has."""

from __future__ import annotations

from datetime import UTC, datetime


def age(created: str, now: float) -> str:
    """``12d`` for RFC 3339 text, with ``now`` in Unix seconds; ``-`` where it is not known."""
    try:
        instant = datetime.fromisoformat(created)
    except ValueError:
        return "-"
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return short_span(now - instant.timestamp())


def short_span(seconds: float, *, exact: bool = False) -> str:
    """The largest unit alone: ``12m``, ``5h``, ``12d``, ``3y``; below a minute ``<1m``.

    Seconds (``45s``) are only told if ``exact``: on a screen that stands they would soon be wrong.
    """
    whole = max(int(seconds), 0)
    for size, unit in ((365 * 86_400, "y"), (86_400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s" if exact else "<1m"
