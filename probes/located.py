"""Findings about files: which file and line each one is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..cluster.documents import Place
from ..cluster.refs import ObjectRef
from .verdict import Finding, Verdict, worst


@dataclass(frozen=True, slots=True)
class Located:
    """The findings of one world of files; ``file`` names it where the world is a single file.

    ``places`` is keyed by whole refs, those of unreadable files (kind ``File``) included.
    """

    findings: tuple[Finding, ...]
    places: Mapping[ObjectRef, Place] = field(default_factory=dict)
    file: str = ""
    objects: int = 0

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings: PASS where there is none, SKIP where there was nothing to judge."""
        nothing = Verdict.PASS if self.objects else Verdict.SKIP
        return worst([nothing, *(finding.verdict for finding in self.findings)])

    def place_of(self, finding: Finding) -> Place | None:
        """Where the subject stands; None for what stands in no file."""
        subject = finding.subject
        return self.places.get(subject.whole) if isinstance(subject, ObjectRef) else None

    def beside(self, finding: Finding) -> dict[str, object]:
        """The JSON field that tells it."""
        place = self.place_of(finding)
        return {} if place is None else {"location": {"file": place.file, "line": place.line}}
