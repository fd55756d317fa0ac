"""How long things may take, in one place, so that tests can be quick where people must be patient."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds.

    With the defaults a server that falls silent is told within 17 s: an interval, then one question on the
    kept connection (``beat_timeout_s``), then one on a fresh one (as long to connect, as long to answer).
    """

    # between heartbeats while the server answers, and while it does not
    beat_s: float = 5.0
    beat_again_s: float = 2.0
    beat_timeout_s: float = 4.0
    # a bookmark comes about once a minute, the first byte of a watch at once; one that dies alone behind a
    # proxy that keeps its connection open is noticed only when its bookmark does not come
    watch_open_s: float = 15.0
    watch_read_s: float = 85.0
    # what the server is asked to end a watch after
    watch_life_s: float = 290.0
    backoff_first_s: float = 0.5
    backoff_most_s: float = 8.0
    # while the heartbeat gets no answer, all else is tried this rarely
    blind_s: float = 30.0
    denied_retry_s: float = 60.0
    poll_s: float = 30.0
    rediscover_s: float = 120.0
    # where CRDs cannot be watched, nothing else says that a kind came or went
    rediscover_blind_s: float = 20.0
    # a new CRD is served a moment after it exists, so look soon and then again
    after_crd_change_s: tuple[float, ...] = (0.2, 1.0, 4.0)
    # how long other kinds let the first page of routes go ahead
    head_start_s: float = 1.0
