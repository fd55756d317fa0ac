"""One request that somebody makes, and where we know that from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """``target`` is path and query as they stand in a request line; ``host`` is empty where unknown.

    ``count`` says how often it was seen (1 where the source does not count); ``origin`` is where it stands:
    ``access.log:17``, ``openapi.yaml /orders/{id}``. ``scheme`` is http, https or empty and ``port`` 0 where
    the source does not say.
    """

    method: str
    target: str
    host: str = ""
    count: int = 1
    origin: str = ""
    scheme: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """What a file held: its kind, the requests (most asked first where the source counts), and notes.

    ``notes`` are one line each about what was left out and why. ``entries`` counts what was read (lines,
    operations, URLs) and ``left_out`` what of it is not among the requests.
    """

    kind: str
    asked: tuple[Asked, ...]
    notes: tuple[str, ...] = ()
    entries: int = 0
    left_out: int = 0
