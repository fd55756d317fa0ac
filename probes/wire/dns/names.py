"""Names as answers write them: lower case, with the final dot. Pure."""

from __future__ import annotations

from collections.abc import Iterator


def absolute(name: str) -> str:
    """Lower case with the final dot."""
    return name.lower().rstrip(".") + "."


def parent_of(name: str) -> str:
    """The name without its first label; the root's is the root."""
    rest = name.partition(".")[2]
    return rest or "."


def ancestors(name: str) -> Iterator[str]:
    """``name`` and every name above it, the root last."""
    while name != ".":
        yield name
        name = parent_of(name)
    yield name


def depth(name: str) -> int:
    """How many labels."""
    return 0 if name == "." else name.count(".")


def within(name: str, zone: str) -> bool:
    """Whether ``name`` is ``zone`` or below it."""
    return zone == "." or name == zone or name.endswith("." + zone)
