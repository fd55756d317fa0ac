"""Causes become findings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...verdict import Endpoint, Finding, finding
from .cause import Cause


def to_findings(
    causes: Iterable[Cause], subject: Endpoint, lines: Sequence[str], command: str
) -> tuple[Finding, ...]:
    """One finding for each different cause, all with the same evidence."""
    return tuple(
        finding(cause.rule, cause.verdict, subject, cause.summary, evidence=lines, reproduce=command)
        for cause in dict.fromkeys(causes)
    )
