"""Cutovers in the practice world told as text: one that goes well, one its gate stops, one rolled back."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ..checklists.machine.view import Confirm, RunView
from ..checklists.plans.load import load_plan
from ..checklists.running.campaign import Campaign
from ..cluster.client.connect import connect
from ..cluster.client.watch import LiveCluster
from .commands.common import show, width
from .lines import EMPTY, Span, Tone, line, seconds
from .telling.narrate import Narrator

_TITLES = {
    "done": "a healthy cutover",
    "stopped-at-gate": "a cutover that its gate stops",
    "rolled-back": "a cutover that is rolled back on its alarm",
    "held": "a cutover that is held, because nobody can tell what is right",
}
# what may be in DNS when a run has ended so; "other" is what somebody else wrote, and we left alone
_SIDES = {"done": {"new"}, "stopped-at-gate": {"old", "other"}, "rolled-back": {"old"}}
_LONGEST_S = 60.0


def tell_stories(
    kubeconfig: Path, plans: Mapping[str, Path], stories: Mapping[str, str], give_up: threading.Event
) -> int:
    """Walk through ``stories`` (host to the outcome that it must have); 0 where each ended so, else 1."""
    started = time.monotonic()
    connection = connect(str(kubeconfig), None)
    live = LiveCluster(connection, None)
    live.start()
    good = 0
    try:
        wait_until_loaded(live)
        for number, (host, outcome) in enumerate(stories.items(), 1):
            title = f"story {number} of {len(stories)}: {_TITLES.get(outcome, outcome)} ({host})"
            show([EMPTY, line(Span(title, Tone.STRONG))])
            campaign = Campaign.start_new(
                load_plan(plans[host]),
                snapshots=live.snapshot,
                writes_enabled=True,
                kubeconfig=str(kubeconfig),
                connection=connection,
            )
            good += _tell(campaign, outcome, give_up)
            if give_up.is_set():
                break
    finally:
        live.stop()
        connection.close()
    total = f"{good} of {len(stories)} stories ended as they should, in {seconds(time.monotonic() - started)}"
    show([EMPTY, line(total)])
    return 0 if stories and good == len(stories) else 1


def wait_until_loaded(live: LiveCluster, longest_s: float = 15.0) -> None:
    """Until every kind has been listed once, or the time is up: a story begins with the whole picture."""
    deadline = time.monotonic() + longest_s
    while time.monotonic() < deadline:
        states = {state.state for state in live.snapshot().kinds.values()}
        if states and "loading" not in states:
            return
        time.sleep(0.05)


def _tell(campaign: Campaign, outcome: str, give_up: threading.Event) -> bool:
    runs = {run.run_id: run for run in campaign.runs}
    views: queue.SimpleQueue[RunView] = queue.SimpleQueue()
    end_subscription = campaign.subscribe(views.put)
    narrators = {run_id: Narrator(width()) for run_id in runs}
    latest = {view.run_id: view for view in campaign.views()}
    deadline = time.monotonic() + _LONGEST_S
    answered: dict[str, object] = {}

    def hear(view: RunView) -> None:
        latest[view.run_id] = view
        wave = Span(f"wave {view.wave} | ", Tone.DIM)
        lines = narrators[view.run_id].tell(view)
        show([(wave, *one) for one in lines] if view.waves > 1 else lines)
        asked = view.waiting_for
        if asked is not None and asked != answered.get(view.run_id):
            answered[view.run_id] = asked
            show([line(" ", Span(f"the operator types: {asked.type_this}", Tone.ACCENT))])
            runs[view.run_id].send(Confirm(asked.purpose, asked.type_this))

    try:
        for view in campaign.views():
            hear(view)
        while not all(
            view.finished or campaign.turn(runs[run_id]).blocked for run_id, view in latest.items()
        ):
            if give_up.is_set() or time.monotonic() > deadline:
                show([line(" ", Span("given up", Tone.BAD))])
                break
            with contextlib.suppress(queue.Empty):
                hear(views.get(timeout=0.2))
    finally:
        end_subscription()
        campaign.stop()
    # of several waves, the one at which the story ends
    ended = sorted(latest.values(), key=lambda view: (view.outcome != outcome, view.wave))
    return _judge(ended[0], outcome)


def _judge(view: RunView, outcome: str) -> bool:
    """Whether it ended as it should, DNS included, and the journal's chain holds."""
    sides = _SIDES.get(outcome)
    answers = {row.answer for row in view.caches if row.kind == "authoritative"}
    problems = []
    if view.outcome != outcome:
        problems.append(f"ended {view.outcome or 'not at all'}, expected {outcome}")
    shown = " and ".join(sorted(answers))
    if sides is not None and not answers <= sides:
        problems.append(f"the authoritative servers answer {shown}, expected {' or '.join(sorted(sides))}")
    if not view.journal_ok:
        problems.append("the journal's chain is broken")
    if problems:
        show([line(" ", Span(f"NOT as it should: {'; '.join(problems)}", Tone.BAD))])
        return False
    records = f"; DNS answers: {shown}" if answers else ""
    show([line(" ", Span(f"as it should: {view.outcome}{records}", Tone.GOOD))])
    return True
