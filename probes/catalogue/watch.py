"""MON: the watch after the switch."""

from __future__ import annotations

from .rule import Rule

WATCH_RULES: tuple[Rule, ...] = ()
