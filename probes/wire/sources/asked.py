"""One request that somebody makes, and where we know that from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """``target`` is path and query as they stand in a request line; ``host`` is empty where unknown.

    ``count`` says how often it was seen (1 where the source does not count); ``origin`` is where it stands:
    ``access.log:17``, ``openapi.yaml /orders/{id}``.
    """

    method: str
    target: str
    host: str = ""
    count: int = 1
    origin: str = ""
