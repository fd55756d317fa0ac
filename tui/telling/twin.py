"""An Ingress beside its successor as lines: two columns, or one above the other where it is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, fit, labelled, line, wrapped
from .findings import finding_lines, mark, short

if TYPE_CHECKING:
    from ...cluster.refs import ObjectRef
    from ...cluster.snapshot import Snapshot
    from ...probes.state.twin.annotations import AnnotationTwin
    from ...probes.state.twin.answers import Answer
    from ...probes.state.twin.paths import PathTwin
    from ...probes.state.twin.twin import Twin

# below this the two sides stand one above the other
_LEAST = 96
_BAD = frozenset({"none", "different backend", "missing", "policy, missing", "OPEN: waive by name"})
_GOOD = frozenset({"same", "about the same", "policy", "no effect"})


def twin_lines(twin: Twin, findings: Sequence[Finding], width: int) -> list[Line]:
    """Everything about one Ingress: paths, annotations, certificates, what stands around it, findings."""
    columns = _Columns(width)
    lines = _title(twin, columns)
    if not twin.twinned:
        return [*lines, EMPTY, *_findings(findings, width)]
    for host in twin.hosts:
        if not host.has_twin:
            lines += columns.row(_host(host.host), "no route is meant for it", "none")
        for path in host.paths:
            lines += _path_lines(path, columns)
    for extra in twin.extras:
        lines += columns.row("", _answer(extra.answer), "only new")
    lines += _annotation_block(twin.annotations, columns)
    if twin.tls:
        lines += [EMPTY, columns.heading("certificates", "")]
        for tls in twin.tls:
            state = "same" if tls.same else "another" if tls.listener else "?" if tls.unknown else "none"
            lines += columns.row(f"{_host(tls.host)}  {tls.old}", tls.new, state)
            lines += columns.note(tls.words)
    lines += [EMPTY, *_findings(findings, width)]
    ends = [one for one in twin.defaults if one.state.value == "ends"]
    if ends:
        lines += [columns.heading("defaults of ingress-nginx", "what ends with them")]
        for one in ends:
            lines += columns.row(f"{one.short}: {clean(one.value, 60)}", one.becomes, "ends")
    return lines


def _findings(findings: Sequence[Finding], width: int) -> list[Line]:
    shown = [one for one in findings if one.verdict is not Verdict.PASS and one.rule != "MIG016"]
    lines: list[Line] = []
    for one in shown:
        lines += [*finding_lines(one, width), EMPTY]
    return lines or [line(" ", Span("nothing found that differs", Tone.GOOD)), EMPTY]


class _Columns:
    """How wide the sides are; a row is one line, or two where it is narrow."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.stacked = width < _LEAST
        self.state = 19
        room = width - 1 - self.state - 2
        self.left = width - 2 if self.stacked else room * 46 // 100
        self.right = room - 2 if self.stacked else room - self.left - 1

    def heading(self, left: str, right: str) -> Line:
        """The titles of the two sides."""
        if self.stacked:
            between = f"  {right}" if right else ""
            return line(" ", Span(fit(left + between, self.width - 2).rstrip(), Tone.STRONG))
        return line(" ", Span(fit(left, self.left), Tone.STRONG), " ", Span(right, Tone.STRONG))

    def headings(self, left: str, right: str) -> list[Line]:
        """The same of long names: what does not fit goes on below."""
        if self.stacked:
            return [self.heading(one, "") for one in (*wrapped(left, self.left), *wrapped(right, self.left))]
        pairs = zip_longest(wrapped(left, self.left), wrapped(right, self.right), fillvalue="")
        return [self.heading(*pair) for pair in pairs]

    def row(self, left: str, right: str, state: str) -> list[Line]:
        """Old, new, and how they compare; what does not fit goes on below."""
        tone = Tone.BAD if state in _BAD else Tone.PLAIN if state in _GOOD else Tone.DOUBT
        olds, news = wrapped(left, self.left), wrapped(right, self.right)
        if self.stacked:
            lines = [line(" ", one) for one in olds if left]
            lines += [line("   ", one) for one in news[:-1]]
            return [*lines, line("   ", fit(news[-1], self.right), "  ", Span(state, tone))]
        lines = []
        for number, (old, new) in enumerate(zip_longest(olds, news, fillvalue="")):
            told = Span(state if number == 0 else "", tone)
            lines.append(line(" ", fit(old, self.left), " ", fit(new, self.right), "  ", told))
        return lines

    def note(self, text: str) -> list[Line]:
        """A dim line under a row, wrapped."""
        return labelled("", clean(text, 400), self.width, Tone.DIM, indent=1) if text else []


def _title(twin: Twin, columns: _Columns) -> list[Line]:
    ref = twin.ingress.ref
    old = f"INGRESS {short(ref)} ({clean(twin.class_name or 'no class', 40)})"
    gateways = ", ".join(short(one) for one in twin.gateways[:3])
    return columns.headings(old, f"GATEWAY {gateways}" if gateways else "no Gateway yet")


def _host(host: str) -> str:
    return clean(host, 253) or "any host"


def _path_lines(path: PathTwin, columns: _Columns) -> list[Line]:
    targets = ", ".join(str(one) for one in path.old.targets) or "no backend"
    kind = "regex" if path.old.pattern.kind == "regex" else path.old.path_type
    old = f"{_host(path.host)}  {clean(path.old.path, 120)}  {clean(kind, 30)}  {clean(targets, 120)}"
    new = _answer(path.new) if path.new is not None else "nothing answers"
    lines = columns.row(old, new, path.likeness.value)
    for example in path.examples[:3]:
        words = f"{clean(example.request, 120)}: was {clean(example.old, 120)}, now {clean(example.new, 120)}"
        lines += columns.note(words)
    return lines + columns.note(path.reason)


def _answer(answer: Answer) -> str:
    from ...probes.state.twin.findings import answer_words

    return answer_words(answer)


def _annotation_block(annotations: Sequence[AnnotationTwin], columns: _Columns) -> list[Line]:
    if not annotations:
        return [EMPTY, line(" ", Span("no annotation that a proxy reads", Tone.DIM))]
    lines = [EMPTY, columns.heading("annotations", "becomes")]
    for one in annotations:
        value = f": {clean(one.value, 120)}" if one.value else ""
        default = " (default)" if one.implied else ""
        lines += columns.row(
            f"{clean(one.short, 120)}{value}{default}", one.becomes or "nothing here", one.state.value
        )
        lines += columns.note(one.words)
    return lines


def ingresses_of(snapshot: Snapshot, hosts: Sequence[str]) -> tuple[ObjectRef, ...]:
    """The Ingresses that have a rule for one of ``hosts``; case does not matter."""
    wanted = {host.lower() for host in hosts}
    return tuple(
        ref
        for ref, one in sorted(snapshot.ingresses.items())
        if wanted & {host.lower() for host in one.hosts}
    )


def list_line(twin: Twin, findings: Sequence[Finding], width: int) -> Line:
    """One Ingress in a list: its worst verdict, its name, its hosts, and how far it is."""
    verdict = worst(one.verdict for one in findings) if findings else Verdict.SKIP
    hosts = ", ".join(_host(one.host) for one in twin.hosts)
    paths = [path for host in twin.twinned for path in host.paths]
    same = sum(path.likeness.value == "same" for path in paths)
    state = f"{same} of {len(paths)} paths same" if twin.twinned else "no twin yet"
    if twin.unseen and not twin.twinned:
        state = "cannot tell"
    count = sum(one.verdict.badness > Verdict.PASS.badness for one in findings)
    told = f"{count} to look at" if count else ""
    name = fit(short(twin.ingress.ref), 28 if width >= 100 else 22)
    room = max(width - len(name) - 2 - 22 - 14 - 2, 10)
    tone = Tone.DIM if not twin.twinned else Tone.PLAIN
    return line(mark(verdict), " ", Span(name, Tone.STRONG), " ", Span(fit(hosts, room), tone), " ",
                Span(fit(state, 21), tone), Span(told, Tone.DOUBT))  # fmt: skip


def twin_facts(twin: Twin) -> dict[str, Any]:
    """A twin as JSON: what the lines say, in fields."""
    return {
        "ingress": {"namespace": twin.ingress.meta.namespace, "name": twin.ingress.meta.name},
        "class": twin.class_name,
        "nginx": twin.nginx,
        "controller": twin.controller,
        "gateways": [f"{ref.namespace}/{ref.name}" for ref in twin.gateways],
        "hosts": [
            {
                "host": host.host,
                "has_twin": host.has_twin,
                "routes": [f"{ref.kind} {ref.namespace}/{ref.name}" for ref in host.new.all_routes],
                "paths": [_path_facts(path) for path in host.paths],
            }
            for host in twin.hosts
        ],
        "only_new": [
            {"host": one.host, "request": one.request, "answer": _answer(one.answer)} for one in twin.extras
        ],
        "annotations": [_annotation_facts(one) for one in twin.annotations],
        "defaults": [_annotation_facts(one) for one in twin.defaults],
        "tls": [
            {"host": one.host, "old": one.old, "new": one.new, "same": one.same, "words": one.words}
            for one in twin.tls
        ],
    }


def _path_facts(path: PathTwin) -> dict[str, Any]:
    return {
        "path": path.old.path,
        "path_type": path.old.path_type,
        "backends": [str(one) for one in path.old.targets],
        "likeness": path.likeness.value,
        "answered_by": _answer(path.new) if path.new is not None else None,
        "reason": path.reason,
        "differences": [
            {"request": one.request, "kind": one.kind.value, "old": one.old, "new": one.new}
            for one in path.examples
        ],
    }


def _annotation_facts(one: AnnotationTwin) -> dict[str, Any]:
    return {
        "key": one.key,
        "value": one.value,
        "implied": one.implied,
        "becomes": one.becomes,
        "state": one.state.value,
        "words": one.words,
        "security": one.security,
    }
