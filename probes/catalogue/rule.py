"""One entry of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """``why`` says what it does to traffic, ``mend`` what to do; ``source`` names the GEP, RFC or API doc."""

    id: str
    name: str
    title: str
    why: str
    mend: str
    source: str = ""
