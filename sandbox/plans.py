"""The plan files of a practice world: for each host and campaign, with what this world really listens on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from .pki import write_private
from .scenario import HostPlan, Pace

# the pods that stand for the two edges, and show what those count
_TRAFFIC = {
    "old": {
        "pods": {
            "controller": "ingress-nginx",
            "namespace": "ingress-nginx",
            "selector": "app.kubernetes.io/part-of=ingress-nginx,app.kubernetes.io/component=controller",
        }
    },
    "new": {
        "pods": {
            "controller": "envoy-gateway",
            "namespace": "envoy-gateway-system",
            "selector": "gateway.envoyproxy.io/owning-gateway-name=main,"
            "gateway.envoyproxy.io/owning-gateway-namespace=infra",
        }
    },
}


# how much of the soak the old side has to be without clients
_QUIET = 0.6


@dataclass(frozen=True, slots=True)
class Places:
    """Where a world is to be reached. Servers are `ip:port`."""

    old_address: str
    new_address: str
    https_port: int
    authority: str
    resolver: str
    ca_file: Path
    tsig_key_file: Path


def write_plan(directory: Path, zone: str, plan: HostPlan, places: Places, pace: Pace) -> Path:
    """Write `plans/<host>.yaml`; the thresholds are such that a healthy watch of that pace can pass."""
    document = _document(plan.host.split(".")[0], zone, [plan], places, pace)
    return _write(directory / f"{plan.host}.yaml", document)


def write_campaign(
    directory: Path,
    zone: str,
    name: str,
    waves: Sequence[Sequence[HostPlan]],
    places: Places,
    pace: Pace,
) -> Path:
    """Write `plans/<name>.yaml` for several hosts in waves."""
    document = _document(name, zone, [host for wave in waves for host in wave], places, pace)
    document["waves"] = [[host.host for host in wave] for wave in waves]
    return _write(directory / f"{name}.yaml", document)


def _write(file: Path, document: dict[str, object]) -> Path:
    text = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return write_private(file, text.encode())


def _document(
    name: str, zone: str, hosts: Sequence[HostPlan], places: Places, pace: Pace
) -> dict[str, object]:
    rate = 10 if pace.watch >= 10 else 20
    routes = _each(route for host in hosts for route in host.routes)
    return {
        "apiVersion": "pointsman/v1",
        "kind": "CutoverPlan",
        "name": name,
        "hosts": [host.host for host in hosts],
        "ingress": _each(ingress for host in hosts for ingress in host.ingress),
        "gateway": hosts[0].gateway,
        **({"routes": routes} if routes else {}),
        "old": {"address": places.old_address},
        "new": {"address": places.new_address},
        "port": places.https_port,
        "paths": _paths(hosts),
        "tls": {"ca_file": str(places.ca_file)},
        "dns": {
            "provider": "rfc2136",
            "zone": f"{zone}.",
            "authoritative": [places.authority],
            "resolvers": [places.resolver],
            "tsig_key_file": str(places.tsig_key_file),
            "low_ttl": pace.low_ttl,
            **{name: value for host in hosts for name, value in host.dns.items()},
        },
        "durations": {
            "watch": _seconds(pace.watch),
            "soak": _seconds(pace.soak),
            "settle": "1s",
            "pause": _seconds(pace.pause),
            "quiet": _seconds(pace.soak * _QUIET),
        },
        "thresholds": {
            "min_samples": max(10, int(pace.watch * rate * 2 / 3)),
            "p0": 0.001,
            "alpha": 0.001,
            "rate_per_s": rate,
        },
        "traffic": _TRAFFIC,
        "on_alarm": "rollback",
        "checklist": "pre-cutover",
        "accept": [
            {
                "path": "/*",
                "field": "header strict-transport-security",
                "reason": "the shop sends it itself from the next release on",
            },
            *(item for host in hosts for item in host.accept),
        ],
    }


def _paths(hosts: Sequence[HostPlan]) -> list[object]:
    """Each path once; with the hosts that it is asked of, where those are not all."""
    found: list[object] = []
    for path in _each(path for host in hosts for path in host.paths):
        only = [host.host for host in hosts if path in host.paths]
        found.append(path if len(only) == len(hosts) else {"path": path, "hosts": only})
    return found


def _each(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _seconds(seconds: float) -> str:
    return f"{seconds:g}s"
