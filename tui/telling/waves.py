"""The waves of a plan in one line: how each stands, and which one is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from ...checklists.machine.view import RunView
from ..lines import Line, Span, Tone, line

_TONES = {
    "rolled-back": Tone.DOUBT,
    "rollback": Tone.BAD,
    "held": Tone.BAD,
    "stopped-at-gate": Tone.BAD,
    "done": Tone.GOOD,
    "soak": Tone.GOOD,
}


def waves_line(views: Sequence[RunView], looked_at: int, width: int) -> Line:
    """``>wave 1 soak   wave 2 watch, asks``; of very many those around the one that is looked at."""
    entries = [_entry(view, number == looked_at) for number, view in enumerate(views)]
    first, last = looked_at, looked_at
    room = width - 4
    used = len(entries[looked_at].text)
    while True:
        before = first > 0 and used + len(entries[first - 1].text) <= room
        if before:
            first -= 1
            used += len(entries[first].text)
        after = last + 1 < len(entries) and used + len(entries[last + 1].text) <= room
        if after:
            last += 1
            used += len(entries[last].text)
        if not (before or after):
            break
    left = Span("… " if first > 0 else "", Tone.DIM)
    right = Span(" …" if last + 1 < len(entries) else "", Tone.DIM)
    return line(left, *entries[first : last + 1], right)


def wave_state(view: RunView) -> str:
    """Where a wave stands, in a word or two."""
    state = view.outcome or ("postponed" if view.postponed else view.phase)
    return f"{state}, asks" if view.waiting_for is not None and not view.outcome else state


def _entry(view: RunView, here: bool) -> Span:
    state = wave_state(view)
    tone = _TONES.get(view.outcome or view.phase, Tone.ACCENT if view.waiting_for is not None else Tone.PLAIN)
    return Span(f"{'>' if here else ' '}wave {view.wave} {state}  ", tone)
