"""What a cache warm-up fetches and what it saw."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """``urls`` are fetched ``passes`` times through ``address``, at most ``rate_per_s`` and ``concurrency``
    at once.

    ``stop_after_errors`` failed fetches (5xx or no answer) end it: a warm-up must not become the outage.
    ``timeout_s`` is for each fetch, in seconds.
    """

    urls: tuple[str, ...]
    address: str
    rate_per_s: float = 10.0
    concurrency: int = 4
    passes: int = 2
    stop_after_errors: int = 5
    ca_file: str | None = None
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class WarmFetch:
    """One fetch. ``cache`` is hit, miss, stale, bypass or empty (the answer does not say).

    ``cache_headers`` are the headers it was read from; ``age`` is in seconds.
    """

    url: str
    pass_number: int
    status: int | None
    cache: str = ""
    cache_headers: tuple[tuple[str, str], ...] = ()
    age: int | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    body_bytes: int = 0
    error: str = ""
    error_detail: str = ""


@dataclass(frozen=True, slots=True)
class WarmFacts:
    """All fetches in the order of their end; ``stopped`` says why it ended early, empty where it did
    not.
    """

    plan: WarmPlan
    fetches: tuple[WarmFetch, ...] = ()
    stopped: str = ""
    elapsed_ms: float = 0.0
