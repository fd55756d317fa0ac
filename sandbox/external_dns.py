"""A practice external-dns: it follows Ingresses and HTTPRoutes, and writes records with their owners.

It does what external-dns v0.21 does with these arguments of its Deployment, and knows no others: ``--source``
(ingress, gateway-httproute), ``--policy``, ``--txt-owner-id``, ``--txt-prefix``, ``--domain-filter``,
``--annotation-prefix``, ``--gateway-name``, ``--interval``. It stands still while it is scaled to none.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .apiserver.storage import Storage
from .controller_view import ClusterView, host_covers, name_of, namespace_of, selects, spec_of
from .dns_zone import Zone

Json = dict[str, Any]
IMAGE = "external-dns"
INGRESSES = "networking.k8s.io"
GATEWAYS = "gateway.networking.k8s.io"
_TYPES = ("A", "AAAA", "CNAME")
_SAID = re.compile(r"external-dns/(owner|resource)=([^,\"]*)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """One record set that an object wants, and the object as its ownership record names it."""

    host: str
    type: str
    values: tuple[str, ...]
    ttl: int
    resource: str

    @property
    def order(self) -> tuple[int, tuple[tuple[int, bytes, str], ...]]:
        """Of two wishes without an owner the lesser one wins: fewer values, then the lower address."""
        return len(self.values), tuple(sorted(map(_order, self.values)))


class PracticeExternalDns:
    """Runs from ``start`` until ``stop``, once an interval. ``default_ttl`` is the provider's own."""

    def __init__(self, storage: Storage, zone: Zone, default_ttl: int) -> None:
        self._storage = storage
        self._zone = zone
        self._default_ttl = default_ttl
        self._task: asyncio.Task[None] | None = None
        self.rounds = 0

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work(), name="practice external-dns")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            interval_s = 1.0
            for arguments in self._deployments():
                interval_s = min(interval_s, _seconds(arguments.get("--interval", ["1s"])[-1]))
                try:
                    self.round(arguments)
                except Exception:  # noqa: BLE001 - objects of any shape can be written to this cluster
                    _log.exception("the practice external-dns could not finish its round")
            await asyncio.sleep(interval_s)

    def _deployments(self) -> Iterator[dict[str, list[str]]]:
        """The arguments of each external-dns that is meant to run."""
        for deployment in self._storage.list("Deployment", group="apps"):
            spec = spec_of(deployment)
            pod = (spec.get("template") or {}).get("spec") or {}
            for container in pod.get("containers") or ():
                image = str(container.get("image") or "").rpartition("/")[2].partition(":")[0]
                if image == IMAGE and spec.get("replicas") != 0:
                    yield _arguments(container.get("args") or ())

    # -- one round

    def round(self, arguments: Mapping[str, list[str]]) -> None:
        """Bring the zone to what the objects want, as far as the policy and the ownership allow."""
        self.rounds += 1
        wishes: dict[tuple[str, str], list[Wish]] = {}
        for wish in self._wishes(arguments):
            if _in_domains(wish.host, arguments.get("--domain-filter", [])):
                wishes.setdefault((wish.host, wish.type), []).append(wish)
        owner = arguments.get("--txt-owner-id", ["default"])[-1]
        prefix = arguments.get("--txt-prefix", [""])[-1]
        policy = arguments.get("--policy", ["sync"])[-1]
        hosts = {host for host, _ in wishes} | set(self._owned_hosts(owner, prefix))
        for host in sorted(hosts):
            if _in_domains(host, arguments.get("--domain-filter", [])):
                self._bring(host, wishes, owner, prefix, policy)

    def _bring(
        self,
        host: str,
        wishes: Mapping[tuple[str, str], list[Wish]],
        owner: str,
        prefix: str,
        policy: str,
    ) -> None:
        there = {kind: found for kind in _TYPES if (found := self._zone.get(f"{host}.", kind)) is not None}
        said = {kind: self._said(host, kind, prefix) for kind in there}
        all_ours = all(one.get("owner") == owner for one in said.values())
        wanted = {kind: wishes[host, kind] for kind in _TYPES if wishes.get((host, kind))}
        if "CNAME" in wanted and len(wanted) > 1:
            del wanted["CNAME"]
        for kind, current in there.items():
            if said[kind].get("owner") != owner:
                continue
            if kind not in wanted:
                if policy == "sync":
                    self._delete(host, kind, prefix)
                continue
            resource = said[kind].get("resource")
            ranked = sorted(wanted[kind], key=lambda wish: wish.order)
            wish = next((one for one in ranked if one.resource == resource), ranked[0])
            values = tuple(sorted(str(value).removesuffix(".") for value in current))
            differs = values != wish.values or (wish.ttl and wish.ttl != current.ttl)
            if differs and policy != "create-only":
                self._write(wish, owner, prefix)
        for kind in wanted.keys() - there.keys():
            if all_ours:
                self._write(min(wanted[kind], key=lambda wish: wish.order), owner, prefix)

    def _write(self, wish: Wish, owner: str, prefix: str) -> None:
        values = [f"{value}." if wish.type == "CNAME" else value for value in wish.values]
        if wish.type == "CNAME":
            for kind in ("A", "AAAA"):
                self._zone.delete(f"{wish.host}.", kind)
        self._zone.set(f"{wish.host}.", wish.ttl or self._default_ttl, wish.type, *values)
        text = f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource={wish.resource}"'
        self._zone.set(f"{txt_name(wish.host, wish.type, prefix)}.", 300, "TXT", text)

    def _delete(self, host: str, kind: str, prefix: str) -> None:
        self._zone.delete(f"{host}.", kind)
        self._zone.delete(f"{txt_name(host, kind, prefix)}.", "TXT")

    def _said(self, host: str, kind: str, prefix: str) -> dict[str, str]:
        found = self._zone.get(f"{txt_name(host, kind, prefix)}.", "TXT")
        return dict(_SAID.findall(" ".join(str(one) for one in found or ())))

    def _owned_hosts(self, owner: str, prefix: str) -> Iterator[str]:
        for name, sets in self._zone.records.items():
            host = name.to_text(omit_final_dot=True)
            for kind in _TYPES:
                if (
                    any(one.name == kind for one in sets)
                    and self._said(host, kind, prefix).get("owner") == owner
                ):
                    yield host

    # -- what the objects want

    def _wishes(self, arguments: Mapping[str, list[str]]) -> Iterator[Wish]:
        prefix = arguments.get("--annotation-prefix", ["external-dns.alpha.kubernetes.io/"])[-1]
        sources = arguments.get("--source", [])
        if "ingress" in sources:
            for ingress in self._storage.list("Ingress", group=INGRESSES):
                yield from _of_ingress(ingress, prefix)
        if "gateway-httproute" in sources:
            kinds = (("Gateway", GATEWAYS), ("Namespace", ""))
            view = ClusterView(
                [one for kind, group in kinds for one in self._storage.list(kind, group=group)]
            )
            only = arguments.get("--gateway-name", [""])[-1]
            for route in self._storage.list("HTTPRoute", group=GATEWAYS):
                yield from _of_route(view, route, prefix, only)


def txt_name(host: str, kind: str, prefix: str = "") -> str:
    """Where the ownership record of a record set stands."""
    return f"{prefix}{kind.lower()}-{host}"


def _of_ingress(ingress: Json, prefix: str) -> Iterator[Wish]:
    said = _annotations(ingress, prefix)
    if said.get("controller", "dns-controller") != "dns-controller":
        return
    spec = spec_of(ingress)
    hosts = [rule.get("host") for rule in spec.get("rules") or ()]
    hosts += [host for tls in spec.get("tls") or () for host in tls.get("hosts") or ()]
    named = _list(said.get("hostname"))
    source = said.get("ingress-hostname-source")
    if source is not None:
        hosts = {"defined-hosts-only": hosts, "annotation-only": []}.get(source.lower(), [])
        named = named if source.lower() == "annotation-only" else []
    entries = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    targets = _list(said.get("target")) or [
        str(one[key]) for one in entries for key in ("ip", "hostname") if one.get(key)
    ]
    resource = f"ingress/{namespace_of(ingress)}/{name_of(ingress)}"
    for host in dict.fromkeys(str(host) for host in (*hosts, *named) if host):
        yield from _wishes_for(host, targets, said, resource)


def _of_route(view: ClusterView, route: Json, prefix: str, only: str) -> Iterator[Wish]:
    said = _annotations(route, prefix)
    if said.get("controller", "dns-controller") != "dns-controller":
        return
    spec_hosts = [str(host) for host in spec_of(route).get("hostnames") or ()]
    named = _list(said.get("hostname"))
    source = said.get("gateway-hostname-source", "").lower()
    hosts = {"annotation-only": named, "defined-hosts-only": spec_hosts}.get(source, [*spec_hosts, *named])
    found: dict[str, set[str]] = {}
    for parent in (route.get("status") or {}).get("parents") or ():
        conditions = {one.get("type"): one.get("status") for one in parent.get("conditions") or ()}
        ref = parent.get("parentRef") or {}
        namespace, name = str(ref.get("namespace") or namespace_of(route)), str(ref.get("name"))
        gateway = view.get("Gateway", namespace, name)
        if conditions.get("Accepted") != "True" or gateway is None or (only and only != name):
            continue
        targets = _list(_annotations(gateway, prefix).get("target")) or [
            str(one["value"])
            for one in (gateway.get("status") or {}).get("addresses") or ()
            if one.get("value")
        ]
        for listener in spec_of(gateway).get("listeners") or ():
            if not _takes(view, namespace, listener, ref, route):
                continue
            pattern = str(listener.get("hostname") or "")
            for host in hosts:
                if not pattern or pattern == host or host_covers(pattern, host):
                    found.setdefault(host, set()).update(targets)
    resource = f"httproute/{namespace_of(route)}/{name_of(route)}"
    for host, values in found.items():
        yield from _wishes_for(host, sorted(values), said, resource)


def _takes(view: ClusterView, namespace: str, listener: Json, ref: Json, route: Json) -> bool:
    if listener.get("protocol") not in ("HTTP", "HTTPS"):
        return False
    if ref.get("sectionName") and ref["sectionName"] != listener.get("name"):
        return False
    allowed = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    own = namespace_of(route)
    if allowed.get("from") == "All":
        return True
    if allowed.get("from") == "Selector":
        return selects(allowed.get("selector"), view.labels_of_namespace(own))
    return own == namespace


def _wishes_for(host: str, targets: Iterable[str], said: Mapping[str, str], resource: str) -> Iterator[Wish]:
    by_type: dict[str, set[str]] = {}
    for target in targets:
        by_type.setdefault(_type_of(target), set()).add(target)
    ttl = int(said["ttl"]) if said.get("ttl", "").isdigit() else 0
    for kind, values in by_type.items():
        yield Wish(host.lower(), kind, tuple(sorted(values)), ttl, resource)


def _type_of(target: str) -> str:
    try:
        return "A" if ipaddress.ip_address(target).version == 4 else "AAAA"
    except ValueError:
        return "CNAME"


def _order(target: str) -> tuple[int, bytes, str]:
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        return 9, b"", target
    return address.version, address.packed, ""


def _annotations(obj: Json, prefix: str) -> dict[str, str]:
    every = obj["metadata"].get("annotations") or {}
    return {key.removeprefix(prefix): str(value) for key, value in every.items() if key.startswith(prefix)}


def _list(text: str | None) -> list[str]:
    return [part for part in (text or "").replace(" ", "").split(",") if part]


def _arguments(words: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        name, _, value = str(word).partition("=")
        found.setdefault(name, []).append(value)
    return found


def _in_domains(host: str, domains: Iterable[str]) -> bool:
    names = [one for one in domains if one]
    return not names or any(host == one or host.endswith(f".{one}") for one in names)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)?", text)
    if found is None:
        return 1.0
    return float(found[1]) * {"ms": 0.001, "m": 60.0}.get(found[2] or "s", 1.0)
