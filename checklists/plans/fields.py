"""What several parts of a plan are read with: names, files, argument vectors."""

from __future__ import annotations

import re
from pathlib import Path

from .yamlmarks import Marked, describe

HOST = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def matching(marked: Marked, pattern: re.Pattern[str], what: str) -> str:
    """The text, which has to match as a whole."""
    text = marked.text()
    # fullmatch: a $ alone would let a final newline pass
    if not pattern.fullmatch(text):
        marked.fail(f"expected {what}, got {describe(text)}")
    return text


def askable_path(text: str) -> bool:
    """Whether it can stand in a request line as it is: a fragment never leaves the client."""
    return text.startswith("/") and text.isascii() and text.isprintable() and not re.search(r"[ #]", text)


def file_beside(marked: Marked, directory: Path) -> str:
    """A file's absolute path; a relative one is relative to the plan."""
    return str((directory / marked.text()).resolve())


def argv(marked: Marked) -> tuple[str, ...]:
    """A command as its words; a single text would need a shell, and none is ever used."""
    if isinstance(marked.value, str):
        marked.fail("expected a list of words, got text", "no shell is used: [program, argument]")
    return tuple(item.text() for item in marked.items(1))
