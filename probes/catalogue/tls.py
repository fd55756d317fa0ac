"""TLS: certificates and handshakes."""

from __future__ import annotations

from .rule import Rule

TLS_RULES: tuple[Rule, ...] = ()
