"""What every table does: filter, sort, only faults, wide; and what can be asked of the object selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..host import Aspect
from ..lines import Tone
from ..tables.arrange import Arrangement, Lens, Sort
from ..tables.filters import Filter, parse_filter
from .frame import FrameScreen

Row = TypeVar("Row")


class TableScreen(FrameScreen):
    """Subclasses give ``draw``, ``draw_table`` and ``subject``, and show rows through ``arranged``."""

    NAME = "tables"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter (below); esc clears it", show=False, priority=True),
        Binding("z,ctrl+z", "faults", "only what is wrong, and all again", show=False),
        Binding("N", "sort('name')", "by name; again, reversed", show=False),
        Binding("A", "sort('age')", "by age, newest first; again, oldest first", show=False),
        Binding("S", "sort('status')", "worst first, as it opens; again, best first", show=False),
        Binding("H", "sort('host')", "by host; again, reversed", show=False),
        Binding("ctrl+w", "wide", "wide: age, parents, findings, labels", show=False),
        *(
            Binding(str(number), f"namespace({number})", "0 all namespaces, 1-9 the fullest ones", show=False)
            for number in range(10)
        ),
        Binding("d", "about('describe')", "all that is known of the object", show=False),
        Binding("y", "about('yaml')", "the object as YAML, fetched now", show=False),
        Binding("e", "about('events')", "what controllers said of it: its events, fetched now", show=False),
        Binding("u", "about('used-by')", "who refers to it", show=False),
        Binding("Y,ctrl+y", "copy_name", "copy its name", show=False),
        Binding("t", "twin", "the Ingress beside what replaces it", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.arrangement = Arrangement()

    # -- what subclasses give

    def draw(self) -> None:
        """Everything from the present picture; what did not change is not sent."""
        raise NotImplementedError

    def draw_table(self) -> None:
        """The rows alone."""
        raise NotImplementedError

    def subject(self) -> ObjectRef | None:
        """The object under the cursor."""
        raise NotImplementedError

    def settled(self) -> None:
        """Called when the operator has finished changing what is shown."""

    # -- rows

    def arranged(self, rows: Sequence[Row], lens: Lens[Row]) -> Sequence[Row]:
        """The rows to show. A filter that took too long is read as words from then on."""
        shown, filtered = self.arrangement.apply(rows, lens)
        if filtered is not self.arrangement.filter:
            self.arrangement = replace(self.arrangement, filter=filtered)
        return shown

    def counted(self, shown: int, total: int) -> str:
        """``12 of 412, by host``."""
        count = f"{shown} of {total}" if shown != total else str(total)
        order = self.arrangement.sorted_words
        return f"{count}, {order}" if order else count

    def hidden_words(self) -> list[str]:
        """What hides rows, for the line that says where we are."""
        words = [f"filter {clean(self.arrangement.filter.text, 60)!r}"] if self.arrangement.filter else []
        words += ["faults only"] if self.arrangement.faults else []
        names = self.pointsman.shown_namespaces
        return words + ([f"only {clean(', '.join(names), 60)}"] if names is not None else [])

    def picture_changed(self) -> None:
        """The cluster changed."""
        self.draw()

    # -- keys

    def action_back(self) -> None:
        """Escape: first what hides rows goes, then the screen."""
        if self.arrangement.hides:
            self.arrangement = replace(self.arrangement, filter=parse_filter(""), faults=False)
            self.draw()
            self.settled()
        else:
            super().action_back()

    def action_filter(self) -> None:
        """Rows are hidden while the words are typed."""
        before = self.arrangement.filter

        def show(wanted: Filter) -> None:
            self.arrangement = replace(self.arrangement, filter=wanted)
            self.draw_table()
            told = self.arrangement.filter
            self.prompt.hint(told.told if told else "", Tone.DOUBT if told.problem else Tone.DIM)

        def answered(text: str) -> None:
            show(parse_filter(text))
            self.draw()
            problem = self.arrangement.filter.problem
            self.say(clean(problem, 120) if problem else "", Tone.DOUBT)
            self.settled()

        def gave_up() -> None:
            show(before)
            self.draw()

        self.ask(
            "/", answered, value=before.text, change=lambda text: show(parse_filter(text)), gave_up=gave_up
        )

    def action_faults(self) -> None:
        """Only what is wrong."""
        self.arrangement = replace(self.arrangement, faults=not self.arrangement.faults)
        self.draw()
        self.settled()

    def action_sort(self, sort: Sort) -> None:
        """Order the rows; the same key again turns them round."""
        self.arrangement = self.arrangement.by(sort)
        self.draw()

    def action_wide(self) -> None:
        """More columns."""
        self.arrangement = replace(self.arrangement, wide=not self.arrangement.wide)
        self.draw()

    def action_namespace(self, number: int) -> None:
        """Only one of the fullest namespaces, or all."""
        names = self.pointsman.namespaces()
        if number == 0:
            self.pointsman.narrow(())
        elif number <= len(names):
            self.pointsman.narrow((names[number - 1],))
        else:
            self.say(f"there are {len(names)} namespaces with routes", Tone.DOUBT)
            return
        self.draw()
        self.settled()

    def action_about(self, aspect: Aspect) -> None:
        """All that is known of the object, its YAML, its events, or who refers to it."""
        subject = self.subject()
        if subject is not None:
            self.pointsman.open_about(aspect, subject.whole)

    def action_copy_name(self) -> None:
        """To the terminal's own clipboard (OSC 52), through SSH too."""
        subject = self.subject()
        if subject is not None:
            self.app.copy_to_clipboard(subject.section or subject.name)
            self.say(f"copied: {clean(subject.section or subject.name, 80)}", Tone.GOOD)

    def selected_hosts(self) -> tuple[str, ...]:
        """The hosts of the object under the cursor, where it has some."""
        return ()

    def action_twin(self) -> None:
        """The old beside the new: of the Ingress selected, else of those that have the route's hosts."""
        subject = self.subject()
        is_ingress = subject is not None and subject.kind == "Ingress"
        hosts = () if is_ingress else self.selected_hosts()
        self.pointsman.open_twin(hosts, subject if is_ingress else None)
