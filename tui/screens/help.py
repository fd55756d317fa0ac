"""The keys and the words, made from the bindings and the places themselves."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Sequence
from importlib import import_module

from textual.binding import BindingType
from textual.widget import Widget

from ..keys import APP_BINDINGS, described_keys, keys_text
from ..lines import EMPTY, Line, Span, Tone, line, wrapped
from ..places import PLACES
from ..widgets.prompt import Prompt
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

_ORDER = ("everywhere", "tables", "browse", "findings", "checklist", "cutover")
_COLUMN = 17

_FILTERS = (
    ("words", "rows that hold every word: name, namespace, kind, host, parent, FAIL, computed:FAIL"),
    ("^shop/ a|b", "a regular expression, where it has signs of one; ^ and $ are the ends of a field"),
    ("!words !re", "all but those"),
    ("-l app=x,!y", "by labels, as kubectl takes them: = != in notin key !key"),
    ("-f chkt", "fuzzy: these letters in this order"),
)
_WORDS = (
    ("claimed", "what the controller's conditions say"),
    ("computed", "what the Gateway API's rules say, worked out here from the specs alone"),
    ("probed", "the HTTP status that a request met, once the host's checklist ran here"),
    ("! ? ~", "before a row: wrong, could not tell, doubtful"),
    ("+ *", "before a row: new, or its verdict changed, in the last minute"),
    ("UNKNOWN", "could not tell; it opens no gate"),
    ("SKIP", "does not apply, and says why"),
    ("gate", "a step opens only when all its checks PASS, or a WARN was waived by name"),
    ("undo", "the exact inverse of a change, worked out before the change is made"),
)


class HelpScreen(FrameScreen):
    """One page to scroll. The keys of the screen that it was opened from stand first."""

    NAME = "help"

    def __init__(self, opened_from: str = "") -> None:
        super().__init__()
        self._opened_from = opened_from

    def body(self) -> Iterable[Widget]:
        """All of it in one view."""
        yield RowView(id="help", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Out again."""
        return (("j k", "scroll"), ("esc", "back"))

    def where(self) -> str:
        """Help."""
        return "help"

    def on_mount(self) -> None:
        """The page does not change while it is read."""
        view = self.query_one("#help", RowView)
        width = max(self.app.size.width, 40)
        lines = help_lines(self._opened_from, width)
        namespaces = " ".join(
            f"{number} {name}" for number, name in enumerate(["all", *self.pointsman.namespaces()[:9]])
        )
        lines += _section("namespaces now", [("0-9", namespaces)], width)
        note = self.pointsman.settings.practice_note
        if note:
            lines += [line(" ", Span("practice world", Tone.STRONG)), line("   ", note)]
        view.set_rows(Rows.text(lines))
        view.focus()


def screen_classes() -> list[type[FrameScreen]]:
    """Every screen there is, those that are asked for most first."""
    package = (__package__ or "").rpartition(".screens")[0] + ".screens"
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")
    found = [FrameScreen]
    for cls in found:
        found += [sub for sub in cls.__subclasses__() if sub not in found]
    rank = {name: place for place, name in enumerate(_ORDER)}
    return sorted(found, key=lambda cls: (rank.get(section_of(cls), len(_ORDER)), section_of(cls)))


def section_of(cls: type[FrameScreen]) -> str:
    """The heading of a screen's keys: its own NAME, else what its class is called."""
    return str(cls.__dict__.get("NAME") or cls.__name__.removesuffix("Screen").lower())


def own_bindings(cls: type[FrameScreen]) -> list[BindingType]:
    """What a screen binds itself, beside what every screen binds; the frame's are those of all its parts."""
    own = list(cls.__dict__.get("BINDINGS", ()))
    return [*RowView.BINDINGS, *own, *Prompt.BINDINGS, *APP_BINDINGS] if cls is FrameScreen else own


def help_lines(opened_from: str, width: int) -> list[Line]:
    """Keys by screen, the one in front first; then places, filters and words."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for cls in screen_classes():
        rows = [(keys_text(keys), what) for keys, what in described_keys(own_bindings(cls))]
        rows += [("enter", cls.ENTER)] if cls.__dict__.get("ENTER") else []
        if rows:
            sections.setdefault(section_of(cls), []).extend(rows)
    first = [name for name in (opened_from,) if name in sections]
    lines: list[Line] = []
    for name in dict.fromkeys([*first, *sections]):
        lines += _section(name, sections[name], width)
    places = [(f":{place.names[0]}", f"{_aliases(place.names)}{place.what}") for place in PLACES]
    lines += _section("places", places, width)
    lines += _section("after /", list(_FILTERS), width)
    return lines + _section("words", list(_WORDS), width)


def _aliases(names: tuple[str, ...]) -> str:
    return f"{' '.join(names[1:])}: " if len(names) > 1 else ""


def _section(title: str, rows: Sequence[tuple[str, str]], width: int) -> list[Line]:
    lines = [line(" ", Span(title, Tone.STRONG))]
    for key, what in rows:
        first, *rest = wrapped(what, width - _COLUMN - 4)
        lines.append(line("   ", Span(f"{key:<{_COLUMN}}", Tone.ACCENT), first))
        lines += [line(" " * (_COLUMN + 3), row) for row in rest]
    return [*lines, EMPTY]
