"""Whose turn it is: when a wave may switch, by how the waves before it stand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .state import State
from .words import clock_time, duration

_WATCHED = ("soak", "done")


@dataclass(frozen=True, slots=True)
class Turn:
    """``blocked``: time alone will not bring it, a person has to do something about a wave before.

    ``why`` holds no number that ticks: it is put on record whenever it changes.
    """

    come: bool
    why: str
    blocked: bool = False


def turn(before: Sequence[State | None], pause: float, now: float) -> Turn:
    """Whether a wave may switch after the waves ``before`` it, the first one first; None: not known.

    Each of them must have passed its own watch, and ``pause`` seconds must have gone by since the last did.
    Trouble in any of them keeps all that follow, because what broke one host's new side may break the next.
    """
    if not before:
        return Turn(True, "it goes first")
    for number, state in enumerate(before, 1):
        trouble = _trouble(state)
        if trouble:
            return Turn(False, f"wave {number} {trouble}", blocked=True)
    passed = 0.0
    for number, state in enumerate(before, 1):
        assert state is not None
        soaking = state.began("soak")
        if not (state.phase in _WATCHED or _waits_to_retire(state)) or soaking is None:
            return Turn(False, f"wave {number} goes first, and has not passed its watch yet")
        passed = max(passed, soaking)
    come_at = passed + pause
    if now < come_at:
        words = f"the pause of {duration(pause)} after wave {len(before)} ends at {clock_time(come_at)}"
        return Turn(False, words)
    watched = "wave 1 has" if len(before) == 1 else f"waves 1 to {len(before)} have"
    return Turn(True, f"{watched} passed the watch, and the pause is over")


def _trouble(state: State | None) -> str:
    if state is None:
        return "is not open here, so nobody knows how it stands"
    if state.phase == "held":
        return _because("is held", state)
    if state.phase == "stopped-at-gate" and not _waits_to_retire(state):
        return _because("is stopped at a gate", state)
    if state.rollback_asked or state.phase in ("rollback", "drain", "rolled-back"):
        return "was rolled back" if state.phase == "rolled-back" else "is being rolled back"
    return ""


def _waits_to_retire(state: State) -> bool:
    """Its watch has passed and its traffic is well; only taking the old side away is not proven yet."""
    return state.phase == "stopped-at-gate" and state.stopped_in == "soak"


def _because(words: str, state: State) -> str:
    return f"{words}: {state.reason}" if state.reason else words
