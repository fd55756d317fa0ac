"""DNS: name servers, records and caches."""

from __future__ import annotations

from .rule import Rule

DNS_RULES: tuple[Rule, ...] = ()
