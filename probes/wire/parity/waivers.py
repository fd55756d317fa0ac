"""Differences that somebody accepted by name, with the reason. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from .differences import Difference

# letting the anonymous in is never a matter of taste
NEVER = frozenset({"PAR010"})


@dataclass(frozen=True, slots=True)
class Waiver:
    """``path`` and ``field`` may hold ``*`` for anything; ``field`` is a field's name or a rule's id.

    ``path`` is compared with the path without its query; ``host`` empty is any host. ``where`` says where the
    waiver stands (file and line).
    """

    path: str
    field: str
    reason: str
    host: str = ""
    where: str = ""

    def covers(self, difference: Difference) -> bool:
        """Whether it is about this difference."""
        if difference.rule in NEVER:
            return False
        try:
            parts = urlsplit(difference.question.url)
        except ValueError:
            return False
        if self.host and not _pattern(self.host.lower()).fullmatch(parts.hostname or ""):
            return False
        if not _pattern(self.path).fullmatch(parts.path or "/"):
            return False
        named = {
            difference.rule.lower(),
            difference.field.lower(),
            difference.field.lower().partition(" ")[2],
        }
        wanted = _pattern(self.field.lower())
        return any(wanted.fullmatch(name) for name in named if name)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", text)), re.DOTALL)


def waiver_for(difference: Difference, waivers: Sequence[Waiver]) -> Waiver | None:
    """The first waiver that covers a difference."""
    return next((waiver for waiver in waivers if waiver.covers(difference)), None)
