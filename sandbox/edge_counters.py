"""What an edge counts, and how its controller would show it to Prometheus."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

UNKNOWN_HOST = "_"
"""How ingress-nginx labels requests for a host that it does not know."""
_MOST_AGENTS = 64


def agent_prefix(user_agent: str) -> str:
    """The product of a User-Agent without its version: ``curl`` of ``curl/8.1``; ``-`` of none."""
    return user_agent.strip().split("/", 1)[0].split(" ", 1)[0][:64] or "-"


@dataclass(slots=True)
class EdgeCounters:
    """Counts since the edge was made; they only grow, and a key is absent until its first event.

    ``requests`` by (host, method, status); ``agents`` by (host, User-Agent prefix); ``handshakes`` and
    ``handshake_failures`` by the name asked for (empty: none). ``redirects`` counts the plain HTTP listener.
    """

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    agents: Counter[tuple[str, str]] = field(default_factory=Counter)
    handshakes: Counter[str] = field(default_factory=Counter)
    handshake_failures: Counter[str] = field(default_factory=Counter)
    redirects: Counter[str] = field(default_factory=Counter)

    def count_request(self, host: str, method: str, status: int, user_agent: str) -> None:
        """Note one answered request; agents beyond the 64th of all are counted as ``other``."""
        self.requests[host, method, status] += 1
        key = (host, agent_prefix(user_agent))
        if key not in self.agents and len(self.agents) >= _MOST_AGENTS:
            key = (host, "other")
        self.agents[key] += 1

    def by_class(self, host: str | None = None) -> dict[str, int]:
        """Requests by status class (``2xx`` ...) of one host, or of all."""
        classes: Counter[str] = Counter()
        for (name, _, status), count in self.requests.items():
            if host is None or name == host:
                classes[f"{status // 100}xx"] += count
        return dict(classes)

    def total(self, host: str | None = None, *, without_agents: tuple[str, ...] = ()) -> int:
        """Requests of one host, or of all, less those of agents that begin with one of ``without_agents``."""
        return sum(
            count
            for (name, agent), count in self.agents.items()
            if (host is None or name == host) and not (without_agents and agent.startswith(without_agents))
        )
