"""Checks, steps, the watch and the caches as lines: the same words on the screens and from the commands."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...checklists.machine.view import CacheRow, Confirmation, RunView, SideView, StepView, WatchView
from ...checklists.terms import CheckResult
from ...cluster.text import clean
from ...probes.verdict import Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, count, fit, labelled, line, seconds, verdict_span
from .findings import finding_lines

_STEP_TONE = {
    "done": Tone.GOOD,
    "now": Tone.ACCENT,
    "next": Tone.DIM,
    "failed": Tone.BAD,
    "skipped": Tone.DIM,
}
_STEP_WORD = {"done": "done", "now": "NOW", "next": "next", "failed": "FAILED", "skipped": "skip"}
_MOST_FINDINGS = 40
_MOST_HOSTS = 10
_SPARK = "▁▂▃▄▅▆▇█"


def clock(instant: float) -> str:
    """The local time of day of an instant."""
    return time.strftime("%H:%M:%S", time.localtime(instant))


# -- checks


def check_line(result: CheckResult, width: int) -> Line:
    """``PASS  1 routes accepted   3 routes, all parents   0.1 s``."""
    elapsed = seconds(result.elapsed_ms / 1000)
    title = fit(f"{result.check.number} {clean(result.check.title)}", min(30, max(width // 3, 18)))
    room = max(width - 8 - len(title) - 2 - len(elapsed) - 3, 8)
    return line(
        " ",
        verdict_span(result.verdict, 8),
        title + "  ",
        fit(clean(result.headline), room),
        Span(f" {elapsed}", Tone.DIM),
    )


def check_details(result: CheckResult, width: int) -> list[Line]:
    """Why the check is there, then its findings with evidence and commands; of very many the worst."""
    lines = labelled("asks", clean(result.check.why, 1000), width, indent=1) if result.check.why else []
    ordered = sorted(result.findings, key=lambda entry: -entry.verdict.badness)
    for finding in ordered[:_MOST_FINDINGS]:
        lines += [EMPTY, *finding_lines(finding, width, with_subject=len(ordered) > _MOST_FINDINGS)]
    left = ordered[_MOST_FINDINGS:]
    if left:
        wrong = sum(finding.verdict not in (Verdict.PASS, Verdict.SKIP) for finding in left)
        more = f"{count(len(left), 'more finding')}, {wrong} of them not PASS"
        lines += [EMPTY, line(" ", Span(f"{more}; `pointsman check -o json` has them all", Tone.DIM))]
    return lines


def hosts_words(hosts: Sequence[str]) -> str:
    """All hosts of a plan, or the first few of very many."""
    if len(hosts) <= _MOST_HOSTS:
        return clean(", ".join(hosts), 2000)
    return clean(f"{', '.join(hosts[:3])} and {len(hosts) - 3} more hosts", 2000)


def tally(results: Sequence[CheckResult]) -> str:
    """``7 items  5 PASS 1 FAIL 1 UNKNOWN``."""
    counted = [
        f"{sum(result.verdict == verdict for result in results)} {verdict.value}"
        for verdict in (Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP)
        if any(result.verdict == verdict for result in results)
    ]
    return f"{count(len(results), 'item')}  " + "  ".join(counted)


def overall(results: Sequence[CheckResult]) -> Verdict:
    """The worst verdict of a checklist."""
    return worst(result.verdict for result in results)


# -- the run


def step_lines(step: StepView, width: int) -> list[Line]:
    """One step; the present one with its gate and its undo below it."""
    tone = _STEP_TONE[step.status]
    at = clock(step.at) if step.at is not None else ""
    room = max(width - 9 - 22 - len(at) - 3, 10)
    head = line(
        " ",
        Span(f"{_STEP_WORD[step.status]:<8}", tone),
        Span(fit(step.title, 22), Tone.STRONG if step.status == "now" else Tone.PLAIN),
        " " + fit(clean(step.detail), room),
        Span(f" {at}", Tone.DIM),
    )
    if step.status not in ("now", "failed"):
        return [head]
    lines = [head]
    if len(step.detail) > room:
        lines += labelled("", clean(step.detail, 600), width)
    lines += labelled("gate", clean(step.gate), width) if step.gate else []
    lines += labelled("undo", clean(step.undo), width) if step.undo else []
    return lines


def confirmation_lines(asked: Confirmation, width: int, title: str) -> list[Line]:
    """A write that waits for consent: its exact change, its precondition and its undo."""
    lines = [line(" ", Span(title, Tone.STRONG))]
    for row in asked.diff:
        tone = Tone.GOOD if row.startswith("+") else Tone.BAD if row.startswith("-") else Tone.PLAIN
        lines.append(line("     ", Span(clean(row), tone)))
    if asked.precondition:
        lines += labelled("only", clean(asked.precondition), width)
    for number, row in enumerate(asked.inverse):
        lines += labelled("undo" if number == 0 else "", clean(row), width)
    if asked.authorises:
        lines += labelled("allows", clean(asked.authorises), width)
    return lines


def run_title(view: RunView) -> Line:
    """``store.shop.test  run 7f3a  watch  JOURNAL ok 41``."""
    journal = Span(f"journal {'ok' if view.journal_ok else 'BROKEN'} {view.journal_length}", Tone.DIM)
    if not view.journal_ok:
        journal = Span(journal.text, Tone.BAD)
    state = view.outcome or ("postponed" if view.postponed else view.phase)
    tone = {"rolled-back": Tone.DOUBT, "held": Tone.BAD, "stopped-at-gate": Tone.BAD, "done": Tone.GOOD}
    return line(
        " ",
        Span(clean(", ".join(view.hosts), 60), Tone.STRONG),
        Span(f"   run {view.run_id}   ", Tone.DIM),
        Span(state, tone.get(state, Tone.ACCENT)),
        "   ",
        journal,
    )


def watch_lines(watch: WatchView, width: int, now: float) -> list[Line]:
    """Both sides' counts, the evidence against its threshold, and what was decided so far."""
    verdict_tone = {"PASS": Tone.GOOD, "ABORT": Tone.BAD, "HOLD": Tone.BAD}.get(watch.verdict, Tone.DOUBT)
    left = max(0.0, watch.until - now)
    lines = [
        line(
            " ",
            Span("watch  ", Tone.DIM),
            Span(watch.verdict or "starting", verdict_tone),
            f"   {seconds(max(0.0, now - watch.since))} so far, {seconds(left)} at least to go,"
            f" {watch.samples} of {watch.min_samples} samples",
        ),
        _side_line("new", watch.new, width),
        _side_line("old", watch.old, width),
        line(" ", Span("evidence ", Tone.DIM), *_evidence_bar(watch, max(width - 44, 20))),
    ]
    cells = max((width - 24) // 2, 10)
    lines.append(
        line(
            " ",
            Span("errors   ", Tone.DIM),
            "new ",
            Span(spark(watch.new.buckets, cells), Tone.BAD if watch.new.errors else Tone.PLAIN),
            "  old ",
            spark(watch.old.buckets, cells),
        )
    )
    if watch.detail:
        lines += labelled("says", clean(watch.detail), width, indent=1)
    return lines


def _side_line(name: str, side: SideView, width: int) -> Line:
    share = side.error_share
    shown = "no answer yet" if share is None else f"{share * 100:.2f} %"
    p95 = "-" if side.p95_ms is None else f"{side.p95_ms:.0f} ms"
    told = line(
        " ",
        Span(f"{name}    ", Tone.DIM),
        f"{side.requests:>6} requests ",
        Span(f"{side.errors:>5} errors {shown:>8}", Tone.BAD if side.errors else Tone.PLAIN),
        f"  404 {side.not_found}  handshake {side.handshake_failures}  p95 {p95}",
    )
    address = Span(f"  {clean(side.address)}", Tone.DIM)
    room = width - sum(len(span.text) for span in told)
    return (*told, address) if len(address.text) <= room else told


def _evidence_bar(watch: WatchView, cells: int) -> list[Span]:
    # logarithmic, from 0.01 at the left to the alarm at the right: that is how evidence grows
    from math import log10

    low, high = -2.0, log10(max(watch.alarm_at, 10.0))
    value = log10(max(watch.evidence, 0.01)) if watch.evidence > 0 else low
    place = round((min(max(value, low), high) - low) / (high - low) * (cells - 1))
    bar = "." * place + "#" + "." * (cells - 1 - place)
    tone = Tone.BAD if watch.evidence >= watch.alarm_at > 0 else Tone.PLAIN
    shown = f"{watch.evidence:.3g}" if watch.evidence < 1e6 else ">1e6"
    return [Span(f"|{bar}|", tone), Span(f" now {shown}, alarm at {watch.alarm_at:.0f}", Tone.DIM)]


def spark(buckets: Sequence[tuple[int, int]], cells: int) -> str:
    """Each second's share of errors as a bar; a dot is a second without a request."""
    shown = []
    for requests, errors in buckets[-cells:]:
        if requests == 0:
            shown.append("·")
        else:
            shown.append("_" if errors == 0 else _SPARK[min(7, int(errors / requests * 7.99))])
    return "".join(shown).rjust(1)


def cache_lines(rows: Sequence[CacheRow], view: RunView, width: int) -> list[Line]:
    """What every name server and resolver answers now, and when the last cache lets go."""
    lines: list[Line] = []
    for row in rows:
        tone = {"error": Tone.BAD, "both": Tone.BAD, "other": Tone.BAD, "none": Tone.DOUBT}.get(row.answer)
        ttl = f"{row.ttl} s" if row.ttl is not None else "-"
        text = clean(", ".join(row.values)) or clean(row.detail)
        lines.append(
            line(
                " ",
                Span(f"{row.kind:<14}", Tone.DIM),
                f"{clean(row.server):<22} ",
                Span(f"{row.answer:<6}", tone or Tone.PLAIN),
                f" TTL {ttl:<6} ",
                Span(fit(text, max(width - 54, 8)).rstrip(), Tone.DIM),
            )
        )
    if view.forecast is not None and view.forecast.lets_go_at:
        left = view.forecast.lets_go_at - view.now
        when = f"in {seconds(left)}" if left > 0 else "has let go"
        words = (
            f"last cache {when} ({clock(view.forecast.lets_go_at)}): {clean(view.forecast.arithmetic, 300)}"
        )
        lines += labelled("drain", words, width, indent=1)
        if view.forecast.tail:
            lines += labelled("beyond", clean(view.forecast.tail, 300), width, Tone.DIM, indent=1)
    return lines
