"""Which rule of an edge answers a request: pure look-ups, by the Gateway API's order of precedence."""

from __future__ import annotations

from collections.abc import Mapping

from .edge_model import EdgeRule, VirtualHost


def host_of(header: str) -> str:
    """The host of a Host header: lower case, without a port; the brackets of an IPv6 address stay."""
    host = header.strip().lower()
    if host.endswith("]") or ":" not in host:
        return host
    return host.rpartition(":")[0]


class Routing:
    """An unchangeable table of hosts."""

    def __init__(self, hosts: Mapping[str, VirtualHost]) -> None:
        self._hosts = {name.lower(): host for name, host in hosts.items()}

    def find(self, name: str) -> VirtualHost | None:
        """The host of exactly that name, else that of the longest wildcard above it (GEP-1058), else None."""
        exact = self._hosts.get(name)
        if exact is not None:
            return exact
        rest = name
        while "." in rest:
            rest = rest.split(".", 1)[1]
            wildcard = self._hosts.get(f"*.{rest}")
            if wildcard is not None:
                return wildcard
        return None


def matches(rule_path: str, path: str) -> bool:
    """Whether ``path`` is ``rule_path`` or below it, element by element: /api holds /api/x, never /apis."""
    prefix = rule_path.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")


def rules_for(host: VirtualHost, path: str) -> tuple[EdgeRule, ...]:
    """The rules that share ``path``: an exact match, else the longest prefix, else none."""
    exact = tuple(rule for rule in host.rules if rule.kind == "Exact" and rule.path == path)
    if exact:
        return exact
    prefixes = [rule for rule in host.rules if rule.kind == "Prefix" and matches(rule.path, path)]
    longest = max((len(rule.path.rstrip("/")) for rule in prefixes), default=0)
    return tuple(rule for rule in prefixes if len(rule.path.rstrip("/")) == longest)


class Turns:
    """Shares requests out by weight, evenly spaced and the same each time (smooth weighted round robin)."""

    def __init__(self, rules: tuple[EdgeRule, ...]) -> None:
        self._rules = tuple(rule for rule in rules if rule.weight > 0)
        self._credit = [0] * len(self._rules)

    def next(self) -> EdgeRule | None:
        """Whose turn it is; None where every weight is 0."""
        if not self._rules:
            return None
        for index, rule in enumerate(self._rules):
            self._credit[index] += rule.weight
        winner = max(range(len(self._rules)), key=self._credit.__getitem__)
        self._credit[winner] -= sum(rule.weight for rule in self._rules)
        return self._rules[winner]


def falls_due(count: int, share: float) -> bool:
    """Whether the ``count``-th event (from 1) is one of the evenly spaced ``share`` (0 to 1) of them."""
    # Rounded, because 100 x 0.29 is a hair below 29 in binary.
    return int(round(count * share, 9)) > int(round((count - 1) * share, 9))
