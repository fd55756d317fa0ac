"""A plan's DNS: the zone and its servers, the records that are there now, and who writes them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...cluster.knowledge.annotations import external_dns_key
from ...cluster.kubernetes_objects import Ingress
from ...cluster.text import clean
from ...probes.state.external_dns.flags import is_external_dns
from ...probes.wire.dns.cdn import cdn_of_address, cdn_of_name
from ...probes.wire.dns.facts import DnsFacts
from ...probes.wire.dns.names import absolute, within
from .derived import Doubt, Entry, Flow
from .find import Found
from .seen import Seen

LOW_TTL_S = 60
_TYPES = ("CNAME", "A", "AAAA", "HTTPS")
_MOST_RECORDS = 30
# by the names of a zone's servers: whose console the change is written for
_CONSOLES = (
    (".awsdns-", "route53"),
    (".ns.cloudflare.com", "cloudflare"),
    (".googledomains.com", "cloud-dns"),
    (".azure-dns.", "azure"),
)
_GITOPS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}


@dataclass(frozen=True, slots=True)
class ZoneSeen:
    """The zone that the plan is for, the hosts in it, and those in another one, or in none that is known."""

    zone: str
    hosts: tuple[str, ...]
    elsewhere: tuple[tuple[str, str], ...] = ()


def zone_of(hosts: Sequence[str], seen: Seen) -> ZoneSeen:
    """The zone with most of the hosts; without DNS all stay, and the zone is not known."""
    zones = {host: _zone(seen.dns[host], host) if host in seen.dns else "" for host in hosts}
    counted = Counter(zone for zone in zones.values() if zone)
    if not counted:
        return ZoneSeen("", tuple(hosts))
    zone = min(counted, key=lambda one: (-counted[one], one))
    # a host whose servers said nothing may well be in it
    inside = [host for host in hosts if (zones[host] or zone) == zone and within(absolute(host), zone)]
    return ZoneSeen(zone, tuple(inside), tuple((host, zones[host]) for host in hosts if host not in inside))


def _zone(facts: DnsFacts, host: str) -> str:
    named = [facts.walk.zone] if facts.walk is not None and facts.walk.zone else []
    named += [one.zone for one in facts.authoritative if one.aa and one.zone]
    return next((zone for zone in named if within(absolute(host), zone)), "")


def addresses_now(hosts: Iterable[str], seen: Seen) -> tuple[str, ...]:
    """What the authoritative servers answer for the hosts now."""
    found = {
        value
        for host in hosts
        if host in seen.dns
        for one in seen.dns[host].authoritative
        for rrset in one.rrsets
        if rrset.type in ("A", "AAAA")
        for value in rrset.values
    }
    return tuple(sorted(found))


def highest_ttl(hosts: Iterable[str], seen: Seen) -> int | None:
    """The largest TTL that any authoritative server serves at the hosts themselves, in seconds."""
    ttls = [ttl for host in hosts for _, _, ttl, _ in _records(host, seen)]
    return max(ttls, default=None)


def _records(host: str, seen: Seen) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    """``(server, type, ttl, values)`` of the record sets at the name itself."""
    facts = seen.dns.get(host)
    for one in facts.authoritative if facts is not None else ():
        for rrset in one.rrsets:
            if rrset.type in _TYPES and rrset.owner == absolute(host):
                yield one.address, rrset.type, rrset.ttl, tuple(sorted(rrset.values))


# -- the fields


def dns_entry(found: Found, zone: ZoneSeen, seen: Seen, old: tuple[str, ...], doubts: list[Doubt]) -> Entry:
    """The plan's ``dns``."""
    ttl = highest_ttl(zone.hosts, seen)
    low = min(LOW_TTL_S, ttl) if ttl else LOW_TTL_S
    fields = [*_provider(found, zone, seen), _zone_entry(zone, seen, doubts)]
    fields.append(_authoritative(zone, seen, doubts))
    if seen.resolvers:
        asked = "asked for; they are watched, and decide nothing"
        fields.append(Entry("resolvers", Flow(seen.resolvers), (asked,)))
    else:
        note = "not known: which resolvers your clients use; those named here are watched"
        fields.append(Entry("resolvers", None, (note,), '["192.0.2.53:53"]'))
    fields.append(Entry("low_ttl", low, tuple(_ttl_notes(ttl, low))))
    if ttl is not None and ttl <= LOW_TTL_S:
        note = "not known: whether the TTL was higher until lately. If so, say what it was: caches hold that"
        fields.append(Entry("old_ttl", None, (note,), "3600"))
    return Entry("dns", tuple(fields), tuple(_now(zone, seen, old)))


def _zone_entry(zone: ZoneSeen, seen: Seen, doubts: list[Doubt]) -> Entry:
    if zone.zone:
        return Entry("zone", zone.zone)
    why = "nobody was asked" if not seen.asked else "no server named it with authority"
    doubts.append(Doubt("dns.zone", f"the zone of {', '.join(zone.hosts[:3])}: {why}"))
    return Entry("zone", None, (f"not known: {why}",), "example.net.")


def _authoritative(zone: ZoneSeen, seen: Seen, doubts: list[Doubt]) -> Entry:
    good: dict[str, None] = {}
    silent: dict[str, str] = {}
    for host in zone.hosts if zone.zone else ():
        facts = seen.dns.get(host)
        for one in facts.authoritative if facts is not None else ():
            if one.aa:
                good[one.address] = None
            else:
                silent.setdefault(one.address, one.error or one.rcode or "not with authority")
    left = {address: why for address, why in silent.items() if address not in good}
    notes = [f"not known: {clean(address, 80)}: {clean(why, 60)}" for address, why in sorted(left.items())]
    if left:
        doubts.append(Doubt("dns.authoritative", f"{', '.join(sorted(left))} did not answer with authority"))
    if not good:
        if not left:
            doubts.append(Doubt("dns.authoritative", "no name server is known"))
        notes = notes or ["not known: the zone's name servers"]
        return Entry("authoritative", None, tuple(notes), '["192.0.2.53:53"]')
    listed = "every address of every name server that the zone and its parent list"
    told = "asked for; every server of the zone has to stand here, or the wait is too short"
    notes = [told if seen.servers_given else listed, *notes]
    return Entry("authoritative", Flow(tuple(sorted(good))), tuple(notes))


def _ttl_notes(ttl: int | None, low: int) -> Iterator[str]:
    if ttl is None:
        yield "not known: the TTL now; 60 s makes a rollback felt within a minute"
    elif ttl > low:
        yield f"the TTL now is {ttl} s: once lowered, the switch waits {ttl} s, for caches hold it"
    else:
        yield f"the TTL is {ttl} s already"


def _now(zone: ZoneSeen, seen: Seen, old: tuple[str, ...]) -> Iterator[str]:
    """The records that are there now, once where all servers say the same, and what is strange about them."""
    shown = 0
    for host in zone.hosts:
        said: dict[str, list[str]] = {}
        for server, kind, ttl, values in _records(host, seen):
            said.setdefault(f"{host} {ttl} {kind} {clean(', '.join(values), 300)}", []).append(server)
        servers = len(seen.dns[host].authoritative) if host in seen.dns else 0
        for line, by in said.items():
            if shown < _MOST_RECORDS:
                yield f"now: {line}" + (f" (only {', '.join(by)})" if len(by) < servers else "")
            shown += 1
        if seen.asked and not said:
            yield f"not known: the records of {host}: no authoritative server gave one"
        yield from _strange(host, seen, old)
    if shown > _MOST_RECORDS:
        yield f"now: and {shown - _MOST_RECORDS} record sets more"


def _strange(host: str, seen: Seen, old: tuple[str, ...]) -> Iterator[str]:
    records = list(_records(host, seen))
    aliases = sorted({value for _, kind, _, values in records if kind == "CNAME" for value in values})
    if aliases:
        shown = clean(", ".join(aliases), 300)
        yield f"{host} is an alias of {shown}: the switch puts addresses in its place, a rollback the alias"
    cdns = [cdn for name in aliases if (cdn := cdn_of_name(name))]
    addresses = addresses_now((host,), seen)
    cdns += [cdn for address in addresses if (cdn := cdn_of_address(address))]
    if cdns:
        yield f"not known: which side {cdns[0]} asks for {host}: it has an origin of its own"
    elif old and addresses and not set(old) & set(addresses):
        yield f"not known: why {host} leads to {', '.join(addresses[:5])}, for that is not the old side"


# -- who writes the records


def _provider(found: Found, zone: ZoneSeen, seen: Seen) -> list[Entry]:
    owners = sorted({owner for host in zone.hosts for owner in _owners(host, seen)})
    annotated = [clean(one.ref, 300) for one in found.ingresses if _is_annotated(one)]
    tools = sorted({tool for one in found.ingresses if (tool := _gitops(one))})
    git = [f"the Ingresses are kept by {', '.join(tools)}: change them there, or it changes them back"]
    git = git if tools else []
    if owners or annotated or _follows(found):
        notes = [f"from the TXT records beside the names: owner {clean(', '.join(owners), 200)}"]
        if not owners:
            notes = ["not known: whether external-dns really owns the records: no TXT record says so"]
        notes += [f"from the annotations of {', '.join(annotated[:3])}"] if annotated else []
        how = "patch prints the handover; annotations makes it, with your consent"
        write = Entry("write", "patch", (*git, how))
        owner = [Entry("owner", owners[0])] if len(owners) == 1 else []
        return [Entry("provider", "external-dns", tuple(notes)), Entry("external_dns", (*owner, write))]
    asked = [seen.dns[host] for host in zone.hosts if host in seen.dns]
    names = [one.name for facts in asked for one in facts.authoritative if one.name]
    console = next((known for part, known in _CONSOLES if any(part in name for name in names)), "")
    notes = ["not known: who writes these records. With show you make each change, and Pointsman watches"]
    if not console:
        return [Entry("provider", "show", (*notes, *git))]
    shown = clean(", ".join(sorted(set(names))[:2]), 200)
    return [
        Entry("provider", "show", (*notes, *git)),
        Entry("console", console, (f"from the name servers {shown}: the change is shown for it",)),
    ]


def _owners(host: str, seen: Seen) -> Iterator[str]:
    facts = seen.dns.get(host)
    for record in facts.owners if facts is not None else ():
        if record.heritage and record.owner:
            yield record.owner


def _is_annotated(ingress: Ingress) -> bool:
    return any(external_dns_key(key) in ("hostname", "target", "ttl") for key in ingress.meta.annotations)


def _follows(found: Found) -> bool:
    """Whether an external-dns runs that makes records of Ingresses."""
    for one in found.world.snapshot.workloads.values():
        for container in one.spec.template.spec.containers if is_external_dns(one) else ():
            words = [word for given in container.args for word in given.split("=", 1)]
            if ("--source", "ingress") in pairwise(words):
                return True
    return False


def _gitops(ingress: Ingress) -> str:
    marks = {**ingress.meta.labels, **ingress.meta.annotations}
    return next((tool for key, tool in _GITOPS.items() if key in marks), "")
