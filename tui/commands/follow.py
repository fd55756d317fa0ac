"""A run told in the terminal until it rests, asking where it asks."""

from __future__ import annotations

import contextlib
import queue
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import Line, to_terminal
from ..telling.narrate import Narrator
from .common import colour, note, width
from .options import INCONCLUSIVE

if TYPE_CHECKING:
    from ...checklists.machine.view import RunView
    from ...checklists.running.run import CutoverRun
    from ...checklists.terms import Check

_LOOK_EVERY_S = 2.0
_VERDICTS = {
    "done": Verdict.PASS,
    "rolled-back": Verdict.FAIL,
    "stopped-at-gate": Verdict.FAIL,
    "held": Verdict.UNKNOWN,
}
_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: INCONCLUSIVE}


def follow(run: CutoverRun, confirmed: tuple[str, ...], output: str, attested: tuple[str, ...] = ()) -> int:
    """Tell the run line by line; the exit code. Stops it at the end, and it stays resumable.

    ``attested`` are manual checks that are confirmed beforehand, at every gate that asks them.

    With ``output`` json the story goes to standard error, and one document to standard output at the end.
    """
    started = time.monotonic()
    views: queue.SimpleQueue[RunView] = queue.SimpleQueue()
    end_subscription = run.subscribe(views.put)
    narrator = Narrator(width())
    view = run.view()
    try:
        while True:
            _tell(narrator.tell(view), aside=output == "json")
            if view.outcome == "stopped-at-gate" and _attest(run, attested):
                view = _next(run, views)
                continue
            if view.finished or not view.journal_ok:
                break
            if view.waiting_for is not None and not _answer(run, view, confirmed):
                break
            view = _next(run, views)
    except (KeyboardInterrupt, click.Abort):
        note(f"\nleft as it is; go on with: {_go_on(run)}")
    finally:
        end_subscription()
        run.stop()
    verdict = _VERDICTS.get(view.outcome, Verdict.UNKNOWN) if view.finished else Verdict.UNKNOWN
    if output == "json":
        _print_document(view, verdict, (time.monotonic() - started) * 1000)
    return _CODES[verdict]


def _next(run: CutoverRun, views: queue.SimpleQueue[RunView]) -> RunView:
    while True:
        try:
            return views.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            if not run.alive:
                # nobody will say anything any more
                return replace(run.view(), journal_ok=False)


def _go_on(run: CutoverRun) -> str:
    return f"pointsman resume {run.run_id} --write"


def _tell(lines: list[Line], aside: bool) -> None:
    coloured = colour() and not aside
    for text_line in lines:
        click.echo(to_terminal(text_line, coloured), err=aside)


def _print_document(view: RunView, verdict: Verdict, elapsed_ms: float) -> None:
    import msgspec

    from ...probes.output import document, encode

    findings = [finding for result in view.checks for finding in result.findings]
    facts = msgspec.to_builtins(view, str_keys=True)
    # the findings stand in their own place
    facts.pop("checks", None)
    click.echo(encode(document("cutover", verdict, findings, facts, elapsed_ms)))


def _answer(run: CutoverRun, view: RunView, confirmed: tuple[str, ...]) -> bool:
    """Consent to the write that waits, where somebody gives it; False leaves the run."""
    from ...checklists.machine.view import Confirm

    asked = view.waiting_for
    assert asked is not None
    if run.view().waiting_for != asked:
        # an older view: the answer is on its way already
        return True
    if any(run.plan.is_confirmed_by(name) for name in confirmed):
        click.echo(f"     confirmed beforehand: {asked.type_this}", err=True)
        typed = asked.type_this
    elif sys.stdin.isatty():
        typed = _ask(run, asked.type_this)
    else:
        typed = ""
    if not typed:
        note(f"nobody typed {asked.type_this}; go on with: {_go_on(run)} --confirm {asked.type_this}")
        return False
    run.send(Confirm(asked.purpose, typed, asked.change_id))
    with contextlib.suppress(TimeoutError):
        run.wait(lambda newer: newer.waiting_for != asked or not newer.journal_ok, timeout_s=30)
    return True


def _attest(run: CutoverRun, attested: tuple[str, ...]) -> bool:
    """Confirm the manual checks that keep the gate shut, where somebody does; whether it goes on by that."""
    from ...checklists.machine.view import Attest
    from ...checklists.terms import MANUAL

    view = run.view()
    if view.outcome != "stopped-at-gate":
        # what was looked at is older: it has gone on already
        return True
    asked = [
        result.check
        for result in view.checks
        if result.check.probe == MANUAL and result.verdict is Verdict.UNKNOWN
    ]
    chosen = [check for check in asked if check.id in attested]
    if not chosen and sys.stdin.isatty():
        chosen = [check for check in asked if _said_yes(check)]
    for check in chosen:
        click.echo(f"     confirmed by hand: {check.id}", err=True)
        note_of = "beforehand, on the command line" if check.id in attested else "typed at the terminal"
        run.send(Attest(check.id, note_of))
    if not chosen:
        return False
    with contextlib.suppress(TimeoutError):
        run.wait(lambda newer: newer.journal_length >= view.journal_length + len(chosen), timeout_s=10)
        return True
    # refused, and the run has said why
    return False


def _said_yes(check: Check) -> bool:
    question = clean(str(check.params.get("question", check.title)), 300)
    typed = click.prompt(f" {question}\n If so, type {check.id}", default="", show_default=False, err=True)
    return str(typed).strip() == check.id


def _ask(run: CutoverRun, type_this: str) -> str:
    while True:
        typed = str(click.prompt(f" To go on, type {type_this}", default="", show_default=False, err=True))
        if not typed.strip() or run.plan.is_confirmed_by(typed):
            return typed.strip()
        note("that is not the name; nothing was changed. Empty leaves the run as it is.")
