"""Reading a plan file: YAML in, ``Plan`` out, and every mistake named with its file, line and field."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Literal

from .accepted import accepted
from .model import (
    CriticalPath,
    DnsPlan,
    Durations,
    ObjectName,
    Plan,
    PlannedWaiver,
    RouteName,
    Side,
    Thresholds,
    TlsPlan,
    plan_digest,
    plan_from_json,
    plan_to_json,
)
from .yamlmarks import Marked, describe, load_marked

__all__ = [
    "CriticalPath",
    "DnsPlan",
    "Durations",
    "ObjectName",
    "Plan",
    "PlannedWaiver",
    "RouteName",
    "Side",
    "Thresholds",
    "TlsPlan",
    "load_plan",
    "plan_digest",
    "plan_from_json",
    "plan_of",
    "plan_to_json",
]

API_VERSION = "pointsman/v1"
KIND = "CutoverPlan"

_HOST = re.compile(
    r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)
_OBJECT_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
_PLAN_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_ROUTE_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
_KNOWN = (
    *("apiVersion", "kind", "name", "hosts", "ingress", "gateway", "routes", "old", "new", "port", "paths"),
    *("tls", "dns", "durations", "thresholds", "on_alarm", "checklist", "waivers", "accept"),
)
_REQUIRED = ("apiVersion", "kind", "name", "hosts", "gateway", "old", "new", "paths", "dns")


def load_plan(path: str | Path) -> Plan:
    """Read a plan file. UserError names the file, the line, the field and what was expected."""
    file = Path(path)
    return plan_of(load_marked(file), file.resolve().parent)


def plan_of(document: Marked, directory: Path) -> Plan:
    """The plan in a parsed document; relative files are relative to ``directory``."""
    fields = document.fields(_KNOWN, _REQUIRED)
    fields["apiVersion"].choice((API_VERSION,))
    fields["kind"].choice((KIND,))
    dns = _dns(fields["dns"], directory)
    hosts = _hosts(fields["hosts"], dns)
    old, new = _side(fields["old"]), _side(fields["new"])
    if set(old.addresses) & set(new.addresses):
        fields["new"].fail("the new side has an address of the old side", "name the Gateway's own address")
    return Plan(
        name=_matching(fields["name"], _PLAN_NAME, "letters, digits, dots, dashes"),
        hosts=hosts,
        gateway=_object_name(fields["gateway"]),
        old=old,
        new=new,
        paths=_paths(fields["paths"]),
        dns=dns,
        ingress=tuple(_object_name(item) for item in fields["ingress"].items())
        if "ingress" in fields
        else (),
        routes=tuple(_route_name(item) for item in fields["routes"].items()) if "routes" in fields else (),
        port=fields["port"].whole(1, 65535) if "port" in fields else 443,
        tls=_tls(fields["tls"], directory) if "tls" in fields else TlsPlan(),
        durations=_durations(fields["durations"]) if "durations" in fields else Durations(),
        thresholds=_thresholds(fields["thresholds"]) if "thresholds" in fields else Thresholds(),
        on_alarm=_on_alarm(fields["on_alarm"]) if "on_alarm" in fields else "rollback",
        checklist=_checklist(fields["checklist"], directory) if "checklist" in fields else "pre-cutover",
        waivers=tuple(_waiver(item) for item in fields["waivers"].items()) if "waivers" in fields else (),
        accept=tuple(accepted(item, "the plan") for item in fields["accept"].items())
        if "accept" in fields
        else (),
    )


def _matching(marked: Marked, pattern: re.Pattern[str], what: str) -> str:
    text = marked.text()
    # fullmatch: a $ alone would let a final newline pass
    if not pattern.fullmatch(text):
        marked.fail(f"expected {what}, got {describe(text)}")
    return text


def _hosts(marked: Marked, dns: DnsPlan) -> tuple[str, ...]:
    hosts = []
    for item in marked.items(1):
        host = _matching(item, _HOST, "a host name in lower case without a trailing dot")
        if not f".{host}.".endswith(f".{dns.zone}"):
            item.fail(f"{host} is not in dns.zone {dns.zone}", "one plan is one zone")
        if host in hosts:
            item.fail(f"{host} stands here twice")
        hosts.append(host)
    return tuple(hosts)


def _object_name(marked: Marked) -> ObjectName:
    parts = marked.text().split("/")
    if len(parts) != 2 or not all(_OBJECT_NAME.match(part) for part in parts):
        marked.fail(f"expected NAMESPACE/NAME, got {describe(marked.value)}")
    return ObjectName(*parts)


def _route_name(marked: Marked) -> RouteName:
    parts = marked.text().split("/")
    if (
        len(parts) != 3
        or parts[0] not in _ROUTE_KINDS
        or not all(_OBJECT_NAME.match(part) for part in parts[1:])
    ):
        marked.fail(
            f"expected KIND/NAMESPACE/NAME, got {describe(marked.value)}", "for example HTTPRoute/shop/store"
        )
    return RouteName(*parts)


def _side(marked: Marked) -> Side:
    fields = marked.fields(("address", "ipv6"), ("address",))
    address = _ip(fields["address"])
    ipv6 = _ip(fields["ipv6"]) if "ipv6" in fields else ""
    if ipv6 and ":" not in ipv6:
        fields["ipv6"].fail(f"expected an IPv6 address, got {ipv6}")
    if ipv6 and ":" in address:
        fields["address"].fail("expected the IPv4 address beside ipv6", "one of each family")
    return Side(address, ipv6)


def _ip(marked: Marked) -> str:
    try:
        return str(ipaddress.ip_address(marked.text()))
    except ValueError:
        marked.fail(f"expected an IP address, got {describe(marked.value)}", "an address, not a name")


def _paths(marked: Marked) -> tuple[CriticalPath, ...]:
    paths = tuple(_critical_path(item) for item in marked.items(1))
    if len({path.path for path in paths}) != len(paths):
        marked.fail("a path stands here twice")
    return paths


def _critical_path(marked: Marked) -> CriticalPath:
    if not isinstance(marked.value, dict):
        return CriticalPath(_path(marked))
    fields = marked.fields(("path", "statuses"), ("path",))
    statuses = fields["statuses"].items(1) if "statuses" in fields else ()
    return CriticalPath(_path(fields["path"]), tuple(item.whole(200, 599) for item in statuses))


def _path(marked: Marked) -> str:
    text = marked.text()
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        marked.fail(
            f"expected a path such as /healthz, got {describe(text)}", "encode what is not plain ASCII"
        )
    return text


def _file(marked: Marked, directory: Path) -> str:
    return str((directory / marked.text()).resolve())


def _tls(marked: Marked, directory: Path) -> TlsPlan:
    fields = marked.fields(("ca_file",))
    return TlsPlan(_file(fields["ca_file"], directory) if "ca_file" in fields else "")


def _dns(marked: Marked, directory: Path) -> DnsPlan:
    known = ("provider", "zone", "authoritative", "resolvers", "tsig_key_file", "low_ttl", "old_ttl")
    if isinstance(marked.value, dict):
        for name in marked.value:
            if name not in known and re.search(r"secret|password|token|tsig_?key|^key$", name):
                marked.value[name].fail(
                    "a secret does not belong in a plan", "put the key in a file: tsig_key_file"
                )
    fields = marked.fields(known, ("provider", "zone", "authoritative", "low_ttl"))
    provider = fields["provider"].choice(("rfc2136", "show"))
    zone = fields["zone"].text().lower()
    if not _HOST.match(zone.removesuffix(".")) and "." in zone.removesuffix("."):
        fields["zone"].fail(f"expected a zone such as shop.test., got {describe(zone)}")
    if provider == "rfc2136" and "tsig_key_file" not in fields:
        marked.child("tsig_key_file").fail(
            "is missing", "provider rfc2136 signs its updates: name a BIND key file"
        )
    low_ttl = fields["low_ttl"].whole(1, 86400, "seconds")
    return DnsPlan(
        provider="rfc2136" if provider == "rfc2136" else "show",
        zone=zone.removesuffix(".") + ".",
        authoritative=tuple(_server(item) for item in fields["authoritative"].items(1)),
        low_ttl=low_ttl,
        resolvers=tuple(_server(item) for item in fields["resolvers"].items())
        if "resolvers" in fields
        else (),
        tsig_key_file=_file(fields["tsig_key_file"], directory) if "tsig_key_file" in fields else "",
        old_ttl=fields["old_ttl"].whole(low_ttl, 2**31 - 1, "seconds") if "old_ttl" in fields else None,
    )


def _server(marked: Marked) -> str:
    text = marked.text()
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text, "53"
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        if not 1 <= int(port) <= 65535:
            raise ValueError(port)
    except ValueError:
        marked.fail(
            f"expected ADDRESS:PORT of a name server, got {describe(text)}", "for example 192.0.2.53:53"
        )
    return f"[{address}]:{int(port)}" if address.version == 6 else f"{address}:{int(port)}"


def _durations(marked: Marked) -> Durations:
    fields = marked.fields(("watch", "soak", "settle"))
    return Durations(**{name: item.seconds() for name, item in fields.items()})


def _thresholds(marked: Marked) -> Thresholds:
    fields = marked.fields(("min_samples", "p0", "alpha", "rate_per_s", "soak_rate_per_s"))
    default = Thresholds()
    rate = fields["rate_per_s"].number(0, 100) if "rate_per_s" in fields else default.rate_per_s
    soak = (
        fields["soak_rate_per_s"].number(0, 100)
        if "soak_rate_per_s" in fields
        else min(rate, default.soak_rate_per_s)
    )
    return Thresholds(
        min_samples=fields["min_samples"].whole(1, 10_000_000)
        if "min_samples" in fields
        else default.min_samples,
        p0=fields["p0"].number(0, 0.2) if "p0" in fields else default.p0,
        alpha=fields["alpha"].number(0, 0.1) if "alpha" in fields else default.alpha,
        rate_per_s=rate,
        soak_rate_per_s=soak,
    )


def _on_alarm(marked: Marked) -> Literal["rollback", "hold"]:
    return "hold" if marked.choice(("rollback", "hold")) == "hold" else "rollback"


def _checklist(marked: Marked, directory: Path) -> str:
    text = marked.text()
    return str((directory / text).resolve()) if "/" in text or text.endswith((".yaml", ".yml")) else text


def _waiver(marked: Marked) -> PlannedWaiver:
    fields = marked.fields(("check", "reason"), ("check", "reason"))
    return PlannedWaiver(fields["check"].text(), fields["reason"].text())
