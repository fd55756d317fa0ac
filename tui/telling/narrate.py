"""A cutover told line by line, for a terminal that only scrolls: says what is new since the last view."""

from __future__ import annotations

from ...checklists.machine.view import RunView, StepView, WatchView
from ...checklists.terms import CheckResult
from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import Line, Span, Tone, labelled, line, seconds
from .run import check_line, clock
from .steps import confirmation_lines

_WATCH_EVERY_S = 3.0
_TITLES = {
    "lower-ttl": "the TTL will be lowered; no address changes",
    "switch": "the traffic will move",
    "roll-back": "the traffic will move back",
    "raise-ttl": "the TTL will be put back",
}


class Narrator:
    """Keeps what was already said of one run. ``width`` is the columns that a line may have."""

    def __init__(self, width: int = 100) -> None:
        self._width = width
        self._checks: dict[str, CheckResult] = {}
        self._steps: dict[str, tuple[str, str]] = {}
        self._asked: object = None
        self._message = ""
        self._watch_at = 0.0
        self._watch_verdict = ""
        self._answers: dict[tuple[str, str], str] = {}
        self._outcome = ""

    def tell(self, view: RunView) -> list[Line]:
        """The lines that are new in ``view``."""
        lines = self._tell_steps(view) + self._tell_checks(view) + self._tell_caches(view)
        if view.watch is not None and view.phase in ("watch", "soak"):
            lines += self._tell_watch(view.watch, view.now)
        if view.message and view.message != self._message:
            lines += labelled("says", clean(view.message, 600), self._width, Tone.DOUBT, indent=9)
        self._message = view.message
        if view.waiting_for != self._asked:
            self._asked = view.waiting_for
            if view.waiting_for is not None:
                lines += confirmation_lines(view.waiting_for, self._width, _TITLES[view.waiting_for.purpose])
        if view.outcome != self._outcome:
            self._outcome = view.outcome
            if view.outcome:
                lines.append(line(" ", Span(f"ended: {view.outcome}", Tone.STRONG)))
        return lines

    def _tell_steps(self, view: RunView) -> list[Line]:
        lines: list[Line] = []
        for step in view.steps:
            if step.status == "next" or step.status == "skipped":
                continue
            # details tick while a step is under way: only its beginning and its end are news
            state = (step.status, step.detail if step.status != "now" else "")
            if self._steps.get(step.id) != state:
                self._steps[step.id] = state
                lines.append(_step_line(step))
        return lines

    def _tell_checks(self, view: RunView) -> list[Line]:
        lines: list[Line] = []
        for result in view.checks:
            before = self._checks.get(result.check.id)
            self._checks[result.check.id] = result
            if before is not None and (before.verdict, before.headline) == (result.verdict, result.headline):
                continue
            lines.append((Span("  "), *check_line(result, self._width - 2)))
            if result.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
                for entry in result.findings:
                    if entry.verdict == result.verdict:
                        lines += labelled("why", clean(entry.summary, 500), self._width, indent=11)
                        if entry.reproduce:
                            lines += labelled(
                                "try", clean(entry.reproduce, 500), self._width, Tone.ACCENT, indent=11
                            )
        return lines

    def _tell_caches(self, view: RunView) -> list[Line]:
        lines: list[Line] = []
        for row in view.caches:
            key = (row.server, row.host)
            before = self._answers.get(key)
            if row.answer == before:
                continue
            self._answers[key] = row.answer
            if before is not None:
                words = f"{row.kind} {clean(row.server)} answers {row.answer}, before {before}"
                lines.append(line(" " * 9, Span(words, Tone.DIM)))
        return lines

    def _tell_watch(self, watch: WatchView, now: float) -> list[Line]:
        news = watch.verdict != self._watch_verdict
        if not news and now - self._watch_at < _WATCH_EVERY_S:
            return []
        self._watch_at, self._watch_verdict = now, watch.verdict
        tone = {"PASS": Tone.GOOD, "ABORT": Tone.BAD, "HOLD": Tone.BAD}.get(watch.verdict, Tone.DOUBT)
        counts = (
            f"new {watch.new.requests} requests {watch.new.errors} errors,"
            f" old {watch.old.requests} requests {watch.old.errors} errors,"
            f" evidence {watch.evidence:.3g} (alarm at {watch.alarm_at:.0f})"
        )
        at = seconds(max(0.0, now - watch.since))
        return [line(" " * 9, Span(f"{watch.verdict or 'starting':<13}", tone), f"{at:>6}  {counts}")]


def _step_line(step: StepView) -> Line:
    words = {"done": ("done", Tone.GOOD), "now": ("now", Tone.ACCENT), "failed": ("FAILED", Tone.BAD)}
    shown, tone = words[step.status]
    at = f"{clock(step.at)} " if step.at is not None else " " * 9
    detail = f"  {clean(step.detail, 400)}" if step.detail else ""
    return line(" ", Span(at, Tone.DIM), Span(f"{shown:<7}", tone), Span(step.title, Tone.STRONG), detail)
