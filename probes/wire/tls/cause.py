"""One thing that is wrong with a chain, before it becomes a finding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ....cluster.text import clean
from ...verdict import Verdict

DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong, worth a warning, or (PASS) worth a note: the rule, how bad, and one line."""

    rule: str
    verdict: Verdict
    summary: str

    def about(self, what: str) -> Cause:
        """The same, said of one of several chains."""
        return replace(self, summary=clean(f"{what}: {self.summary}"))


def fail(rule: str, summary: str) -> Cause:
    """A cause for which clients are refused."""
    return Cause(rule, Verdict.FAIL, clean(summary))


def warn(rule: str, summary: str) -> Cause:
    """A cause that hurts some, or later."""
    return Cause(rule, Verdict.WARN, clean(summary))


def unknown(rule: str, summary: str) -> Cause:
    """What could not be determined."""
    return Cause(rule, Verdict.UNKNOWN, clean(summary))


def note(rule: str, summary: str) -> Cause:
    """What is worth knowing and hurts nobody."""
    return Cause(rule, Verdict.PASS, clean(summary))


def span(duration: timedelta) -> str:
    """A duration as a person says it: 71 days, 5 hours, 40 seconds."""
    seconds = int(duration.total_seconds())
    for size, word in ((DAY_S, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}" if count == 1 else f"{count} {word}s"
    return f"{seconds} seconds"
