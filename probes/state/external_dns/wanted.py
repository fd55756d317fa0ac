"""The records that an external-dns would want now, by the objects that are there. Pure.

Source: external-dns docs/sources (ingress, service, gateway-api) and docs/annotations, held against the
program itself by a test.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ....cluster.kubernetes_objects import BalancedStatus, Ingress, Service
from ....cluster.objects import Object
from ....cluster.refs import ObjectRef
from ....cluster.snapshot import Snapshot
from ....cluster.text import clean
from .filters import matches
from .flags import ADDRESS_TYPES, Flags

CONTROLLER = "dns-controller"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_MAX_TTL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One record set that a source wants. ``ttl`` 0: it says nothing of that.

    ``refs`` are the objects behind it; more than one where several of a kind want the same name together.
    """

    host: str
    type: str
    targets: tuple[str, ...]
    ttl: int
    resource: str
    refs: tuple[ObjectRef, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """An object that names a host and makes no record of it, and why."""

    ref: ObjectRef
    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """What could not be worked out of a host (empty: of any)."""

    host: str
    why: str


@dataclass(slots=True)
class Wanted:
    """What is wanted, in the order of the sources; what is not, and what could not be worked out."""

    endpoints: list[Endpoint] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    unsure: list[Unsure] = field(default_factory=list)

    def of(self, host: str) -> tuple[Endpoint, ...]:
        """The endpoints of one host."""
        return tuple(one for one in self.endpoints if one.host == host)


def setting(obj: Object, short: str, flags: Flags) -> str | None:
    """An annotation of external-dns on an object, as this one reads it."""
    return obj.metadata.annotations.get(flags.prefix + short)


def split(value: str | None) -> tuple[str, ...]:
    """The names in an annotation: parted by commas, blanks left out."""
    return tuple(part for part in (value or "").replace(" ", "").split(",") if part)


def ttl_of(obj: Object, flags: Flags) -> int:
    """The TTL annotation in seconds: whole seconds or a Go duration; 0 where there is none that holds."""
    text = setting(obj, "ttl", flags) or ""
    if re.fullmatch(r"[+-]?\d+", text):
        seconds = int(text)
    else:
        parts = _DURATION.findall(text)
        whole = "".join(number + unit for number, unit in parts) == text
        seconds = int(sum(float(number) * _UNITS[unit] for number, unit in parts)) if whole else 0
    return seconds if 1 <= seconds <= _MAX_TTL else 0


def is_let_in(obj: Object, flags: Flags, *, annotations: bool = True) -> str:
    """Why the filters leave an object out; empty where they do not."""
    if flags.namespace and obj.metadata.namespace != flags.namespace:
        return f"--namespace is {flags.namespace}"
    if matches(flags.label_filter, obj.metadata.labels) is False:
        return f"--label-filter {flags.label_filter} leaves it out"
    if annotations and matches(flags.annotation_filter, obj.metadata.annotations) is False:
        return f"--annotation-filter {flags.annotation_filter} leaves it out"
    controller = setting(obj, "controller", flags)
    if controller is not None and controller != CONTROLLER:
        return f"its annotation {flags.prefix}controller is {clean(controller, 60)}"
    return ""


def endpoints(
    host: str, targets: Iterable[str], ttl: int, resource: str, ref: ObjectRef
) -> Iterator[Endpoint]:
    """One for each record type that the targets need."""
    by_type: dict[str, list[str]] = {}
    for target in targets:
        by_type.setdefault(record_type(target), []).append(target.rstrip("."))
    for kind in ADDRESS_TYPES:
        if kind in by_type:
            values = tuple(sorted(set(by_type[kind])))
            yield Endpoint(host.lower().rstrip("."), kind, values, ttl, resource, (ref,))


def record_type(target: str) -> str:
    """A for an IPv4 address, AAAA for an IPv6 one, CNAME for a name."""
    try:
        return "A" if ipaddress.ip_address(target).version == 4 else "AAAA"
    except ValueError:
        return "CNAME"


def balanced(status: BalancedStatus, *, both: bool) -> tuple[str, ...]:
    """The targets in a load balancer's status; an entry's hostname beside its address only where ``both``."""
    found: list[str] = []
    for one in status.load_balancer.ingress:
        found += [one.ip] if one.ip else []
        found += [one.hostname] if one.hostname and (both or not one.ip) else []
    return tuple(found)


# --- Ingress -------------------------------------------------------------------------------------


def ingress_hosts(ingress: Ingress, flags: Flags) -> tuple[str, ...]:
    """The names that one Ingress makes, whatever the filters say of it."""
    defined: list[str] = []
    if not flags.ignore_rules:
        defined += [rule.host for rule in ingress.spec.rules if rule.host]
    if not flags.ignore_tls:
        defined += [host for tls in ingress.spec.tls for host in tls.hosts if host]
    annotated = () if flags.ignore_hostname else split(setting(ingress, "hostname", flags))
    source = setting(ingress, "ingress-hostname-source", flags)
    if source is None:
        names = [*defined, *annotated]
    elif source.lower() == "defined-hosts-only":
        names = defined
    elif source.lower() == "annotation-only":
        names = list(annotated)
    else:
        # any other value makes no record at all
        names = []
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names))


def _named_by(ingress: Ingress) -> set[str]:
    return {rule.host.lower() for rule in ingress.spec.rules if rule.host}


def from_ingresses(snapshot: Snapshot, flags: Flags, wanted: Wanted) -> None:
    """The source ``ingress``."""
    for ref, ingress in sorted(snapshot.ingresses.items()):
        why = is_let_in(ingress, flags) or _other_class(ingress, flags)
        names = ingress_hosts(ingress, flags)
        targets = split(setting(ingress, "target", flags)) or balanced(ingress.status, both=True)
        if not why and not targets:
            why = "it has no address in its status"
        if why:
            wanted.ignored += [Ignored(ref, host, why) for host in sorted({*names, *_named_by(ingress)})]
            continue
        for host in sorted(_named_by(ingress) - set(names)):
            source = clean(setting(ingress, "ingress-hostname-source", flags) or "", 40)
            words = (
                f"{flags.prefix}ingress-hostname-source is {source}" if source else "its rules are ignored"
            )
            wanted.ignored.append(Ignored(ref, host, words))
        resource = f"ingress/{ref.namespace}/{ref.name}"
        for host in names:
            wanted.endpoints += endpoints(host, targets, ttl_of(ingress, flags), resource, ref)


def _other_class(ingress: Ingress, flags: Flags) -> str:
    if not flags.ingress_classes:
        return ""
    own = ingress.spec.ingress_class_name or ingress.metadata.annotations.get("kubernetes.io/ingress.class")
    return "" if own in flags.ingress_classes else f"its class {clean(own or 'none', 60)} is not asked for"


# --- Service -------------------------------------------------------------------------------------


def from_services(snapshot: Snapshot, flags: Flags, wanted: Wanted) -> None:
    """The source ``service``, for load balancers and names elsewhere."""
    if flags.ignore_hostname:
        return
    for ref, service in sorted(snapshot.services.items()):
        names = split(setting(service, "hostname", flags))
        inner = split(setting(service, "internal-hostname", flags))
        if not names and not inner:
            continue
        why = is_let_in(service, flags)
        if why:
            wanted.ignored += [Ignored(ref, host, why) for host in names]
            continue
        targets = split(setting(service, "target", flags)) or _service_targets(service)
        if inner or not targets:
            words = f"what {ref} publishes as {clean(service.spec.type, 20)} is not followed here"
            wanted.unsure += [Unsure(host, words) for host in (*names, *inner)]
        resource = f"service/{ref.namespace}/{ref.name}"
        for host in names:
            wanted.endpoints += endpoints(host, targets, ttl_of(service, flags), resource, ref)


def _service_targets(service: Service) -> tuple[str, ...]:
    if service.spec.type == "LoadBalancer":
        return balanced(service.status, both=False)
    if service.spec.type == "ExternalName" and service.spec.external_name:
        return (service.spec.external_name,)
    return ()
