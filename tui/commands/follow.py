"""A cutover told in the terminal until it rests, asking where it asks; waves with their number in front."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.verdict import Verdict, worst
from ..lines import Line, Span, Tone, to_terminal
from ..telling.narrate import Narrator
from ..telling.steps import confirmation_lines
from .common import colour, note, width
from .options import INCONCLUSIVE

if TYPE_CHECKING:
    from ...checklists.machine.view import Confirmation, RunView
    from ...checklists.plans.model import Plan
    from ...checklists.running.campaign import Campaign
    from ...checklists.running.run import CutoverRun
    from ...checklists.terms import Check

_LOOK_EVERY_S = 2.0
# what was confirmed beforehand is for a change, not for its being tried for ever
_MOST_TRIES = 3
_VERDICTS = {
    "done": Verdict.PASS,
    "rolled-back": Verdict.FAIL,
    "stopped-at-gate": Verdict.FAIL,
    "held": Verdict.UNKNOWN,
}
_WAY_BACK = ("rollback", "drain", "rolled-back")
_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: INCONCLUSIVE}


def follow(
    campaign: Campaign, confirmed: tuple[str, ...], output: str, attested: tuple[str, ...] = ()
) -> int:
    """Tell a plan's runs line by line; the exit code, the worst of the waves. All stay resumable.

    ``confirmed`` are names typed beforehand, ``attested`` manual checks that are confirmed at every gate that
    asks them. With ``output`` json the story goes to standard error, and one document to standard output at
    the end.
    """
    started = time.monotonic()
    for problem in campaign.problems:
        note(problem)
    story = _Story(campaign, aside=output == "json")
    with _left_in_order(campaign, story, on_the_way=True):
        story.go_on(confirmed, attested)
    views = tuple(story.latest.values())
    verdict = worst(_verdict(view) for view in views)
    if output == "json":
        _print_document(campaign, views, verdict, (time.monotonic() - started) * 1000)
    return _CODES[verdict]


def follow_back(campaign: Campaign, run_id: str, confirmed: tuple[str, ...], output: str) -> int:
    """Lead a run back, or with the campaign's id all of its waves; the exit code. All stay resumable.

    UserError: none of them has changed anything, or all are back already.
    """
    started = time.monotonic()
    story = _Story(campaign, aside=output == "json")
    wanted = [run for run in campaign.runs if run_id in (run.run_id, campaign.campaign_id)]
    with _left_in_order(campaign, story):
        story.go_back(wanted, confirmed)
    views = tuple(story.latest[run.run_id] for run in wanted)
    back = [view.outcome == "rolled-back" for view in views if view.run_id in story.wanted_back]
    verdict = Verdict.PASS if back and all(back) else Verdict.UNKNOWN
    if output == "json":
        _print_document(campaign, views, verdict, (time.monotonic() - started) * 1000, "rollback")
    return _CODES[verdict]


@contextlib.contextmanager
def _left_in_order(campaign: Campaign, story: _Story, *, on_the_way: bool = False) -> Iterator[None]:
    """However the leading ends, the run is left resumable and its last words are told."""
    with _signals_are_ctrl_c():
        try:
            yield
            story.tell_the_rest()
        except (KeyboardInterrupt, click.Abort):
            _said_last(f"\nleft as it is; go on with: {_go_on(campaign)}")
            if on_the_way and any(run.view().can_roll_back for run in campaign.runs):
                _said_last(f"or go back with: pointsman rollback {campaign.resume_id} --write")
        except OSError as error:
            why = error.strerror or type(error).__name__
            _said_last(f"what happens cannot be told ({why}): left as it is; go on with: {_go_on(campaign)}")
        finally:
            story.end()
            campaign.stop()


@contextlib.contextmanager
def _signals_are_ctrl_c() -> Iterator[None]:
    """SIGTERM, and the SIGHUP of a lost terminal, leave the run in order too: its Lease is given up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]

    def leave(number: int, frame: FrameType | None) -> None:
        for one in ours:
            # once is enough: the leaving itself is not to be cut short
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(one, leave) for one in ours]
    try:
        yield
    finally:
        for one, handler in zip(ours, before, strict=True):
            signal.signal(one, handler)


def _said_last(text: str) -> None:
    # the terminal may be gone
    with contextlib.suppress(OSError):
        note(text)


def _verdict(view: RunView) -> Verdict:
    return _VERDICTS.get(view.outcome, Verdict.UNKNOWN) if view.finished else Verdict.UNKNOWN


def code_of(view: RunView) -> int:
    """The exit code of a run that is left as it is in ``view``."""
    return _CODES[_verdict(view)]


def _go_on(campaign: Campaign) -> str:
    return f"pointsman resume {campaign.resume_id} --write"


class _Story:
    """What was told of each wave, the latest view of each, and which are left to themselves."""

    def __init__(self, campaign: Campaign, aside: bool) -> None:
        self._campaign, self._aside = campaign, aside
        self._runs = {run.run_id: run for run in campaign.runs}
        self._many = len(self._runs) > 1
        room = width() - (len("wave 00 | ") if self._many else 0)
        self._narrators = {run_id: Narrator(room) for run_id in self._runs}
        self._views: queue.SimpleQueue[RunView] = queue.SimpleQueue()
        self.latest = {run_id: run.view() for run_id, run in self._runs.items()}
        self._left: set[str] = set()
        self._tried: Counter[tuple[str, str]] = Counter()
        # the runs that `go_back` leads back
        self.wanted_back: frozenset[str] = frozenset()
        self.end = campaign.subscribe(self._views.put)

    def go_on(self, confirmed: tuple[str, ...], attested: tuple[str, ...]) -> None:
        """Until every wave rests, or waits for what nobody here does."""
        for view in tuple(self.latest.values()):
            self._hear(view)
        # a wave that stops at a gate rests only once nobody has answered its questions
        while True:
            for run_id, view in tuple(self.latest.items()):
                if view.outcome == "stopped-at-gate" and run_id not in self._left:
                    self._attest(self._runs[run_id], view, attested)
                asks = view.waiting_for is not None and not self._rests(run_id)
                if asks and not self._answer(self._runs[run_id], view, confirmed):
                    self._left.add(run_id)
            if all(self._rests(run_id) for run_id in self._runs):
                return
            self._next()

    def go_back(self, wanted: Sequence[CutoverRun], confirmed: tuple[str, ...]) -> None:
        """Until those ``wanted`` that have changed anything are back, or nobody says that they shall be."""
        self._left |= self._runs.keys() - {run.run_id for run in wanted}
        changed = [run for run in wanted if run.view().can_roll_back]
        # one that was left on its way back goes on by itself
        going = [run for run in wanted if run.view().phase in ("rollback", "drain")]
        self.wanted_back = frozenset(run.run_id for run in (*changed, *going))
        if not self.wanted_back:
            stands = wanted[0].view().outcome or wanted[0].view().phase
            raise UserError(
                f"there is nothing to roll back: {stands}", "`pointsman journal RUN` tells it all"
            )
        for run in changed:
            if not self._lead_back(run, confirmed):
                self._left.add(run.run_id)
        while not all(self._rests(run_id) for run_id in self._runs):
            self._next()

    def _lead_back(self, run: CutoverRun, confirmed: tuple[str, ...]) -> bool:
        """Show the way back of a run and take it, where somebody consents to exactly that."""
        from ...checklists.machine.view import RollBack

        before = run.view()
        shown = before.rollback
        assert shown is not None
        self._tell(confirmation_lines(shown, width(), "the traffic will move back"))
        typed = _consent(run.plan, confirmed)
        if typed:
            click.echo(f"     confirmed beforehand: {typed}", err=True)
        elif sys.stdin.isatty():
            typed = _ask(run.plan, shown, before.wave if self._many else 0)
        if not typed:
            note(f"nobody typed {shown.type_this}: nothing was done")
            return False
        run.send(RollBack(typed, shown.change_id))
        with contextlib.suppress(TimeoutError):
            run.wait(lambda view: view.phase in _WAY_BACK or view.message != before.message, 30)
        view = run.view()
        self._hear(view)
        return view.phase in _WAY_BACK

    def tell_the_rest(self) -> None:
        """What was said while an answer was waited for, up to the last words."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._hear(self._views.get_nowait())
        for run in self._runs.values():
            self._hear(run.view())

    def _attest(self, run: CutoverRun, view: RunView, attested: tuple[str, ...]) -> None:
        """Confirm the manual checks that keep the gate shut, where somebody does; else leave the wave."""
        from ...checklists.machine.view import Attest

        stopped = "stopped-at-gate"
        # what was told may be older: the run may have gone on, or asks something else by now
        view = run.view()
        if view.outcome == stopped:
            with self._telling_meanwhile():
                chosen = _confirmed_by_hand(view, attested)
            if not chosen:
                # the story ends with how it stands now, not with an older view that was still to be told
                self._hear(view)
                self._left.add(run.run_id)
                return
            for check in chosen:
                click.echo(f"     confirmed by hand: {check.id}", err=True)
                how = "beforehand, on the command line" if check.id in attested else "typed at the terminal"
                run.send(Attest(check.id, how))
            with contextlib.suppress(TimeoutError):
                run.wait(lambda newer: newer.outcome != stopped or newer.message != view.message, 30)
        self._hear(run.view())

    def _rests(self, run_id: str) -> bool:
        view = self.latest[run_id]
        if view.finished or not view.journal_ok or run_id in self._left:
            return True
        return self._campaign.turn(self._runs[run_id]).blocked

    def _hear(self, view: RunView) -> None:
        if view.journal_length < self.latest[view.run_id].journal_length:
            return
        self.latest[view.run_id] = view
        prefix = Span(f"wave {view.wave} | ", Tone.DIM) if self._many else None
        lines = self._narrators[view.run_id].tell(view)
        self._tell([(prefix, *one) for one in lines] if prefix else lines)

    def _tell(self, lines: list[Line]) -> None:
        coloured = colour() and not self._aside
        for text_line in lines:
            click.echo(to_terminal(text_line, coloured), err=self._aside)

    def _next(self) -> None:
        try:
            self._hear(self._views.get(timeout=_LOOK_EVERY_S))
        except queue.Empty:
            for run in self._runs.values():
                if not run.alive:
                    # nobody will say anything any more
                    self._hear(replace(run.view(), journal_ok=False))

    def _answer(self, run: CutoverRun, view: RunView, confirmed: tuple[str, ...]) -> bool:
        """Consent to the write that waits, where somebody gives it; False leaves the wave."""
        from ...checklists.machine.view import Confirm

        asked = view.waiting_for
        assert asked is not None
        if run.view().waiting_for != asked:
            # an older view: the answer is on its way already
            self.latest[run.run_id] = run.view()
            return True
        typed = _consent(run.plan, confirmed)
        tried = (run.run_id, asked.change_id)
        self._tried[tried] += 1
        if typed and self._tried[tried] > _MOST_TRIES:
            note(
                f"the same change was sent {_MOST_TRIES} times and never made; see why, then go on with:"
                f" {_go_on(self._campaign)}"
            )
            return False
        if typed:
            click.echo(f"     confirmed beforehand: {typed}", err=True)
        elif sys.stdin.isatty():
            with self._telling_meanwhile():
                typed = _ask(run.plan, asked, view.wave if self._many else 0)
        if not typed:
            confirm = " ".join(f"--confirm {host}" for host in run.plan.hosts)
            note(f"nobody typed {asked.type_this}; go on with: {_go_on(self._campaign)} {confirm}")
            return False
        run.send(Confirm(asked.purpose, typed, asked.change_id))
        with contextlib.suppress(TimeoutError):
            self.latest[run.run_id] = run.wait(
                lambda newer: newer.waiting_for != asked or not newer.journal_ok, timeout_s=30
            )
        return True

    @contextlib.contextmanager
    def _telling_meanwhile(self) -> Iterator[None]:
        """While one wave asks, the others go on: an alarm of theirs must not wait for the answer."""
        answered = threading.Event()

        def work() -> None:
            while not answered.is_set():
                with contextlib.suppress(queue.Empty):
                    self._hear(self._views.get(timeout=0.2))

        teller = threading.Thread(target=work, name="teller", daemon=True)
        if self._many:
            teller.start()
        try:
            yield
        finally:
            answered.set()
            if self._many:
                teller.join()


def _confirmed_by_hand(view: RunView, attested: tuple[str, ...]) -> list[Check]:
    from ...checklists.terms import MANUAL

    asked = [
        result.check
        for result in view.checks
        if result.check.probe == MANUAL and result.verdict is Verdict.UNKNOWN
    ]
    chosen = [check for check in asked if check.id in attested]
    if not chosen and sys.stdin.isatty():
        chosen = [check for check in asked if _said_yes(check)]
    return chosen


def _said_yes(check: Check) -> bool:
    question = clean(str(check.params.get("question", check.title)), 300)
    typed = click.prompt(f" {question}\n If so, type {check.id}", default="", show_default=False, err=True)
    return str(typed).strip() == check.id


def _consent(plan: Plan, confirmed: tuple[str, ...]) -> str:
    """What was confirmed beforehand of this plan, as it would be typed; empty where that is not all of it."""
    if any(plan.is_confirmed_by(name) for name in confirmed):
        return plan.type_this
    return ", ".join(plan.hosts) if set(plan.hosts) <= {name.strip() for name in confirmed} else ""


def _ask(plan: Plan, asked: Confirmation, wave: int) -> str:
    which = f"for wave {wave} ({', '.join(asked.hosts)}) " if wave else ""
    question = f" To go on {which}type {asked.type_this}" if wave else f" To go on, type {asked.type_this}"
    while True:
        typed = str(click.prompt(question, default="", show_default=False, err=True))
        if not typed.strip() or plan.is_confirmed_by(typed):
            return typed.strip()
        note("that is not the name; nothing was changed. Empty leaves the run as it is.")


def _print_document(
    campaign: Campaign,
    views: tuple[RunView, ...],
    verdict: Verdict,
    elapsed_ms: float,
    command: str = "cutover",
) -> None:
    import msgspec

    from ...probes.output import document, encode

    findings = [finding for view in views for result in view.checks for finding in result.findings]
    waves = [msgspec.to_builtins(view, str_keys=True) for view in views]
    for facts in waves:
        # the findings stand in their own place
        facts.pop("checks", None)
    facts = {"campaign": campaign.campaign_id, "waves": waves} if campaign.campaign_id else waves[0]
    click.echo(encode(document(command, verdict, findings, facts, elapsed_ms)))
