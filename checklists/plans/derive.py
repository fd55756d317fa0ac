"""A plan derived from the cluster and from what was seen of DNS and of both sides. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...cluster.knowledge.annotations import NGINX_PREFIX
from ...cluster.kubernetes_objects import Ingress
from ...cluster.objects import Route
from ...cluster.text import clean
from ...probes.state.twin.old import tls_secret
from .derive_dns import ZoneSeen, addresses_now, dns_entry, highest_ttl, zone_of
from .derive_paths import path_entries, paths_of
from .derive_sides import chosen, port_entry, reached, side_entry, traffic_entry
from .derived import DerivedPlan, Doubt, Entry, Flow
from .find import Found, Wanted
from .model import Side
from .seen import Seen
from .waves import HostTies, propose_waves

EXCLUDED_SHARE = 0.005
"""The error share that a watch which passes without an error has excluded, with 95 % confidence."""

_RATE_PER_S = 2.0
_MOST_RATE_PER_S = 20.0
_LEAST_WATCH_S = 600
_HEAD = (
    "A plan for a cutover, derived from what is there now. Nothing in it is a guess: what could not be",
    "found out says so (not known:), and wants an answer of yours. `pointsman check` reads this file.",
)


def derive(found: Found, wanted: Wanted, seen: Seen) -> DerivedPlan:
    """The plan with where everything is from; the same for the same facts, in whatever order they came."""
    doubts = list(found.doubts)
    names = [host.host for host in found.hosts]
    zone = zone_of(names, seen)
    left_out = list(found.left_out)
    left_out += [
        f"{host}: in {f'the zone {other}' if other else 'a zone that is not known'}; one plan is one zone"
        for host, other in zone.elsewhere
    ]
    found = replace(found, hosts=tuple(host for host in found.hosts if host.host in zone.hosts))
    old_side, new_side = reached(found, seen)
    old = chosen(old_side, addresses_now(zone.hosts, seen))
    new = chosen(new_side)
    entries = [
        Entry("apiVersion", "pointsman/v1"),
        Entry("kind", "CutoverPlan"),
        _name(found, wanted, zone),
        _hosts(found, left_out),
        *_objects(found, doubts),
        side_entry("old", old_side, old, doubts, "the status of the Ingresses"),
        side_entry("new", new_side, new, doubts, "the status of the Gateway"),
        port_entry(found, wanted.port),
        path_entries(found, seen, doubts),
        _tls(found, wanted, seen, old, new),
        dns_entry(found, zone, seen, old.addresses if old else (), doubts),
        *_watching(found, highest_ttl(zone.hosts, seen)),
        _waves(found, wanted, seen),
        traffic_entry(found),
        Entry("on_alarm", "rollback", ("without another question: the switch's confirmation covers it",)),
        Entry("checklist", "pre-cutover", ("or the path of your own, relative to this file",)),
    ]
    if old and new and set(old.addresses) & set(new.addresses):
        doubts.append(Doubt("new", "both sides have the same address: they cannot be told apart"))
    return DerivedPlan(tuple(one for one in entries if one is not None), _HEAD, tuple(doubts))


def _name(found: Found, wanted: Wanted, zone: ZoneSeen) -> Entry:
    if wanted.name:
        return Entry("name", wanted.name, ("asked for",))
    if len(found.hosts) == 1:
        return Entry("name", found.hosts[0].host.partition(".")[0][:63])
    words = zone.zone.rstrip(".") or found.gateway_ref.name
    name = re.sub(r"[^A-Za-z0-9._-]", "-", words).strip("-._")[:63] or "cutover"
    return Entry("name", name, ("typed to confirm a write for all of these hosts",))


def _hosts(found: Found, left_out: Sequence[str]) -> Entry:
    items = []
    for host in found.hosts:
        sources = [f"{one.ref}" for one in host.ingresses] + [f"{route.ref}" for route in host.routes]
        notes = [f"from {clean(', '.join(sources), 400)}"] if sources else ["asked for; nothing here has it"]
        if not host.ingresses:
            notes.append("not known: the old side of it, for no Ingress has it")
        if not host.routes:
            notes.append(f"not known: which route answers it: none does over TLS at {found.gateway_ref}")
        notes += [f"{clean(ref, 300)} names it, and no TLS listener here takes it" for ref in host.loose]
        items.append(Entry("", host.host, tuple(notes)))
    return Entry("hosts", tuple(items), tuple(f"left out: {reason}" for reason in left_out))


def _objects(found: Found, doubts: list[Doubt]) -> Iterator[Entry]:
    named = {one.ref: one for host in found.hosts for one in host.ingresses} or {
        one.ref: one for one in found.ingresses
    }
    if named:
        items = tuple(Entry("", f"{ref.namespace}/{ref.name}") for ref in sorted(named))
        yield Entry("ingress", items, ("the old side's configuration: it has to stay until the end",))
    yield Entry("gateway", f"{found.gateway_ref.namespace}/{found.gateway_ref.name}")
    routes = {route.ref: route for host in found.hosts for route in host.routes}
    if routes:
        items = tuple(
            Entry("", f"{ref.kind}/{ref.namespace}/{ref.name}", (_backends(found, routes[ref]),))
            for ref in sorted(routes)
        )
        yield Entry("routes", items)
    else:
        doubts.append(Doubt("routes", f"no route at {found.gateway_ref} answers these hosts over TLS"))


def _backends(found: Found, route: Route) -> str:
    backends = dict.fromkeys(
        f"{backend.namespace or route.meta.namespace}/{backend.name}:{backend.port or '?'}"
        for rule in route.spec.rules
        for backend in rule.backend_refs
    )
    hosts = [host.host for host in found.hosts if any(one.ref == route.ref for one in host.routes)]
    shown = ", ".join(list(backends)[:8]) or "no backend"
    return clean(f"answers {', '.join(hosts[:5])}{' and more' if hosts[5:] else ''} from {shown}", 400)


def _tls(found: Found, wanted: Wanted, seen: Seen, old: Side | None, new: Side | None) -> Entry | None:
    notes = [
        f"not known: which roots {host.host} is trusted by at the {side} side: {clean(one.why, 200)}"
        for host in found.hosts
        for side, all_seen in (("old", seen.old), ("new", seen.new))
        if (one := all_seen.get(host.host)) is not None and one.trusted is False
    ]
    if wanted.ca_file:
        notes.insert(0, "these roots in place of the system's")
        return Entry("tls", (Entry("ca_file", wanted.ca_file),), tuple(notes[:6]))
    if notes:
        return Entry("tls", None, tuple(notes[:6]), "{ca_file: roots.pem}")
    return None


def _watching(found: Found, ttl: int | None) -> Iterator[Entry]:
    hosts = len(found.hosts)
    rate = min(_MOST_RATE_PER_S, max(_RATE_PER_S, float(hosts)))
    # "none in n" excludes shares above 3/n with 95 % (the rule of three)
    samples = math.ceil(3 / EXCLUDED_SHARE)
    watch = max(_LEAST_WATCH_S, math.ceil(samples / rate))
    own = f"; of one host of {hosts} above {_percent(3 * hosts / samples)}" if hosts > 1 else ""
    excluded = f"a watch without an error in {samples} requests excludes an error share"
    pause = Entry("pause", _minutes(watch), ("between one wave's watch and the next switch",))
    yield Entry(
        "durations",
        (
            Entry("watch", _minutes(watch)),
            Entry("soak", "48h", ("the old side stays for so long, and the TTL low",)),
            Entry("settle", "2s"),
            *((pause,) if hosts > 1 else ()),
            Entry("quiet", "24h", ("without clients, before the old side may be called idle",)),
        ),
        (f"the longest wait is none of these: {ttl} s, the TTL now",) if ttl is not None else (),
    )
    yield Entry(
        "thresholds",
        (
            Entry("min_samples", samples),
            Entry("p0", 0.001, ("an error share up to this is healthy",)),
            Entry("alpha", 0.001, ("the chance of a false alarm in a healthy watch",)),
            Entry("rate_per_s", rate, ("our own requests, to each side",)),
        ),
        (f"{excluded} above {_percent(3 / samples)} (95 %, 3/n){own}",),
    )


def _minutes(seconds: int) -> str:
    return f"{seconds}s" if seconds % 60 else f"{seconds // 60}m"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


# -- waves


def _waves(found: Found, wanted: Wanted, seen: Seen) -> Entry | None:
    hosts = {host.host for host in found.hosts}
    waves = propose_waves(ties_of(found, seen), wanted.canary if wanted.canary in hosts else "")
    if not waves:
        return None
    items = tuple(Entry("", Flow(wave.hosts), wave.reasons) for wave in waves)
    notes = ["each goes through its own gates, and waits for the watch of the one before and the pause"]
    if wanted.canary and wanted.canary not in hosts:
        notes.append(f"not known: the canary {clean(wanted.canary, 253)}, which is none of the hosts")
    return Entry("waves", items, tuple(notes))


def ties_of(found: Found, seen: Seen) -> tuple[HostTies, ...]:
    """What binds the hosts of the plan to each other, as far as it was seen."""
    ties = []
    for host in found.hosts:
        new, old = seen.new.get(host.host), seen.old.get(host.host)
        secrets = [
            f"{ref.namespace or bound.owner.namespace}/{ref.name}"
            for bound in host.listeners[:1]
            for ref in (bound.listener.tls.certificate_refs if bound.listener.tls else ())
        ]
        domains = {*(new.cookie_domains if new else ()), *(old.cookie_domains if old else ())}
        domains |= {domain for one in host.ingresses for domain in _cookie_domains(one)}
        names = {*(new.names if new else ()), *(old.names if old else ())}
        names |= {name.lower() for one in host.ingresses for name in _certified(one, host.host)}
        ties.append(
            HostTies(
                host.host,
                weight=float(len(paths_of(host)[0])),
                certificate=(new.leaf if new else "") or ", ".join(sorted(secrets)),
                names=frozenset(names),
                cookie_domains=tuple(sorted(domains)),
            )
        )
    return tuple(ties)


def _cookie_domains(ingress: Ingress) -> Iterator[str]:
    domain = ingress.meta.annotations.get(f"{NGINX_PREFIX}session-cookie-domain", "")
    if domain:
        yield domain.lower()


def _certified(ingress: Ingress, host: str) -> Iterator[str]:
    """The names of the Ingress's own entry for the host's certificate."""
    if tls_secret(ingress, host) is None:
        return
    for entry in ingress.spec.tls:
        if host in {name.lower() for name in entry.hosts}:
            yield from entry.hosts
