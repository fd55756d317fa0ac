"""What stands around an object, in lines: the events about it, and who refers to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..ages import short_span
from ..lines import Line, Span, Tone, fit, line, wrapped

if TYPE_CHECKING:
    from ...cluster.client.fetch import EventLine
    from ...cluster.snapshot import Snapshot
    from ...probes.state.rows import Picture

Users = Mapping[ObjectRef, Sequence[str]]


def event_lines(events: Sequence[EventLine], now: float, width: int) -> list[Line]:
    """An event a row, the newest first; its message is wrapped below it where it is long."""
    if not events:
        return [line(" ", Span("no events: clusters keep them for an hour or so", Tone.DIM))]
    lines: list[Line] = []
    for event in events:
        tone = Tone.PLAIN if event.type == "Normal" else Tone.DOUBT
        times = f" x{event.count}" if event.count > 1 else ""
        ago = short_span(now - event.at, exact=True) if event.at else "-"
        head = f"{ago:>4}  {clean(event.type, 8):<8} "
        who = f"  {clean(event.source, 60)}" if event.source else ""
        reason = Span(f"{clean(event.reason, 40)}{times}", tone)
        lines.append(line(" ", Span(head, Tone.DIM), reason, Span(who, Tone.DIM)))
        lines += [line(" " * 16, row) for row in wrapped(clean(event.message, 2000), width - 18)]
    return lines


def users_by_object(snapshot: Snapshot, ref: ObjectRef) -> Users:
    """Who refers to ``ref``, each with all the ways in which it does."""
    from ...cluster.rules.users import users_of

    users: dict[ObjectRef, list[str]] = {}
    for user in users_of(snapshot, ref):
        users.setdefault(user.ref, []).append(user.how)
    return users


def untold_kinds(picture: Picture) -> list[str]:
    """The kinds of which users may be there that nobody can tell."""
    return sorted(picture.overview.troubled_kinds)


def user_rows(users: Users, untold: Sequence[str], width: int) -> list[tuple[ObjectRef | None, Line]]:
    """A row for each user, or one that says that there is none."""
    named = min(max(width // 2, 30), 60)
    rows: list[tuple[ObjectRef | None, Line]] = [
        (ref, line(" ", fit(clean(str(ref)), named) + "  ", Span(clean("; ".join(how), 300), Tone.DIM)))
        for ref, how in users.items()
    ]
    nobody = "nothing refers to it" + (" in what could be read" if untold else "")
    return rows or [(None, line(" ", Span(nobody, Tone.DIM)))]


def untold_words(untold: Sequence[str]) -> str:
    """Which kinds could not be asked; empty where all were."""
    more = " ..." if len(untold) > 3 else ""
    return f"not told: {clean(', '.join(untold[:3]), 200)}{more}" if untold else ""
