"""What a face of Pointsman (a screen, text, JSON) is shown of a plan's checks and of a running cutover.

All of it is frozen and cheap to copy; instants are seconds since the epoch, durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...probes.verdict import Verdict
from ...probes.watching.traffic.view import TrafficView
from ..terms import CheckResult, Outcome, Phase, Purpose, StepStatus


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the cutover. ``undo`` is its inverse in words; ``at`` when it ended (or began, if now)."""

    id: str
    title: str
    status: StepStatus
    detail: str = ""
    gate: str = ""
    undo: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A write that waits for (or, for the rollback, may be given) the operator's typed consent.

    ``type_this`` is what has to be typed; ``authorises`` says in one line all that the typing allows.
    ``change_id`` tells this change from every other: hand it back with the consent.
    """

    purpose: Purpose
    hosts: tuple[str, ...]
    diff: tuple[str, ...]
    inverse: tuple[str, ...]
    type_this: str = ""
    precondition: str = ""
    authorises: str = ""
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class SideView:
    """One side's counts in the watch. ``buckets`` are the last seconds, oldest first: (requests, errors)."""

    address: str
    requests: int = 0
    errors: int = 0
    not_found: int = 0
    handshake_failures: int = 0
    p95_ms: float | None = None
    buckets: tuple[tuple[int, int], ...] = ()

    @property
    def error_share(self) -> float | None:
        """Errors per request, or None before the first request: absent is not zero."""
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class WatchView:
    """The watch as numbers: ``evidence`` is the likelihood ratio that raises the alarm at ``alarm_at``.

    ``seconds_left`` is until PASS can be said if all stays as it is, None where that is not in sight;
    ``detectable`` the smallest share of errors that would have been seen by now; ``first_second`` the second
    of the watch that the sides' buckets begin with; ``traffic`` what the sides count by themselves, where the
    plan names such counts.
    """

    verdict: str
    since: float
    until: float
    new: SideView
    old: SideView
    evidence: float = 0.0
    alarm_at: float = 0.0
    samples: int = 0
    min_samples: int = 0
    detail: str = ""
    seconds_left: float | None = None
    detectable: float = 1.0
    first_second: int = 0
    traffic: TrafficView | None = None


@dataclass(frozen=True, slots=True)
class CacheRow:
    """What one name server or resolver says of one host now; ``ttl`` as answered (remaining, if a cache)."""

    server: str
    kind: Literal["authoritative", "resolver"]
    host: str
    answer: Literal["old", "new", "both", "other", "none", "error"]
    ttl: int | None = None
    values: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ForecastView:
    """When the last compliant cache lets go of the old answer; ``tail`` is what DNS cannot know.

    ``known`` False: a server still serves the old data, and it is the earliest instant. ``minimum`` is the
    shortest time (seconds) for which a resolver was seen to keep an answer, ``browsers_at`` the instant for
    caches that keep everything for a minute, as Chromium does.
    """

    lets_go_at: float
    arithmetic: str
    old_share: float
    tail: str = ""
    known: bool = True
    minimum: float = 0.0
    browsers_at: float | None = None


@dataclass(frozen=True, slots=True)
class ResolverDrain:
    """When a resolver was last seen with the old answer after the switch, and first with the new one."""

    server: str
    host: str
    answer: str
    last_old: float | None = None
    first_new: float | None = None


@dataclass(frozen=True, slots=True)
class CountedView:
    """What the old side counted in a window: ``others`` are not our probes; None: it cannot be told."""

    since: float
    until: float
    others: float | None
    ours: float = 0.0

    @property
    def per_minute(self) -> float | None:
        """Requests of others a minute."""
        if self.others is None or self.until <= self.since:
            return None
        return self.others / (self.until - self.since) * 60


@dataclass(frozen=True, slots=True)
class DrainView:
    """The measured drain beside the forecast one.

    ``last_old`` is when any resolver was last seen with the old answer, ``late_s`` how much later than the
    forecast that was (negative: earlier; None: not over, or never seen). ``source`` is where the old side's
    requests are counted, empty where nowhere; ``quiet_since`` since when only ours came, ``wanted_s`` for how
    long that has to last. ``verdict`` says whether the old side is idle, ``missing`` what is not proven yet.
    ``raised`` says who raised the TTL while it should stay low.
    """

    forecast_at: float | None
    last_old: float | None = None
    late_s: float | None = None
    resolvers: tuple[ResolverDrain, ...] = ()
    source: str = ""
    counted: tuple[CountedView, ...] = ()
    quiet_since: float | None = None
    quiet_until: float | None = None
    wanted_s: float = 0.0
    verdict: Verdict = Verdict.UNKNOWN
    missing: tuple[str, ...] = ()
    detail: str = ""
    raised: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """A cutover at one instant.

    ``finished`` means that it has come to rest (``outcome`` says how); ``stopped-at-gate`` and ``held`` can
    still be left by a command, and ``done`` by a rollback, while the run is open. ``commands`` are shell
    lines that reproduce what was done; ``log`` are the last events in words. ``read_only`` says why nothing
    can be asked of it here (somebody else's run, a replay); empty where commands are taken. ``operator`` is
    who carries it out, ``journal_head`` the hash of its journal's last line.
    """

    run_id: str
    hosts: tuple[str, ...]
    phase: Phase
    steps: tuple[StepView, ...] = ()
    waiting_for: Confirmation | None = None
    rollback: Confirmation | None = None
    watch: WatchView | None = None
    checks: tuple[CheckResult, ...] = ()
    checks_running: str = ""
    caches: tuple[CacheRow, ...] = ()
    forecast: ForecastView | None = None
    drain: DrainView | None = None
    journal_length: int = 0
    journal_ok: bool = True
    finished: bool = False
    outcome: Outcome = ""
    can_roll_back: bool = False
    message: str = ""
    plan_name: str = ""
    journal_path: str = ""
    postponed: bool = False
    wait_until: float | None = None
    commands: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    now: float = 0.0
    campaign: str = ""
    wave: int = 1
    waves: int = 1
    read_only: str = ""
    operator: str = ""
    journal_head: str = ""


# Commands: what an operator can ask of a run. Every typed name is compared in full.


@dataclass(frozen=True, slots=True)
class Confirm:
    """Consent to the write in ``RunView.waiting_for``; ``typed_host`` must equal its ``type_this``.

    With ``change_id`` the consent is for that very change, and for no other that has come in its place.
    """

    purpose: Purpose
    typed_host: str
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Go back now; ``typed_host`` must equal ``RunView.rollback.type_this``; ``change_id`` as in Confirm."""

    typed_host: str
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class RunChecksAgain:
    """Ask the present gate's checks again."""


@dataclass(frozen=True, slots=True)
class Waive:
    """Pass a gate in spite of a check: a WARN, or (not for every check) a FAIL; never an UNKNOWN.

    ``seen`` is the verdict that its author was shown; another one by now is not waived.
    """

    check_id: str
    reason: str
    seen: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Attest:
    """Answer a manual check's question with yes, for this asking of its gate; ``note`` is what was seen."""

    check_id: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Postpone:
    """No forward step until ``Continue``; a rollback stays possible."""


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on after ``Postpone``, or after a hold."""


@dataclass(frozen=True, slots=True)
class Tune:
    """Change a threshold or a duration while the run goes on; ``machine.around.TUNABLE`` says which."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the run as it is: it can be resumed from its journal."""


Command = Confirm | RollBack | RunChecksAgain | Waive | Attest | Postpone | Continue | Tune | Quit
