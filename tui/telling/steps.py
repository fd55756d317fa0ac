"""A cutover's steps, and the write that waits for consent, as lines."""

from __future__ import annotations

from collections.abc import Sequence

from ...checklists.machine.view import Confirmation, StepView
from ...cluster.text import clean
from ..lines import Line, Span, Tone, fit, labelled, line
from .run import clock

_STEP_TONE = {
    "done": Tone.GOOD,
    "now": Tone.ACCENT,
    "next": Tone.DIM,
    "failed": Tone.BAD,
    "skipped": Tone.DIM,
}
_STEP_WORD = {"done": "done", "now": "NOW", "next": "next", "failed": "FAILED", "skipped": "skip"}


def steps_lines(steps: Sequence[StepView], width: int, height: int) -> list[Line]:
    """Every step; in less than ``height`` lines only the present one whole, the others by name."""
    whole = [entry for step in steps for entry in step_lines(step, width)]
    if len(whole) <= height:
        return whole
    present = [step for step in steps if step.status in ("now", "failed")]
    lines = _names("done", [step for step in steps if step.status == "done"], width)
    for step in present:
        lines += step_lines(step, width)
    return lines + _names("next", [step for step in steps if step.status == "next"], width)


def _names(status: str, steps: Sequence[StepView], width: int) -> list[Line]:
    if not steps:
        return []
    titles = ", ".join(step.title for step in steps)
    return [line(" ", Span(f"{_STEP_WORD[status]:<8}", _STEP_TONE[status]), fit(titles, max(width - 10, 8)))]


def step_lines(step: StepView, width: int) -> list[Line]:
    """One step; the present one with its gate and its undo below it."""
    tone = _STEP_TONE[step.status]
    at = clock(step.at) if step.at is not None else ""
    room = max(width - 9 - 22 - len(at) - 3, 10)
    head = line(
        " ",
        Span(f"{_STEP_WORD[step.status]:<8}", tone),
        Span(fit(step.title, 22), Tone.STRONG if step.status == "now" else Tone.PLAIN),
        " " + fit(clean(step.detail), room),
        Span(f" {at}", Tone.DIM),
    )
    if step.status not in ("now", "failed"):
        return [head]
    lines = [head]
    if len(step.detail) > room:
        lines += labelled("", clean(step.detail, 600), width)
    lines += labelled("gate", clean(step.gate), width) if step.gate else []
    lines += labelled("undo", clean(step.undo), width) if step.undo else []
    return lines


def confirmation_lines(asked: Confirmation, width: int, title: str) -> list[Line]:
    """A write that waits for consent: its exact change, its precondition and its undo."""
    lines = [line(" ", Span(title, Tone.STRONG))]
    for row in asked.diff:
        tone = Tone.GOOD if row.startswith("+") else Tone.BAD if row.startswith("-") else Tone.PLAIN
        lines.append(line("     ", Span(clean(row), tone)))
    if asked.precondition:
        lines += labelled("only", clean(asked.precondition), width)
    for number, row in enumerate(asked.inverse):
        lines += labelled("undo" if number == 0 else "", clean(row), width)
    if asked.authorises:
        lines += labelled("allows", clean(asked.authorises), width)
    return lines
