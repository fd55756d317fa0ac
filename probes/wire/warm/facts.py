"""What a cache warm-up fetches and what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# what browsers ask for: a cache keeps packed and plain answers apart (Vary), so warming the plain ones alone
# would leave every browser before a cold cache
BROWSER_ENCODINGS = "gzip, deflate, br, zstd"

# "" of a cache: the answer does not say
CacheState = Literal["hit", "miss", "stale", "bypass", ""]
Cause = Literal["", "errors", "deadline", "interrupted", "local"]


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """``urls`` are fetched ``passes`` times through ``address``, at most ``rate_per_s`` and ``concurrency``
    at once, with ``accept_encoding``.

    ``stop_after_errors`` failed fetches (5xx, 429 or no answer) end it: a warm-up must not become the outage.
    ``timeout_s`` is for each fetch and ``deadline_s`` for all of it (None: none), in seconds. ``expected``
    are statuses by URL that are no error there: a page that refuses the anonymous does so on purpose.
    """

    urls: tuple[str, ...]
    address: str
    rate_per_s: float = 10.0
    concurrency: int = 4
    passes: int = 2
    stop_after_errors: int = 5
    ca_file: str | None = None
    timeout_s: float = 5.0
    accept_encoding: str = BROWSER_ENCODINGS
    deadline_s: float | None = None
    expected: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WarmFetch:
    """One fetch. ``cache`` is hit, miss, stale (kept too long: served or asked anew), bypass, or empty (the
    answer does not say).

    ``cache_headers`` are the headers it was read from; ``age`` is in seconds. ``uncacheable`` says why no
    shared cache would keep the answer, by its own headers; empty where they leave it open. ``vary`` are the
    request headers, in lower case, by which a cache keeps variants apart. ``cut_short``: the body is larger
    than what a probe reads (1 MiB), and was not read to its end.
    """

    url: str
    pass_number: int
    status: int | None
    cache: CacheState = ""
    cache_headers: tuple[tuple[str, str], ...] = ()
    age: int | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    body_bytes: int = 0
    error: str = ""
    error_detail: str = ""
    uncacheable: str = ""
    vary: tuple[str, ...] = ()
    cut_short: bool = False

    @property
    def overloaded(self) -> bool:
        """Whether the other side failed at it or asked for less."""
        return self.status is None or self.status >= 500 or self.status == 429

    @property
    def failed(self) -> bool:
        """Whether a visitor would have got an error."""
        return self.status is None or self.status >= 400


@dataclass(frozen=True, slots=True)
class WarmFacts:
    """All fetches in the order of their end; ``stopped`` says why it ended early, empty where it did
    not, and ``cause`` of which kind that was.
    """

    plan: WarmPlan
    fetches: tuple[WarmFetch, ...] = ()
    stopped: str = ""
    elapsed_ms: float = 0.0
    cause: Cause = ""
