"""What an external-dns would do at its next round, for each host: its rules over what is there. Pure.

Source: external-dns docs (registry, flags, faq), held against the program itself by a test: the resource that
the ownership record names keeps a name as long as it wants it; then the lowest target wins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ....cluster.refs import ObjectRef
from ....cluster.snapshot import Snapshot
from ....cluster.text import clean
from .flags import Flags
from .held import Held
from .routes import from_routes
from .wanted import Endpoint, Ignored, Unsure, Wanted, from_ingresses, from_services

Action = Literal["keep", "create", "update", "delete", "forbidden"]
ROUTE_KINDS = {
    "gateway-httproute": "HTTPRoute",
    "gateway-grpcroute": "GRPCRoute",
    "gateway-tlsroute": "TLSRoute",
    "gateway-tcproute": "TCPRoute",
    "gateway-udproute": "UDPRoute",
}


_KIND_OF = {"ingress": "Ingress", "service": "Service"}


@dataclass(frozen=True, slots=True)
class Step:
    """One record set at the next round. ``forbidden``: it would be changed, were it this one's own.

    ``ttl`` 0: external-dns leaves it to the DNS provider. ``before`` and ``after`` are values.
    """

    action: Action
    type: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    ttl_before: int = 0
    ttl: int = 0
    resource: str = ""
    why: str = ""

    @property
    def moves(self) -> bool:
        """Whether clients are led elsewhere."""
        return self.action in ("create", "update", "delete") and self.before != self.after


@dataclass(frozen=True, slots=True)
class Forecast:
    """One host: what it holds, what is wanted, and the steps of the next round.

    ``rivals`` want the name with other targets and do not get it while the owner wants it: ``keeper``.
    """

    host: str
    held: tuple[Held, ...]
    wanted: tuple[Endpoint, ...]
    steps: tuple[Step, ...]
    ignored: tuple[Ignored, ...] = ()
    rivals: tuple[ObjectRef, ...] = ()
    keeper: str = ""
    unsure: tuple[str, ...] = ()

    @property
    def after(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(type, values) of the host after the next round."""
        sets = {one.type: one.values for one in self.held}
        for step in self.steps:
            if step.action in ("create", "update"):
                sets[step.type] = step.after
            elif step.action == "delete":
                sets.pop(step.type, None)
        return tuple(sorted(sets.items()))

    @property
    def ttls_after(self) -> dict[str, int]:
        """TTL by type after the next round; 0 where it is left to the DNS provider."""
        ttls = {one.type: one.ttl for one in self.held}
        ttls.update({step.type: step.ttl for step in self.steps if step.action in ("create", "update")})
        return {kind: ttls[kind] for kind, _ in self.after}

    @property
    def addresses_after(self) -> tuple[str, ...]:
        """Every value after the next round."""
        return tuple(value for _, values in self.after for value in values)

    @property
    def owners(self) -> tuple[str, ...]:
        """The ids that the ownership records name."""
        return tuple(sorted({one.owner for one in self.held if one.ownership == "owned"}))

    @property
    def changes(self) -> bool:
        """Whether anything that clients see is changed at the next round."""
        return any(step.moves for step in self.steps)


def reads(flags: Flags) -> tuple[str, ...]:
    """The kinds of objects that its records come from."""
    kinds = [_KIND_OF[source] for source in flags.sources if source in _KIND_OF]
    kinds += [ROUTE_KINDS[source] for source in flags.sources if source in ROUTE_KINDS]
    if flags.follows_gateways:
        kinds += ["Gateway", "Namespace", *(["ListenerSet"] if flags.listener_sets else [])]
    return tuple(dict.fromkeys(kinds))


def wanted_by(snapshot: Snapshot, flags: Flags) -> Wanted:
    """All that its sources want, merged as each source does it, without what it does not manage."""
    wanted = Wanted(unsure=[Unsure("", why) for why in flags.unsure])
    for source in flags.sources:
        alone = Wanted()
        if source == "ingress":
            from_ingresses(snapshot, flags, alone)
        elif source == "service":
            from_services(snapshot, flags, alone)
        elif source in ROUTE_KINDS:
            from_routes(snapshot, flags, ROUTE_KINDS[source], alone)
        wanted.endpoints += _merged(alone.endpoints)
        wanted.ignored += alone.ignored
        wanted.unsure += alone.unsure
    managed: list[Endpoint] = []
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for one in wanted.endpoints:
        key = (one.host, one.type, one.targets)
        if one.type in flags.record_types and flags.matches_domain(one.host) and key not in seen:
            seen.add(key)
            managed.append(replace(one, ttl=one.ttl or flags.min_ttl))
    wanted.endpoints = managed
    return wanted


def _merged(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Several objects of one source that want one name (and TTL) are one; CNAMEs are never joined."""
    merged: dict[tuple[str, str, int, str], Endpoint] = {}
    for one in endpoints:
        key = (one.host, one.type, one.ttl, one.targets[0] if one.type == "CNAME" else "")
        known = merged.get(key)
        merged[key] = (
            one
            if known is None
            else replace(
                known,
                targets=tuple(sorted({*known.targets, *one.targets})),
                refs=tuple(dict.fromkeys((*known.refs, *one.refs))),
            )
        )
    return list(merged.values())


def foresee(
    snapshot: Snapshot, flags: Flags, held: Iterable[Held], hosts: Iterable[str]
) -> tuple[Forecast, ...]:
    """What becomes of each of ``hosts`` at the next round, were everything else as it is now."""
    wanted = wanted_by(snapshot, flags)
    sets = list(held)
    doubt = _prefix_doubt(snapshot, flags)
    return tuple(
        _forecast(host, tuple(one for one in sets if one.host == host), wanted, flags, doubt)
        for host in hosts
    )


def _prefix_doubt(snapshot: Snapshot, flags: Flags) -> tuple[str, ...]:
    if flags.prefix_known:
        return ()
    objects = (*snapshot.ingresses.values(), *snapshot.routes.values(), *snapshot.gateways.values())
    prefixes = (flags.prefix, flags.other_prefix)
    if any(key.startswith(prefixes) for one in objects for key in one.metadata.annotations):
        return ("its release is not known, and so not which annotations it reads",)
    return ()


def _forecast(
    host: str, held: tuple[Held, ...], wanted: Wanted, flags: Flags, doubt: tuple[str, ...]
) -> Forecast:
    candidates = wanted.of(host)
    ignored = tuple(one for one in wanted.ignored if one.host == host)
    unsure = (*(one.why for one in wanted.unsure if one.host in ("", host)), *doubt)
    if not flags.matches_domain(host):
        why = "its domain filters leave this name out"
        steps = tuple(
            Step("keep", one.type, one.values, one.values, one.ttl, one.ttl, why=why) for one in held
        )
        return Forecast(host, held, (), steps, ignored, unsure=unsure)
    candidates = _without_cname_beside_addresses(candidates)
    if flags.registry == "noop":
        # without a registry nobody remembers for whom a record was made
        held = tuple(replace(one, owner="", resource="", ownership="none") for one in held)
    managed = [one for one in held if one.type in flags.record_types]
    steps = tuple(_steps(managed, candidates, flags))
    unread = [one for one in managed if one.ownership == "unreadable"]
    if unread and flags.registry == "txt":
        unsure = (*unsure, f"the ownership record {clean(unread[0].txt, 120)} cannot be read (encrypted?)")
    elif flags.registry not in ("txt", "noop"):
        unsure = (*unsure, f"its registry {clean(flags.registry, 40)} is not in DNS and is not read here")
    keeper = next((one.resource for one in managed if _owner_of(one, candidates) is not None), "")
    rivals = tuple(
        dict.fromkeys(ref for one in candidates if keeper and one.resource != keeper for ref in one.refs)
    )
    forecast = Forecast(host, held, candidates, steps, ignored, rivals, keeper, tuple(dict.fromkeys(unsure)))
    kinds = {kind for kind, _ in forecast.after}
    if "CNAME" in kinds and len(kinds) > 1 and forecast.changes:
        words = "it asks for an alias beside an address: that is settled by the DNS provider"
        return replace(forecast, unsure=(*forecast.unsure, words))
    return forecast


def _without_cname_beside_addresses(candidates: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    kinds = {one.type for one in candidates}
    if "CNAME" in kinds and len(kinds) > 1:
        return tuple(one for one in candidates if one.type != "CNAME")
    return candidates


def _owner_of(held: Held, candidates: Iterable[Endpoint]) -> Endpoint | None:
    """The candidate of the resource that the ownership record names."""
    of_type = [one for one in candidates if one.type == held.type]
    return next((one for one in sorted(of_type, key=_rank) if held.resource in _resources(one)), None)


def _resources(endpoint: Endpoint) -> set[str]:
    # of several objects that want one name together, any may be the one that is written down
    return {f"{ref.kind.lower()}/{ref.namespace}/{ref.name}" for ref in endpoint.refs}


def _rank(endpoint: Endpoint) -> tuple[int, tuple[tuple[int, bytes, str], ...]]:
    """The order among candidates: fewer targets first, then the lower target, addresses before names."""
    return len(endpoint.targets), tuple(sorted(map(_target_rank, endpoint.targets)))


def _target_rank(target: str) -> tuple[int, bytes, str]:
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        return 9, b"", target
    return address.version, address.packed, ""


def _steps(held: list[Held], candidates: tuple[Endpoint, ...], flags: Flags) -> Iterable[Step]:
    mine = {one.type: _is_mine(one, flags) for one in held}
    by_type: dict[str, list[Endpoint]] = {}
    for candidate in sorted(candidates, key=_rank):
        by_type.setdefault(candidate.type, []).append(candidate)
    for one in held:
        rivals = by_type.get(one.type, [])
        if not rivals:
            yield _deletion(one, flags, mine=mine[one.type])
            continue
        chosen = _owner_of(one, rivals) or rivals[0]
        yield _update(one, chosen, flags, mine=mine[one.type])
    for kind in sorted(by_type.keys() - mine.keys()):
        chosen = by_type[kind][0]
        step = Step("create", kind, (), chosen.targets, 0, chosen.ttl, chosen.resource, _for(chosen))
        if all(mine.values()):
            yield step
        else:
            yield replace(step, action="forbidden", why="the name belongs to somebody else")


def _is_mine(held: Held, flags: Flags) -> bool:
    return flags.registry == "noop" or (held.ownership == "owned" and held.owner == flags.owner)


def _for(endpoint: Endpoint) -> str:
    return f"for {', '.join(map(str, endpoint.refs[:3]))}"


def _whose(held: Held) -> str:
    if held.ownership == "none":
        return "no ownership record stands beside it: external-dns leaves it alone"
    if held.ownership == "unreadable":
        return "its ownership record cannot be read"
    return f"it belongs to the external-dns with the owner id {clean(held.owner, 60)}"


def _kept(held: Held, resource: str, why: str) -> Step:
    return Step("keep", held.type, held.values, held.values, held.ttl, held.ttl, resource, why)


def _deletion(held: Held, flags: Flags, *, mine: bool) -> Step:
    kept = _kept(held, held.resource, "")
    if not mine:
        return replace(kept, why=_whose(held))
    if flags.policy == "sync":
        words = "no source wants it any more, and --policy=sync deletes what is not wanted"
        return Step("delete", held.type, held.values, (), held.ttl, 0, held.resource, words)
    return replace(kept, why=f"no source wants it, but --policy={clean(flags.policy, 30)} deletes nothing")


def _update(held: Held, chosen: Endpoint, flags: Flags, *, mine: bool) -> Step:
    kept = _kept(held, chosen.resource, _for(chosen))
    ttl_differs = bool(chosen.ttl) and chosen.ttl != held.ttl
    if tuple(sorted(chosen.targets)) == held.values and not ttl_differs:
        return kept
    ttl = chosen.ttl
    step = Step(
        "update", held.type, held.values, chosen.targets, held.ttl, ttl, chosen.resource, _for(chosen)
    )
    if not mine:
        return replace(step, action="forbidden", why=_whose(held))
    if flags.policy == "create-only":
        return replace(kept, why="--policy=create-only changes nothing that is there")
    return step
