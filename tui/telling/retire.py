"""How the old side is taken away, as lines: what is proven first, then the steps. Pure."""

from __future__ import annotations

from ...checklists.machine.retire import RetireAdvice, RetireStep
from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, command, labelled, line, verdict_span
from .run import hosts_words

_HEADS = {
    Verdict.PASS: "the old side may go",
    Verdict.FAIL: "NOT YET: the old side is still used",
}


def retire_lines(advice: RetireAdvice, width: int) -> list[Line]:
    """All of it; without the proof every step stands under NOT YET."""
    head = _HEADS.get(advice.verdict, "NOT YET: it is not proven that nobody uses the old side")
    lines = [
        line(" ", Span(hosts_words(advice.hosts), Tone.STRONG), f"   old {clean(advice.old)}   "),
        line(" ", verdict_span(advice.verdict, 8), Span(head, Tone.STRONG)),
        *labelled("says", clean(advice.said, 600), width),
    ]
    for number, words in enumerate(advice.not_yet):
        lines += labelled("lacks" if number == 0 else "", clean(words, 400), width, Tone.DOUBT)
    for number, words in enumerate(advice.evidence):
        lines += labelled("seen" if number == 0 else "", clean(words, 300), width, Tone.DIM)
    said = "these commands are shown, and never run" if advice.safe else "what it will be, once it is proven"
    lines += [EMPTY, line(" ", Span(said, Tone.DIM))]
    for number, step in enumerate(advice.steps, 1):
        lines += [EMPTY, *_step_lines(number, step, width, advice.safe)]
    return lines


def _step_lines(number: int, step: RetireStep, width: int, safe: bool) -> list[Line]:
    mark = "" if safe else "NOT YET: "
    title = line(
        " ",
        f"{number} ",
        Span(mark, Tone.DOUBT),
        Span(clean(step.title), Tone.STRONG if not step.final else Tone.BAD),
    )
    lines = [title]
    lines += labelled("why", clean(step.why, 600), width) if step.why else []
    if step.verbatim:
        lines += [line(Span(clean(text, 4000), Tone.ACCENT)) for text in step.commands]
    else:
        for at, text in enumerate(step.commands):
            lines += command("run" if at == 0 else "", clean(text, 4000), width)
    if step.final:
        lines += labelled("undo", "NONE: from here there is no way back", width, Tone.BAD)
    elif step.undo:
        lines += labelled("undo", clean(step.undo, 600), width, Tone.DIM)
    return lines
