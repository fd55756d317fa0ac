"""HTTP: requests by address."""

from __future__ import annotations

from .rule import Rule

HTTP_RULES: tuple[Rule, ...] = ()
