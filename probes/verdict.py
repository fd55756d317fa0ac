"""The whole vocabulary of answers: Verdict, Subject, Finding, Result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any

from ..cluster.refs import ObjectRef
from .catalogue import rule as rule_of


class Verdict(StrEnum):
    """What a probe says of its question. UNKNOWN (could not tell) opens no gate; SKIP does not apply."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    SKIP = "SKIP"

    badness: int
    """Rank for sorting, worst first is highest: FAIL, UNKNOWN, WARN, PASS, SKIP."""


# an attribute and no table: an enum's hash is worked out in Python, and judging asks a hundred thousand times
for _badness, _verdict in enumerate(
    (Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL)
):
    _verdict.badness = _badness
_by_badness = attrgetter("badness")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of ``verdicts``; SKIP where there is none, because then nothing applied."""
    return max(verdicts, key=_by_badness, default=Verdict.SKIP)


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """An address on the wire: ``endpoint`` is ``address:port`` (IPv6 bracketed), ``host`` the name asked."""

    endpoint: str
    host: str = ""

    def __str__(self) -> str:
        return f"{self.host} at {self.endpoint}" if self.host else self.endpoint


Subject = ObjectRef | Endpoint


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so, why it matters to traffic, and how to mend it.

    ``rule`` is the stable id (``GW104``) and ``name`` its kebab-case name; both come from the catalogue.
    ``evidence`` are lines of what was seen; ``reproduce`` is a shell command that shows the same, or empty.
    """

    rule: str
    name: str
    verdict: Verdict
    subject: Subject
    summary: str
    why: str = ""
    mend: str = ""
    evidence: tuple[str, ...] = ()
    reproduce: str = ""


def finding(
    rule: str,
    verdict: Verdict,
    subject: Subject,
    summary: str,
    *,
    why: str = "",
    mend: str = "",
    evidence: Iterable[str] = (),
    reproduce: str = "",
) -> Finding:
    """A finding under a catalogued rule; ``why`` and ``mend`` fall back to the catalogue's general words.

    Raises KeyError for a rule that the catalogue does not know.
    """
    entry = rule_of(rule)
    return Finding(
        rule=entry.id,
        name=entry.name,
        verdict=verdict,
        subject=subject,
        summary=summary,
        why=why or entry.why,
        mend=mend or entry.mend,
        evidence=tuple(evidence),
        reproduce=reproduce,
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What one probe answered: its findings, and the facts (JSON-able) that they were judged from.

    ``probe`` is a stable id such as ``http``; ``label`` is the line a person reads; ``elapsed_ms`` wall time.
    """

    probe: str
    label: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    elapsed_ms: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the findings."""
        return worst(finding.verdict for finding in self.findings)
