"""What an edge is told: its routing, and the faults to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .pki import Certificate

Controller = Literal["ingress-nginx", "envoy"]
"""Whose manners an edge has: headers, redirect status, metrics, what it serves to an unknown name."""


@dataclass(frozen=True, slots=True)
class EdgeRule:
    """One path and what answers it.

    ``status`` is the backend's answer (500 or 503 where the backend is broken). ``headers`` are added to
    the answer, or replace the edge's own of that name. Rules of the same host, kind and path share the
    requests by ``weight``, evenly spaced.
    """

    path: str
    kind: Literal["Exact", "Prefix"]
    backend: str
    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    weight: int = 1


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """One host name (``*.`` in front: every name below it) with its rules and its certificate.

    Without a certificate the edge does what its controller would: a default certificate, or no handshake.
    """

    host: str
    rules: tuple[EdgeRule, ...]
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong for one host, from the next handshake or request on.

    ``error_share`` is the share (0 to 1) of requests answered with ``error_status``: evenly spaced, or by
    chance where ``error_random`` is set. ``delay_s`` holds back each answer. ``missing_paths`` (and all below
    them) answer 404. ``dropped_headers`` are left out of every answer.
    """

    missing_intermediate: bool = False
    default_certificate: bool = False
    refuse_handshake: bool = False
    error_share: float = 0.0
    error_status: int = 503
    error_random: bool = False
    delay_s: float = 0.0
    missing_paths: tuple[str, ...] = ()
    dropped_headers: tuple[str, ...] = ()

    def merged(self, other: Faults) -> Faults:
        """Everything that is wrong in either; the larger share (with its status) and the longer delay."""
        worse = self if self.error_share >= other.error_share else other
        return Faults(
            missing_intermediate=self.missing_intermediate or other.missing_intermediate,
            default_certificate=self.default_certificate or other.default_certificate,
            refuse_handshake=self.refuse_handshake or other.refuse_handshake,
            error_share=worse.error_share,
            error_status=worse.error_status,
            error_random=worse.error_random,
            delay_s=max(self.delay_s, other.delay_s),
            missing_paths=self.missing_paths + other.missing_paths,
            dropped_headers=self.dropped_headers + other.dropped_headers,
        )


NO_FAULTS = Faults()
EVERY_HOST = "*"
"""The key in an edge's faults that means all hosts."""
