"""What a request to a host met, where its checklist ran here: it stands beside claimed and computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..cluster.text import clean
from ..probes.verdict import Endpoint, Verdict, worst
from .lines import VERDICT_TONE, Span, Tone

if TYPE_CHECKING:
    from ..checklists.terms import CheckResult


@dataclass(frozen=True, slots=True)
class Probed:
    """``status`` is the HTTP status of the worst path asked, or ``none`` where one gave no answer."""

    status: str
    verdict: Verdict
    paths: int

    @property
    def told(self) -> str:
        """For the details, in words."""
        asked = f"{self.paths} path" if self.paths == 1 else f"{self.paths} paths"
        return f"{self.status}, {self.verdict.value}, by the checklist that ran here ({asked})"


def probed_hosts(results: Iterable[CheckResult]) -> dict[str, Probed]:
    """The hosts that were asked at the new side, from the results of checks of the probe ``requests``."""
    found: dict[str, Probed] = {}
    for result in results:
        if result.check.probe == "requests":
            found.update(_of(result))
    return found


def _of(result: CheckResult) -> Mapping[str, Probed]:
    statuses: dict[str, list[int]] = {}
    for facts in result.facts.get("new", ()):
        status = facts.get("status")
        host = urlsplit(facts["request"]["url"]).hostname or ""
        statuses.setdefault(host, []).append(status if isinstance(status, int) else 0)
    return {
        host: Probed(_worst_of(asked), _verdict(result, host), len(asked)) for host, asked in statuses.items()
    }


def _worst_of(statuses: list[int]) -> str:
    return "none" if 0 in statuses else clean(max(statuses), 6)


def _verdict(result: CheckResult, host: str) -> Verdict:
    of_host = [
        one.verdict
        for one in result.findings
        if isinstance(one.subject, Endpoint) and one.subject.host == host
    ]
    return worst(of_host) if of_host else Verdict.UNKNOWN


def probed_span(hosts: Iterable[str], probed: Mapping[str, Probed]) -> Span:
    """The column's cell: ``-`` until a probe ran for one of the hosts."""
    found = [probed[host] for host in hosts if host in probed]
    if not found:
        return Span("-", Tone.DIM)
    chosen = max(found, key=lambda one: one.verdict.badness)
    tone = Tone.PLAIN if chosen.verdict is Verdict.PASS else VERDICT_TONE[chosen.verdict]
    return Span(chosen.status, tone)
