"""Everything that was found, worst first, with all that is known of the one selected."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.verdict import Finding
from ..lines import Line, Span, Tone, fit, line, verdict_span
from ..tables.arrange import Lens
from ..tables.filters import Haystacks, haystack
from ..telling.findings import finding_lines
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .table import TableScreen


class FindingsScreen(TableScreen):
    """Enter goes to the object on browse; ``y`` copies the command that shows the same."""

    DEFAULT_CSS = """
    FindingsScreen #findings { height: 1fr; }
    FindingsScreen #finding { height: 1fr; }
    """
    NAME = "findings"
    ENTER = "to the object, on browse or in the table of its kind"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,Y,ctrl+y", "copy_command", "copy the command that shows the same", show=False),
        Binding("tab", "other_side", "into the text below and back", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._by_key: dict[Hashable, Finding] = {}
        self._haystacks: Haystacks[Finding] = Haystacks(_text, _key)

    def body(self) -> Iterable[Widget]:
        """Rows above, the selected one in full below."""
        yield Bar(id="findings-title")
        yield RowView(id="findings")
        yield Rule(id="finding-title")
        yield RowView(id="finding", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """The most used."""
        return (
            ("enter", "go to it"),
            ("/", "filter"),
            ("y", "copy command"),
            ("d", "describe"),
            ("e", "events"),
            ("i", "kinds"),
            ("?", "help"),
            ("esc", "back"),
        )

    def where(self) -> str:
        """What hides rows."""
        return " · ".join(["findings", *self.hidden_words()])

    def on_mount(self) -> None:
        """Rows have the focus."""
        self.query_one("#findings", RowView).focus()
        self.draw()

    def on_resize(self) -> None:
        """Text wraps by the width."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Table, details, frame."""
        if not self.standing:
            return
        self.draw_table()
        self._draw_finding()
        self.show_frame()

    def draw_table(self) -> None:
        """The findings as they are asked for."""
        width = max(self.size.width, 40)
        findings = sorted(self.pointsman.picture.findings, key=_by_badness)
        self._by_key = {_key(one): one for one in findings}
        shown = self.arranged(findings, self._lens())
        title = line("  ", Span(f"FINDINGS {self.counted(len(shown), len(findings))}", Tone.STRONG))
        self.query_one("#findings-title", Bar).show(title, line(Span(self._untold(), Tone.DOUBT), " "))
        view = self.query_one("#findings", RowView)
        if shown:
            view.set_rows(Rows([_key(one) for one in shown], lambda index: _row(shown[index], width)))
        else:
            view.set_rows(Rows.text([line("  ", Span(self._nothing(), Tone.DIM))]))

    def _lens(self) -> Lens[Finding]:
        return Lens(
            worst=lambda one: one.verdict,
            text=self._haystacks,
            labels=lambda one: {},
            name=lambda one: (str(one.subject), one.rule),
            created=lambda one: "",
            host=lambda one: "" if isinstance(one.subject, ObjectRef) else one.subject.host,
        )

    def _untold(self) -> str:
        """What could not be read, and so not be judged."""
        troubled = self.pointsman.picture.overview.troubled_kinds
        states = sorted({state.state for state in troubled.values()})
        return f"{len(troubled)} kinds {', '.join(states)}: i" if troubled else ""

    def _nothing(self) -> str:
        if self.arrangement.hides:
            return "nothing matches; esc clears"
        if self.pointsman.picture.snapshot.version == 0:
            return "connecting ..."
        return "nothing wrong found" + (" in what could be read" if self._untold() else "")

    def _draw_finding(self) -> None:
        found = self._selected()
        rule, view = self.query_one("#finding-title", Rule), self.query_one("#finding", RowView)
        if found is None:
            rule.show(())
            view.set_rows(Rows.of(()))
            return
        rule.show(line(" ", Span(f"{found.rule} {found.name}", Tone.STRONG), " "))
        lines = finding_lines(found, max(self.size.width, 40), with_subject=True)
        view.set_rows(Rows.text(lines))
        self.pointsman.remember([found.reproduce])

    def _selected(self) -> Finding | None:
        key = self.query_one("#findings", RowView).cursor_key
        return self._by_key.get(key) if key is not None else None

    def subject(self) -> ObjectRef | None:
        """The object that the finding is about."""
        found = self._selected()
        return found.subject if found is not None and isinstance(found.subject, ObjectRef) else None

    def on_row_view_moved(self, event: RowView.Moved) -> None:
        """The text follows the cursor."""
        if event.view.id == "findings" and self.standing:
            self._draw_finding()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter."""
        subject = self.subject()
        if subject is not None:
            self.pointsman.jump(subject)

    def action_other_side(self) -> None:
        """To the text and back."""
        text = self.query_one("#finding", RowView)
        (self.query_one("#findings", RowView) if text.has_focus else text).focus()

    def action_copy_command(self) -> None:
        """To the terminal's own clipboard (OSC 52), through SSH too."""
        found = self._selected()
        if found is not None and found.reproduce:
            self.app.copy_to_clipboard(found.reproduce)
            self.say(f"copied: {clean(found.reproduce, 90)}", Tone.GOOD)
        else:
            self.say("no command shows this", Tone.DOUBT)


def _by_badness(finding: Finding) -> tuple[int, str, str]:
    return -finding.verdict.badness, finding.rule, str(finding.subject)


def _key(finding: Finding) -> Hashable:
    return finding.rule, finding.subject, finding.summary


def _text(finding: Finding) -> str:
    return haystack(
        clean(str(finding.subject)), finding.rule, finding.name, finding.verdict.value, clean(finding.summary)
    )


def _row(finding: Finding, width: int) -> Line:
    subject_width = min(34, width // 3)
    used = 1 + 8 + 8 + subject_width + 1
    return line(
        " ",
        verdict_span(finding.verdict, 8),
        Span(f"{finding.rule:<8}", Tone.STRONG),
        fit(clean(str(finding.subject)), subject_width) + " ",
        fit(clean(finding.summary), max(width - used, 8)),
    )
