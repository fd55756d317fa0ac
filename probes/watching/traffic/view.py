"""Each side's own count, for screens. Frozen."""

from __future__ import annotations

from dataclasses import dataclass

from .flow import Before, Flow


@dataclass(frozen=True, slots=True)
class TrafficSideView:
    """One side as it counts itself since the watch began; None: not told.

    ``by_host``: of the plan's hosts alone; else of every host of the side. Our own probes are among the
    requests. ``before`` is the share of 5xx before the switch; ``at`` is when it was last looked at (epoch
    seconds).
    """

    source: str
    by_host: bool = False
    requests: float | None = None
    errors_5xx: float | None = None
    not_found: float | None = None
    handshakes: float | None = None
    handshake_failures: float | None = None
    rate_per_s: float | None = None
    before: float | None = None
    at: float = 0.0
    complete: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def error_share(self) -> float | None:
        """5xx by requests, 0 to 1; None where either is not told, or before the first request."""
        return self.errors_5xx / self.requests if self.requests and self.errors_5xx is not None else None


@dataclass(frozen=True, slots=True)
class TrafficView:
    """Both sides' own counts. ``evidence`` raises the alarm at ``alarm_at``; ``says`` is one line."""

    old: TrafficSideView | None = None
    new: TrafficSideView | None = None
    evidence: float | None = None
    alarm_at: float = 1000.0
    healthy: float | None = None
    says: str = ""


def side_view(flow: Flow, before: Before | None) -> TrafficSideView | None:
    """One side, or None where nobody has looked."""
    latest = flow.latest
    if latest is None:
        return None
    earlier = before.share("5xx") if before is not None else None
    counts = flow.sum
    return TrafficSideView(
        source=latest.source,
        by_host=flow.by_host,
        requests=counts.requests,
        errors_5xx=counts.errors_5xx,
        not_found=counts.not_found,
        handshakes=counts.handshakes,
        handshake_failures=counts.handshake_failures,
        rate_per_s=flow.rate_per_s,
        before=earlier[0] if earlier is not None else None,
        at=latest.at,
        complete=latest.complete,
        problems=latest.problems,
        notes=latest.notes,
    )
