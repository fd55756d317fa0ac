"""Durations as ingress-nginx and as the Gateway API write them, in seconds."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
# GEP-2257: up to four groups of up to five digits
_ROUTE = re.compile(r"(?:\d{1,5}(?:h|ms|m|s)){1,4}")
_GROUP = re.compile(r"(\d+)(h|ms|m|s)")


def route_seconds(text: str) -> float | None:
    """A duration of a route (GEP-2257: ``1m30s``, ``0s``); None where it is none."""
    if not _ROUTE.fullmatch(text):
        return None
    return sum(int(amount) * _UNITS[unit] for amount, unit in _GROUP.findall(text))


def nginx_seconds(text: str) -> float | None:
    """A number of seconds, with or without an ``s`` behind it; None where it is none."""
    found = re.fullmatch(r"(\d{1,9})s?", text.strip())
    return float(found[1]) if found else None
