"""The plan of a zone's cutover, as its operator would write it."""

from __future__ import annotations

from pathlib import Path

from edges_world import LOW_TTL, EdgeWorld
from served_zones import UNBOUND

# what is typed for a plan of several hosts
NAME = "shop-move"
_ACCEPTED = """\
accept:
  - {path: /*, field: header strict-transport-security, reason: the application is to send it itself}
  - {path: /admin/*, field: PAR051, reason: both refuse and each says it in its own words}
"""


# the checklist for those who have no cluster to ask, less gentle: nobody else uses these servers
_CHECKLIST = """\
apiVersion: pointsman/v1
kind: Checklist
name: edges
include: without-cluster
leave_out: [parity, cache-warm-up, error-watch]
checks:
  - {id: parity, title: same answers, probe: parity, gate: before-lower-ttl, params: {rate_per_s: 100}}
  - {id: warm-up, title: warm-up, probe: cache-warm-up, gate: before-switch, params: {rate_per_s: 100}}
  - id: error-watch
    title: errors before and after
    probe: error-watch
    gate: before-switch
    again: [after-switch]
    params: {seconds: 1}
"""
# what a person says who has looked; the old side's idleness comes last
TOLD, IDLE = ("gateway-told", "owner-told"), "idle-told"


def plan_file(
    world: EdgeWorld,
    zone: str,
    *,
    checklist: str = "./checks.yaml",
    head: str = "",
    accepted: str = _ACCEPTED,
    **durations: str,
) -> Path:
    """The plan's file in the world's folder; ``head`` are further lines of it."""
    (world.folder / "checks.yaml").write_text(_CHECKLIST)
    names = world.names
    lasting = {"watch": "4s", "soak": "2s", "settle": "300ms"} | durations
    path = world.folder / f"{zone}.yaml"
    path.write_text(f"""\
apiVersion: pointsman/v1
kind: CutoverPlan
name: {NAME}
hosts: [shop.{zone}, api.{zone}]
{head}gateway: infra/edge
old: {{address: {names.old}}}
new: {{address: {names.new}}}
port: {world.port}
paths:
  - /healthz
  - {{path: "/catalog/item?id=7", hosts: [shop.{zone}]}}
  - {{path: /old-catalog, statuses: [301], hosts: [shop.{zone}]}}
  - {{path: /admin/users, statuses: [403], hosts: [shop.{zone}]}}
  - {{path: /api/v1/items, hosts: [api.{zone}]}}
  - {{path: /API/v1/items, hosts: [api.{zone}]}}
tls: {{ca_file: {world.pki.root}}}
dns:
  provider: rfc2136
  zone: {zone}.
  authoritative: ["{names.at(names.authority(zone))}"]
  resolvers: ["{names.at(UNBOUND)}"]
  tsig_key_file: {names.key_file}
  low_ttl: {LOW_TTL}
durations: {{{", ".join(f"{name}: {value}" for name, value in lasting.items())}}}
thresholds: {{min_samples: 30, p0: 0.001, alpha: 0.001, rate_per_s: 10, soak_rate_per_s: 10}}
on_alarm: rollback
checklist: {checklist}
{accepted}""")
    return path
