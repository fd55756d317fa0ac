"""GW: the state of Gateway API objects."""

from __future__ import annotations

from .rule import Rule

GATEWAY_RULES: tuple[Rule, ...] = ()
