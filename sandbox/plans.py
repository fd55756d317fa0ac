"""The plan files of a practice world: one for each host, with what this world really listens on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from .pki import write_private
from .scenario import HostPlan, Pace


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
    rate = 10 if pace.watch >= 10 else 20
    document: dict[str, object] = {
        "apiVersion": "pointsman/v1",
        "kind": "CutoverPlan",
        "name": plan.host.split(".")[0],
        "hosts": [plan.host],
        "ingress": list(plan.ingress),
        "gateway": plan.gateway,
        "old": {"address": places.old_address},
        "new": {"address": places.new_address},
        "port": places.https_port,
        "paths": list(plan.paths),
        "tls": {"ca_file": str(places.ca_file)},
        "dns": {
            "provider": "rfc2136",
            "zone": f"{zone}.",
            "authoritative": [places.authority],
            "resolvers": [places.resolver],
            "tsig_key_file": str(places.tsig_key_file),
            "low_ttl": pace.low_ttl,
            **plan.dns,
        },
        "durations": {"watch": _seconds(pace.watch), "soak": _seconds(pace.soak), "settle": "1s"},
        "thresholds": {
            "min_samples": max(10, int(pace.watch * rate * 2 / 3)),
            "p0": 0.001,
            "alpha": 0.001,
            "rate_per_s": rate,
        },
        "on_alarm": "rollback",
        "checklist": "pre-cutover",
        "accept": [
            {
                "path": "/*",
                "field": "header strict-transport-security",
                "reason": "the shop sends it itself from the next release on",
            },
            *plan.accept,
        ],
    }
    if plan.routes:
        document["routes"] = list(plan.routes)
    text = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    return write_private(directory / f"{plan.host}.yaml", text.encode())


def _seconds(seconds: float) -> str:
    return f"{seconds:g}s"
