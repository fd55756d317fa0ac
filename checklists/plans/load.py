"""Reading a plan file: YAML in, ``Plan`` out, and every mistake named with its file, line and field."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Literal

from . import load_dns, load_watching
from .accepted import accepted
from .fields import HOST, NAME, askable_path, file_beside, matching
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
    TrafficPlan,
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

PLAN_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_ROUTE_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
KNOWN = (
    *("apiVersion", "kind", "name", "hosts", "ingress", "gateway", "routes", "old", "new", "port", "paths"),
    *("tls", "dns", "durations", "thresholds", "on_alarm", "checklist", "waivers", "accept"),
    *("waves", "traffic", "hooks", "postpone_file"),
)
_REQUIRED = ("apiVersion", "kind", "name", "hosts", "gateway", "old", "new", "paths", "dns")


def load_plan(path: str | Path) -> Plan:
    """Read a plan file. UserError names the file, the line, the field and what was expected."""
    file = Path(path)
    return plan_of(load_marked(file), file.resolve().parent)


def plan_of(document: Marked, directory: Path) -> Plan:
    """The plan in a parsed document; relative files are relative to ``directory``."""
    fields = document.fields(KNOWN, _REQUIRED)
    fields["apiVersion"].choice((API_VERSION,))
    fields["kind"].choice((KIND,))
    dns = load_dns.dns(fields["dns"], directory)
    hosts = _hosts(fields["hosts"], dns)
    old, new = _side(fields["old"]), _side(fields["new"])
    if set(old.addresses) & set(new.addresses):
        fields["new"].fail("the new side has an address of the old side", "name the Gateway's own address")
    return Plan(
        name=matching(fields["name"], PLAN_NAME, "letters, digits, dots, dashes"),
        hosts=hosts,
        gateway=_object_name(fields["gateway"]),
        old=old,
        new=new,
        paths=_paths(fields["paths"], hosts),
        dns=dns,
        ingress=tuple(_object_name(item) for item in fields["ingress"].items())
        if "ingress" in fields
        else (),
        routes=tuple(_route_name(item) for item in fields["routes"].items()) if "routes" in fields else (),
        port=fields["port"].whole(1, 65535) if "port" in fields else 443,
        tls=_tls(fields["tls"], directory) if "tls" in fields else TlsPlan(),
        durations=load_watching.durations(fields["durations"]) if "durations" in fields else Durations(),
        thresholds=load_watching.thresholds(fields["thresholds"]) if "thresholds" in fields else Thresholds(),
        on_alarm=_on_alarm(fields["on_alarm"]) if "on_alarm" in fields else "rollback",
        checklist=_checklist(fields["checklist"], directory) if "checklist" in fields else "pre-cutover",
        waivers=tuple(_waiver(item) for item in fields["waivers"].items()) if "waivers" in fields else (),
        accept=tuple(accepted(item, "the plan") for item in fields["accept"].items())
        if "accept" in fields
        else (),
        waves=load_watching.waves(fields["waves"], hosts) if "waves" in fields else (),
        traffic=load_watching.traffic(fields["traffic"], directory) if "traffic" in fields else TrafficPlan(),
        hooks=tuple(load_watching.hook(item) for item in fields["hooks"].items())
        if "hooks" in fields
        else (),
        postpone_file=file_beside(fields["postpone_file"], directory) if "postpone_file" in fields else "",
    )


def _hosts(marked: Marked, dns: DnsPlan) -> tuple[str, ...]:
    hosts = []
    for item in marked.items(1):
        host = matching(item, HOST, "a host name in lower case without a trailing dot")
        if not f".{host}.".endswith(f".{dns.zone}"):
            item.fail(f"{host} is not in dns.zone {dns.zone}", "one plan is one zone")
        if host in hosts:
            item.fail(f"{host} stands here twice")
        hosts.append(host)
    return tuple(hosts)


def _object_name(marked: Marked) -> ObjectName:
    parts = marked.text().split("/")
    if len(parts) != 2 or not all(NAME.fullmatch(part) for part in parts):
        marked.fail(f"expected NAMESPACE/NAME, got {describe(marked.value)}")
    return ObjectName(*parts)


def _route_name(marked: Marked) -> RouteName:
    parts = marked.text().split("/")
    if len(parts) != 3 or parts[0] not in _ROUTE_KINDS or not all(NAME.fullmatch(part) for part in parts[1:]):
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


def _paths(marked: Marked, hosts: tuple[str, ...]) -> tuple[CriticalPath, ...]:
    paths: dict[str, CriticalPath] = {}
    for item in marked.items(1):
        path = _critical_path(item, hosts)
        if path.path in paths:
            item.fail(f"the path {path.path} stands here twice", "name all its hosts in one")
        paths[path.path] = path
    for host in hosts:
        if not any(not path.hosts or host in path.hosts for path in paths.values()):
            marked.fail(f"no path is asked of {host}", "add one without hosts, or with this one among them")
    return tuple(paths.values())


def _critical_path(marked: Marked, hosts: tuple[str, ...]) -> CriticalPath:
    if not isinstance(marked.value, dict):
        return CriticalPath(_path(marked))
    fields = marked.fields(("path", "statuses", "hosts"), ("path",))
    statuses = fields["statuses"].items(1) if "statuses" in fields else ()
    only = fields["hosts"].items(1) if "hosts" in fields else ()
    for item in only:
        if item.text() not in hosts:
            item.fail(f"{describe(item.value)} is not one of the plan's hosts")
    return CriticalPath(
        _path(fields["path"]),
        tuple(item.whole(200, 599) for item in statuses),
        tuple(dict.fromkeys(item.text() for item in only)),
    )


def _path(marked: Marked) -> str:
    text = marked.text()
    if not askable_path(text):
        marked.fail(
            f"expected a path such as /healthz, got {describe(text)}", "encode what is not plain ASCII"
        )
    return text


def _tls(marked: Marked, directory: Path) -> TlsPlan:
    fields = marked.fields(("ca_file",))
    return TlsPlan(file_beside(fields["ca_file"], directory) if "ca_file" in fields else "")


def _on_alarm(marked: Marked) -> Literal["rollback", "hold"]:
    return "hold" if marked.choice(("rollback", "hold")) == "hold" else "rollback"


def _checklist(marked: Marked, directory: Path) -> str:
    text = marked.text()
    return str((directory / text).resolve()) if "/" in text or text.endswith((".yaml", ".yml")) else text


def _waiver(marked: Marked) -> PlannedWaiver:
    fields = marked.fields(("check", "reason"), ("check", "reason"))
    return PlannedWaiver(fields["check"].text(), fields["reason"].text())
