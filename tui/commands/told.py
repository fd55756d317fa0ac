"""What the ways of ``pointsman diagnose`` say in the same words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...probes.verdict import Finding, Verdict
from ..lines import Line, Span, Tone, count, line
from ..settings import Settings
from ..telling.findings import finding_lines
from .common import width
from .manifests import Reading

if TYPE_CHECKING:
    from ...probes.located import Located


# the word for the kubeconfig's current context
CURRENT = "-"


def namespace_of(settings: Settings) -> str:
    """Where documents go that name no namespace; empty: nowhere in particular."""
    return settings.namespaces[0] if settings.namespaces else ""


def tally(findings: Iterable[Finding]) -> str:
    """``2 FAIL  1 WARN``, or that nothing is wrong."""
    verdicts = [finding.verdict for finding in findings]
    worse = sorted(set(verdicts) - {Verdict.PASS, Verdict.SKIP}, key=lambda one: -one.badness)
    return "  ".join(f"{verdicts.count(one)} {one.value}" for one in worse) or "nothing wrong"


def placed_lines(finding: Finding, report: Located) -> list[Line]:
    """A finding in full, with the file and line that it is about."""
    columns = width()
    place = report.place_of(finding)
    # never wrapped, so that it can be clicked on and copied
    where = [line("     ", Span("at     ", Tone.DIM), str(place))] if place is not None else []
    return [*finding_lines(finding, columns, with_subject=True), *where]


def skipped_lines(reading: Reading) -> list[Line]:
    """What was not judged, and why that is no trouble or what to do about it."""
    told: list[Line] = []
    if reading.others:
        told.append(
            line(" ", Span(f"{count(len(reading.others), 'file')} without Kubernetes objects", Tone.DIM))
        )
    if reading.templates:
        many = count(len(reading.templates), "template")
        told.append(line(" ", Span(f"{many} not judged: render first (helm template)", Tone.DOUBT)))
        told += [line("   ", Span(str(error.what), Tone.DIM)) for error in reading.templates[:5]]
    return told
