"""Keys as people write them, and the keys of a screen from its bindings: one truth for keyboard and help."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "at": "@",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pagedown": "pgdn",
    "pageup": "pgup",
}
_MANY = 4
APP_BINDINGS = (
    Binding("q", "leave", "back; from browse it quits, and a running cutover is left on disk", show=False),
    # with priority: whatever is asked or shown, one press ends it, as in every other program
    Binding("ctrl+c", "end", "quits at once; a running cutover is left on disk", show=False, priority=True),
)
"""What the application itself takes, on every screen."""


def key_name(key: str) -> str:
    """``ctrl+w`` is ``ctrl-w``, ``slash`` is ``/``."""
    return _NAMES.get(key) or key.replace("+", "-")


def described_keys(bindings: Iterable[BindingType]) -> list[tuple[tuple[str, ...], str]]:
    """The keys of each action in their order, with what they do; keys that do the same stand together."""
    found: dict[str, list[str]] = {}
    for binding in bindings:
        if isinstance(binding, Binding):
            found.setdefault(binding.description, []).extend(binding.key.split(","))
    return [(tuple(keys), what) for what, keys in found.items()]


def keys_text(keys: tuple[str, ...]) -> str:
    """``down j``; a long run of keys by its ends, ``0-9``."""
    names = [key_name(key) for key in keys]
    return f"{names[0]}-{names[-1]}" if len(names) > _MANY else " ".join(names)
