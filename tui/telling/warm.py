"""A warm-up as lines: pass beside pass, then the URLs that are not warm, each with what it met."""

from __future__ import annotations

from ...cluster.text import clean
from ...probes.verdict import Finding
from ...probes.wire.warm.facts import WarmFacts, WarmFetch
from ...probes.wire.warm.judge import Warmth, outcome, passes, warmth
from ..lines import EMPTY, Line, Span, Tone, count, fit, line, seconds
from .findings import finding_lines

_STATES = ("hit", "miss", "stale", "bypass", "none")
_MOST_ROWS = 20


def warm_lines(facts: WarmFacts, findings: tuple[Finding, ...], width: int) -> list[Line]:
    """The whole report."""
    plan = facts.plan
    title = line(
        " ",
        Span(f"{count(len(plan.urls), 'URL')} at {clean(plan.address, 80)}", Tone.STRONG),
        f"   {len(facts.fetches)} fetches in {seconds(facts.elapsed_ms / 1000)}",
        Span(f"   Accept-Encoding: {clean(plan.accept_encoding, 60) or '(none)'}", Tone.DIM),
    )
    lines = [title, EMPTY, *_pass_table(facts), *_url_rows(facts, width)]
    for one in findings:
        lines += [EMPTY, *finding_lines(one, width)]
    return lines


def progress_line(fetches: int, wanted: int, hits: int, errors: int, elapsed_s: float) -> str:
    """Where a warm-up is, for standard error."""
    trouble = f", {count(errors, 'error')}" if errors else ""
    return f"{fetches} of {wanted} fetches, {hits} from a cache{trouble}, {seconds(elapsed_s)}"


def _pass_table(facts: WarmFacts) -> list[Line]:
    told = passes(facts)
    if not told:
        return []
    heads = "".join(f"{state:>8}" for state in _STATES)
    lines = [line(Span(f"        {heads}{'errors':>8}{'hit share':>11}{'first byte':>12}", Tone.DIM))]
    for one in told:
        states = "".join(f"{one.states.get(state, 0):>8}" for state in _STATES)
        share = f"{one.hit_share:.0%}" if one.hit_share is not None else "-"
        first = f"{one.first_byte_ms:.1f} ms" if one.first_byte_ms is not None else "-"
        lines.append(
            line(
                f" pass {one.number:<2}{states}",
                Span(f"{one.failed:>8}", Tone.BAD if one.failed else Tone.PLAIN),
                f"{share:>11}{first:>12}",
            )
        )
    return lines


def _url_rows(facts: WarmFacts, width: int) -> list[Line]:
    """The URLs that are not warm, the worst first, before and after."""
    doubtful = sorted((one for one in warmth(facts) if _rank(one)), key=_rank)
    if not doubtful:
        return []
    columns = 25
    room = max(width - 2 * columns - 4, 20)
    lines = [EMPTY, line(Span(f" {'not warm':<{room}} {'first fetch':<{columns}} last fetch", Tone.DIM))]
    for one in doubtful[:_MOST_ROWS]:
        tone = Tone.BAD if one.last.failed else Tone.DOUBT if one.cold else Tone.DIM
        lines.append(
            line(
                f" {fit(clean(one.url, 400), room)} {fit(_met(one.first), columns)} ",
                Span(_met(one.last), tone),
            )
        )
        if one.kept_out:
            lines.append(line(Span(f"   {clean(one.kept_out, width - 4)}", Tone.DIM)))
    if len(doubtful) > _MOST_ROWS:
        more = f" and {len(doubtful) - _MOST_ROWS} more; -o json has them all"
        lines.append(line(Span(more, Tone.DIM)))
    return lines


def _rank(one: Warmth) -> int:
    if one.last.failed:
        return 1
    if one.cold:
        return 2
    return 3 if one.kept_out else 0


def _met(fetch: WarmFetch) -> str:
    """``200 miss 12 ms``, ``200 hit age 4 1 ms``, ``refused``."""
    age = f" age {fetch.age}" if fetch.age is not None else ""
    first = f" {fetch.first_byte_ms:.0f} ms" if fetch.first_byte_ms is not None else ""
    state = f" {fetch.cache}" if fetch.cache else ""
    return f"{outcome(fetch)}{state}{age}{first}"
