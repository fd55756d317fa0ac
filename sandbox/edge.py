"""The practice edges: a TLS proxy in the manner of ingress-nginx, and one in the manner of Envoy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .edge_counters import EdgeCounters
from .edge_model import Controller, EdgeRule, Faults, VirtualHost

__all__ = ["Edge", "EdgeCounters", "EdgeRule", "Faults", "VirtualHost", "start_together"]


class Edge:
    """One edge on its own loopback address; see ``configure`` and ``faults``."""

    def __init__(
        self,
        name: str,
        address: str,
        directory: Path,
        *,
        controller: Controller | None = None,
        miss_delay_s: float = 0.0,
    ) -> None:
        self.name = name
        self.address = address
        self.controller: Controller = controller or ("envoy" if name == "new" else "ingress-nginx")
        self.faults: dict[str, Faults] = {}
        self.counters = EdgeCounters()
        self.port = 0
        self.http_port = 0

    def configure(self, hosts: Mapping[str, VirtualHost]) -> None:
        """Replace the whole routing."""
        raise NotImplementedError

    async def start(self, port: int = 0, http_port: int = 0) -> int:
        """Listen; returns the HTTPS port. The plain HTTP one is ``http_port``."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close every connection and both listeners."""
        raise NotImplementedError

    def prometheus_text(self) -> str:
        """The counters as the controller's own metrics."""
        raise NotImplementedError


async def start_together(*edges: Edge) -> int:
    """Start ``edges`` on one HTTPS port that is free on all of their addresses; returns the port."""
    raise NotImplementedError
