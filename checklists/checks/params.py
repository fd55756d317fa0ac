"""How the parameters of a probe are read from a checklist, each with the words that explain it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..plans.fields import argv
from ..plans.yamlmarks import Marked, describe

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class Param:
    """``read`` gives the plain value or raises UserError; ``what`` it may be and what it does, in words."""

    read: Callable[[Marked], Any]
    what: str


def whole(least: int, most: int, does: str) -> Param:
    """A whole number."""
    return Param(lambda marked: marked.whole(least, most), f"{least} to {most}: {does}")


def number(most: float, does: str) -> Param:
    """A number above 0."""
    return Param(lambda marked: marked.number(0, most), f"above 0, at most {most:g}: {does}")


def seconds(most: float, does: str) -> Param:
    """A duration such as ``10s``, kept in seconds."""

    def read(marked: Marked) -> float:
        value = marked.seconds()
        if not 0 < value <= most:
            marked.fail(f"expected more than nothing and at most {most:g}s, got {describe(marked.value)}")
        return value

    return Param(read, f"a duration up to {most:g}s: {does}")


def text(does: str) -> Param:
    """A text of some characters."""
    return Param(lambda marked: " ".join(marked.text().split()), f"a text: {does}")


def program(does: str) -> Param:
    """The words of a command."""
    return Param(lambda marked: list(argv(marked)), f"a list: {does}")


def variables(does: str) -> Param:
    """Names of environment variables; never their values, which may be secret."""

    def read(marked: Marked) -> list[str]:
        names = []
        for item in marked.items():
            name = item.text()
            if not _VARIABLE.fullmatch(name):
                item.fail("expected the name of a variable", "its value stays in the environment")
            names.append(name)
        return names

    return Param(read, f"a list of names: {does}")
