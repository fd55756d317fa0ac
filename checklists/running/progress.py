"""How far a run is, small enough to be handed on: in a Lease's annotation, or as a line of JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...cluster.typed import convert
from ..machine.view import RunView, StepView, WatchView
from ..terms import Outcome, Phase
from .holding import Holder

PREFIX = "pointsman.dev"
HOLDER, PROGRESS = f"{PREFIX}/holder", f"{PREFIX}/progress"
_MOST_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at ``at`` (epoch seconds) in numbers and words; ``journal_head`` is the hash of its last line."""

    at: float
    run: str
    phase: Phase
    outcome: Outcome = ""
    message: str = ""
    postponed: bool = False
    steps: tuple[StepView, ...] = ()
    watch: WatchView | None = None
    wait_until: float | None = None
    lets_go_at: float | None = None
    journal_length: int = 0
    journal_head: str = ""
    campaign: str = ""
    wave: int = 1
    waves: int = 1


def progress_of(view: RunView) -> Progress:
    """What a view says, without what is long."""
    watch = view.watch
    if watch is not None:
        new, old = replace(watch.new, buckets=()), replace(watch.old, buckets=())
        evidence = min(watch.evidence, 1e300)
        watch = replace(watch, new=new, old=old, evidence=evidence, detail=clean(watch.detail, 300))
    return Progress(
        at=view.now,
        run=view.run_id,
        phase=view.phase,
        outcome=view.outcome,
        message=clean(view.message, 300),
        postponed=view.postponed,
        steps=tuple(
            replace(step, detail=clean(step.detail, 200), undo=clean(step.undo, 200)) for step in view.steps
        ),
        watch=watch,
        wait_until=view.wait_until,
        lets_go_at=view.forecast.lets_go_at if view.forecast is not None else None,
        journal_length=view.journal_length,
        journal_head=view.journal_head,
        campaign=view.campaign,
        wave=view.wave,
        waves=view.waves,
    )


def annotations_of(holder: Holder, progress: Progress | None) -> dict[str, str]:
    """A Lease's annotations. UserError where the hosts are too many for one."""
    told = {HOLDER: msgspec.json.encode(holder).decode()}
    if progress is not None:
        told[PROGRESS] = msgspec.json.encode(progress).decode()
    if sum(map(len, told.values())) > _MOST_CHARACTERS:
        raise UserError(f"{len(holder.hosts)} hosts are too many for one Lease", "split the plan into waves")
    return told


def holder_from(annotations: Mapping[str, str], where: str) -> Holder | None:
    """Who holds a Lease and which hosts, from its annotations; None where they do not say."""
    try:
        plain = msgspec.json.decode(annotations.get(HOLDER, "")[:_MOST_CHARACTERS])
        holder = convert(plain, Holder)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    return replace(holder, where=where, pid=0)


def progress_from(annotations: Mapping[str, str]) -> Progress | None:
    """How far the run is, from its Lease's annotations; None where they do not say."""
    try:
        return convert(msgspec.json.decode(annotations.get(PROGRESS, "")[:_MOST_CHARACTERS]), Progress)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def told_view(holder: Holder, progress: Progress, journal_path: str, now: float, read_only: str) -> RunView:
    """The view of a run of which nothing is known but its progress."""
    return RunView(
        run_id=clean(progress.run, 60),
        hosts=tuple(clean(host, 255) for host in holder.hosts),
        phase=progress.phase,
        steps=progress.steps,
        watch=progress.watch,
        journal_length=progress.journal_length,
        journal_head=clean(progress.journal_head, 80),
        finished=bool(progress.outcome),
        outcome=progress.outcome,
        message=clean(progress.message),
        plan_name=clean(holder.plan, 200),
        journal_path=journal_path,
        postponed=progress.postponed,
        wait_until=progress.wait_until,
        now=now,
        campaign=clean(progress.campaign, 60),
        wave=progress.wave,
        waves=progress.waves,
        read_only=read_only,
        operator=clean(holder.operator, 200),
    )
