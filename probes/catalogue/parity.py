"""PAR: what a client would notice between the old side and the new side."""

from __future__ import annotations

from .rule import Rule

PARITY_RULES: tuple[Rule, ...] = ()
