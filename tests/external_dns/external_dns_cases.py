"""The table of cases: each a host of its own in one small world, and what external-dns does to it.

``does`` is what happens under ``--policy=sync`` with both sources: (action, type, values) of each step.
docs/external-dns.md shows the same table; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from external_dns_kit import (
    NEW,
    NEW6,
    OLD,
    ZONE,
    Records,
    gateway,
    host_of,
    ingress,
    namespaces,
    route,
    service,
)

Json = dict[str, Any]
OWNER = "default"
BOTH = ("--source=ingress", "--source=gateway-httproute", "--source=service")


@dataclass(frozen=True)
class Case:
    name: str
    words: str
    objects: tuple[Json, ...]
    records: Callable[[Records], None]
    does: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


def held(
    name: str, *values: str, kind: str = "A", owner: str = OWNER, resource: str = "", **more: Any
) -> Callable[[Records], None]:
    wanted = resource or f"ingress/shop/{name}"
    return lambda records: records.put(name, kind, *(values or (OLD,)), owner=owner, resource=wanted, **more)


def nothing(_records: Records) -> None:
    """No record at all."""


def both(*puts: Callable[[Records], None]) -> Callable[[Records], None]:
    def put(records: Records) -> None:
        for one in puts:
            one(records)

    return put


def create(kind: str, *values: str) -> tuple[str, str, tuple[str, ...]]:
    return "create", kind, values


def update(kind: str, *values: str) -> tuple[str, str, tuple[str, ...]]:
    return "update", kind, values


def delete(kind: str, *values: str) -> tuple[str, str, tuple[str, ...]]:
    return "delete", kind, values


CASES: tuple[Case, ...] = (
    Case(
        "stays",
        "the Ingress owns the name and wants it; the route gets nothing",
        (ingress("stays"), route("stays")),
        held("stays"),
    ),
    Case(
        "goes",
        "the owner is gone, the route wants the name",
        (route("goes"),),
        held("goes"),
        (update("A", NEW),),
    ),
    Case(
        "annotated",
        "the Ingress lets go by annotation-only, the route wants the name",
        (ingress("annotated", ingress_hostname_source="annotation-only"), route("annotated")),
        held("annotated"),
        (update("A", NEW),),
    ),
    Case(
        "named",
        "annotation-only, and its hostname annotation still names the host",
        (
            ingress("named", ingress_hostname_source="annotation-only", hostname=host_of("named")),
            route("named"),
        ),
        held("named"),
    ),
    Case(
        "misspelt",
        "another value of ingress-hostname-source: the Ingress wants nothing",
        (ingress("misspelt", ingress_hostname_source="annotations"), route("misspelt")),
        held("misspelt"),
        (update("A", NEW),),
    ),
    Case(
        "lonely",
        "the Ingress lets go and nobody else wants the name",
        (ingress("lonely", ingress_hostname_source="annotation-only"),),
        held("lonely"),
        (delete("A", OLD),),
    ),
    Case(
        "broken",
        "the route owns the name and is not accepted any more",
        (route("broken", accepted="False"),),
        held("broken", NEW, resource="httproute/shop/broken"),
        (delete("A", NEW),),
    ),
    Case(
        "silent",
        "the route owns the name and no controller says anything of it",
        (route("silent", accepted=""),),
        held("silent", NEW, resource="httproute/shop/silent"),
        (delete("A", NEW),),
    ),
    Case(
        "fallback",
        "the route is broken, the Ingress still wants the name",
        (ingress("fallback"), route("fallback", accepted="False")),
        held("fallback", NEW, resource="httproute/shop/fallback"),
        (update("A", OLD),),
    ),
    Case(
        "back",
        "the route owns the name: giving it back to the Ingress does not move it",
        (ingress("back"), route("back")),
        held("back", NEW, resource="httproute/shop/back"),
    ),
    Case(
        "unheld",
        "the route is left out by its controller annotation",
        (ingress("unheld"), route("unheld", controller="held")),
        held("unheld", NEW, resource="httproute/shop/unheld"),
        (update("A", OLD),),
    ),
    Case(
        "routehosts",
        "gateway-hostname-source annotation-only without a hostname: the route wants nothing",
        (ingress("routehosts"), route("routehosts", gateway_hostname_source="annotation-only")),
        held("routehosts", NEW, resource="httproute/shop/routehosts"),
        (update("A", OLD),),
    ),
    Case(
        "fresh",
        "no record stands there (a wildcard answers): the route makes one",
        (route("fresh"),),
        nothing,
        (create("A", NEW),),
    ),
    Case(
        "freshboth",
        "no record stands there, both want it: the lower address wins",
        (ingress("freshboth"), route("freshboth")),
        nothing,
        (create("A", OLD),),
    ),
    Case(
        "noresource",
        "the ownership record names a resource that is not there: the lower address wins",
        (ingress("noresource"), route("noresource")),
        held("noresource", NEW, resource="ingress/gone/gone"),
        (update("A", OLD),),
    ),
    Case(
        "six",
        "the Gateway has an IPv6 address too: AAAA comes at once while A stays",
        (ingress("six"), route("six", gateway="dual")),
        held("six"),
        (create("AAAA", NEW6),),
    ),
    Case(
        "foreign", "another owner id: nothing is touched", (route("foreign"),), held("foreign", owner="blue")
    ),
    Case(
        "foreignsix",
        "another owner id: no AAAA beside it either",
        (route("foreignsix", gateway="dual"),),
        held("foreignsix", owner="blue"),
    ),
    Case("byhand", "no ownership record: nothing is touched", (route("byhand"),), held("byhand", owner="")),
    Case(
        "oldformat",
        "the ownership record stands at the name itself (before v0.12)",
        (route("oldformat"),),
        held("oldformat", txt=host_of("oldformat")),
        (update("A", NEW),),
    ),
    Case(
        "otherprefix",
        "the ownership record stands under another prefix: it is not found",
        (route("otherprefix"),),
        held("otherprefix", txt=f"edns-a-otherprefix.{ZONE}"),
    ),
    Case(
        "ttl",
        "a ttl annotation on the owner changes the TTL only",
        (ingress("ttl", ttl="30"), route("ttl", ttl="5")),
        held("ttl"),
        (update("A", OLD),),
    ),
    Case(
        "longttl",
        "a ttl annotation as a duration",
        (ingress("longttl", ttl="1m30s"),),
        held("longttl"),
        (update("A", OLD),),
    ),
    Case(
        "badttl",
        "a ttl annotation that cannot be read is none",
        (ingress("badttl", ttl="soon"),),
        held("badttl"),
    ),
    Case(
        "target",
        "target on the Ingress: an alias takes the place of the address",
        (ingress("target", target="lb.example.test"),),
        held("target"),
        (create("CNAME", "lb.example.test"), delete("A", OLD)),
    ),
    Case(
        "gatewaytarget",
        "target on the Gateway",
        (route("gatewaytarget", gateway="aimed"),),
        held("gatewaytarget", resource="httproute/shop/gatewaytarget"),
        (update("A", "203.0.113.77"),),
    ),
    Case(
        "routetarget",
        "target on the route means nothing",
        (route("routetarget", target="203.0.113.88"),),
        held("routetarget", resource="httproute/shop/routetarget"),
        (update("A", NEW),),
    ),
    Case(
        "noaddress",
        "the Ingress has no address yet",
        (ingress("noaddress", address=""),),
        held("noaddress"),
        (delete("A", OLD),),
    ),
    Case(
        "controller",
        "the Ingress is left out by its controller annotation",
        (ingress("controller", controller="none"),),
        held("controller"),
        (delete("A", OLD),),
    ),
    Case(
        "twoingresses",
        "two Ingresses want one name with one address",
        (ingress("twoingresses"), ingress("twoingresses2", host_of("twoingresses"))),
        held("twoingresses"),
    ),
    Case(
        "tworoutes",
        "two routes through two Gateways: the record has both addresses",
        (route("tworoutes"), route("tworoutes2", host_of("tworoutes"), gateway="third")),
        held("tworoutes", NEW, resource="httproute/shop/tworoutes"),
        (update("A", NEW, "203.0.113.4"),),
    ),
    Case(
        "extra",
        "hostname on the route adds a name, through the listener",
        (route("extra", f"other.{ZONE}", hostname=host_of("extra")),),
        nothing,
        (create("A", NEW),),
    ),
    Case("unlistened", "no listener takes the hostname", (route("unlistened", gateway="narrow"),), nothing),
    Case(
        "service",
        "a load balancer with a hostname annotation",
        (service("service", hostname=host_of("service")),),
        nothing,
        (create("A", OLD),),
    ),
    Case(
        "servicekept",
        "the Service owns the name: the route gets nothing",
        (service("servicekept", hostname=host_of("servicekept")), route("servicekept")),
        held("servicekept", resource="service/shop/servicekept"),
    ),
    Case(
        "grpc", "a GRPCRoute is no source of gateway-httproute", (route("grpc", kind="GRPCRoute"),), nothing
    ),
    Case(
        "mixedowners",
        "A is ours and AAAA another's: A moves, AAAA stays",
        (route("mixedowners", gateway="dual"),),
        both(
            held("mixedowners"),
            held("mixedowners", "2001:db8::2", kind="AAAA", owner="blue"),
        ),
        (update("A", NEW),),
    ),
)

HOSTS = tuple(host_of(case.name) for case in CASES)
GATEWAYS = (
    gateway("main", NEW),
    gateway("dual", NEW, NEW6),
    gateway("aimed", NEW, target="203.0.113.77"),
    gateway("third", "203.0.113.4"),
    gateway("narrow", NEW, hostname="*.elsewhere.test"),
)


def world() -> tuple[list[Json], Records]:
    """Every case at once."""
    documents = [*namespaces("shop", "infra"), *GATEWAYS]
    records = Records()
    for case in CASES:
        documents += case.objects
        case.records(records)
    return documents, records


def table() -> list[str]:
    """The cases as docs/external-dns.md shows them."""
    rows = []
    for case in CASES:
        does = "; ".join(f"{action} {kind} {', '.join(values)}" for action, kind, values in case.does)
        rows.append(f"| {case.words} | {does or 'keeps all'} |")
    return rows
