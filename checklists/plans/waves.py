"""Many hosts in waves: which of them go together, which go first, and the plan of one wave. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .model import Plan

MOST_IN_WAVE = 5
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class HostTies:
    """What binds a host to others. ``weight`` is its traffic, or whatever stands for it: more is riskier.

    ``certificate`` is that which the new side serves for it (a hash or a name, empty where not known), and
    ``names`` (lower case) what it is for. ``cookie_domains`` are those that its cookies are set for.
    """

    host: str
    weight: float = 0.0
    certificate: str = ""
    names: frozenset[str] = frozenset()
    cookie_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedWave:
    """Hosts that go together, and why they do, or why they go now."""

    hosts: tuple[str, ...]
    reasons: tuple[str, ...]


def wave_plan(plan: Plan, index: int) -> Plan:
    """The plan of one wave (from 0), as if its hosts were all: for them, everything else stays as it is.

    The name stays as well, so that several hosts are confirmed by what their operator knows; one host by
    itself. A plan without waves is one wave. IndexError where there is no such wave.
    """
    waves = plan.waves or (plan.hosts,)
    hosts = waves[index]
    return replace(
        plan,
        hosts=hosts,
        paths=tuple(
            replace(path, hosts=tuple(host for host in path.hosts if host in hosts))
            for path in plan.paths
            if not path.hosts or set(path.hosts) & set(hosts)
        ),
        waves=(),
        other_hosts=tuple(host for wave in waves if wave is not hosts for host in wave),
    )


def propose_waves(
    hosts: Iterable[HostTies], canary: str = "", most: int = MOST_IN_WAVE
) -> tuple[ProposedWave, ...]:
    """The canary alone, then the others, at most ``most`` in a wave; none for a single host.

    Hosts that share a cookie of a parent domain stay in one wave while it holds them; those that share a
    certificate stand in one wave or in neighbouring ones. The same for the same hosts in whatever order.
    ValueError where ``canary`` is none of them.
    """
    ties = {one.host: one for one in sorted(hosts, key=lambda one: one.host)}
    if canary and canary not in ties:
        raise ValueError(f"{canary} is none of the hosts")
    if len(ties) < 2:
        return ()
    bonds = _groups(ties, lambda one, other: bool(_common_domain(one, other)))
    first, why = _canary(ties, bonds, canary)
    rest = [[host for host in group if host != first] for group in bonds]
    ordered = _in_order(ties, [group for group in rest if group], first)
    waves = [ProposedWave((first,), (why, *_left_behind(ties, bonds, first)))]
    waves += [
        ProposedWave(tuple(group), tuple(_reasons(ties, group, bonds))) for group in _packed(ordered, most)
    ]
    return tuple(waves)


def _groups(ties: dict[str, HostTies], bound: Callable[[HostTies, HostTies], bool]) -> list[list[str]]:
    """The hosts in groups of which each member is bound to another one of it."""
    left = list(ties)
    groups = []
    while left:
        group, todo = [], [left.pop(0)]
        while todo:
            host = todo.pop(0)
            group.append(host)
            near = [other for other in left if bound(ties[host], ties[other])]
            left = [other for other in left if other not in near]
            todo += near
        groups.append(sorted(group))
    return groups


def _common_domain(one: HostTies, other: HostTies) -> str:
    """A domain that a cookie of either is set for and that both are in; empty where there is none."""
    domains = sorted({domain.lower().strip(".") for domain in (*one.cookie_domains, *other.cookie_domains)})
    return next((name for name in domains if name and _inside(one, name) and _inside(other, name)), "")


def _inside(one: HostTies, domain: str) -> bool:
    return one.host == domain or one.host.endswith(f".{domain}")


def _one_connection(one: HostTies, other: HostTies) -> bool:
    """Whether a client may send the requests of both over one connection (RFC 9113, 9.1.1)."""
    if one.certificate and one.certificate == other.certificate:
        return True
    return _covers(one.names, other.host) or _covers(other.names, one.host)


def _covers(names: frozenset[str], host: str) -> bool:
    # a wildcard is for one label (RFC 6125, 6.4.3)
    return host in names or f"*.{host.partition('.')[2]}" in names


def _canary(ties: dict[str, HostTies], bonds: list[list[str]], wanted: str) -> tuple[str, str]:
    if wanted:
        return wanted, "the canary: it was asked for"
    tied = {host for group in bonds if len(group) > 1 for host in group}
    first = min(ties.values(), key=lambda one: (one.host in tied, one.weight, one.host))
    more = "" if first.host in tied or not tied else ", and shares no cookie with others"
    return first.host, f"the canary: it has the least traffic, or the fewest paths{more}"


def _left_behind(ties: dict[str, HostTies], bonds: list[list[str]], first: str) -> Iterator[str]:
    others = next(group for group in bonds if first in group)
    for other in others:
        if other != first and (domain := _common_domain(ties[first], ties[other])):
            yield f"its cookies of {domain} are also read by {_named(others, first)}, still on the old side"
            return


def _in_order(ties: dict[str, HostTies], groups: list[list[str]], first: str) -> list[list[list[str]]]:
    """Clusters of groups that share a certificate, with what is near the canary first, then small ones."""
    heads = {group[0]: group for group in groups}
    as_one = {head: HostTies(head, sum(ties[host].weight for host in group)) for head, group in heads.items()}

    def near(one: HostTies, other: HostTies) -> bool:
        return any(_one_connection(ties[a], ties[b]) for a in heads[one.host] for b in heads[other.host])

    clusters = _groups(as_one, near)

    def key(cluster: list[str]) -> tuple[bool, float, str]:
        members = [host for head in cluster for host in heads[head]]
        with_canary = any(_one_connection(ties[first], ties[host]) for host in members)
        return not with_canary, sum(ties[host].weight for host in members), members[0]

    return [
        [heads[head] for head in sorted(cluster, key=lambda head: (as_one[head].weight, head))]
        for cluster in sorted(clusters, key=key)
    ]


def _packed(clusters: Sequence[list[list[str]]], most: int) -> list[list[str]]:
    """Waves filled one after the other; what fits into a fresh one is not torn for the rest of the last."""
    waves: list[list[str]] = []
    for cluster in clusters:
        size = sum(map(len, cluster))
        fresh = bool(waves) and size <= most < len(waves[-1]) + size
        for group in cluster:
            pieces = [group[at : at + most] for at in range(0, len(group), most)]
            if waves and not fresh and len(pieces) == 1 and len(waves[-1]) + len(group) <= most:
                waves[-1] = [*waves[-1], *group]
            else:
                waves += pieces
            fresh = False
    return waves


def _reasons(ties: dict[str, HostTies], wave: list[str], bonds: list[list[str]]) -> Iterator[str]:
    for group in bonds:
        here = [host for host in group if host in wave]
        if len(group) < 2 or not here:
            continue
        domain = next(
            (one for a in group for b in group if a != b and (one := _common_domain(ties[a], ties[b]))), ""
        )
        if len(here) > 1:
            yield f"{_named(here)} share cookies of {domain}"
        others = [host for host in group if host not in wave]
        if others:
            yield f"{_named(others)}, in another wave, share cookies of {domain} with {_named(here)}"
    certificates: dict[str, list[str]] = {}
    for host in wave:
        if ties[host].certificate:
            certificates.setdefault(ties[host].certificate, []).append(host)
    for sharing in certificates.values():
        if len(sharing) > 1:
            yield f"{_named(sharing)} share a certificate: clients may use one connection for them (HTTP/2)"


def _named(hosts: Iterable[str], but: str = "") -> str:
    names = [host for host in hosts if host != but]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
