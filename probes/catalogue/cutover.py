"""CUT: the cutover itself."""

from __future__ import annotations

from .rule import Rule

CUTOVER_RULES: tuple[Rule, ...] = ()
