"""external-dns beside a migration: settings that a route does not repeat, and what it will do by itself.

Source: external-dns docs (annotations, sources/gateway-api, flags): the first owner of a name keeps it;
--policy=sync deletes what no source wants; a Gateway's records go to its addresses as routes attach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ....cluster.knowledge.annotations import external_dns_key
from ....cluster.kubernetes_objects import Ingress
from ..world import World
from .context import HostTwin

_OWN_TARGET = "target"


@dataclass(frozen=True, slots=True)
class LostSetting:
    """An annotation of external-dns on the Ingress, which nothing on the new side repeats.

    ``unknown`` says why something may repeat it all the same; empty where nothing does.
    """

    key: str
    value: str
    holder: str
    unknown: str = ""


def lost_settings(world: World, ingress: Ingress, hosts: tuple[HostTwin, ...]) -> Iterator[LostSetting]:
    """``target`` is read from the Gateway, all others from the route (external-dns, gateway-api source)."""
    wanted = _settings(ingress.meta.annotations)
    wanted.pop("hostname", None)
    twins = [twin for twin in hosts if twin.has_twin]
    if not wanted or not twins:
        return
    routes = [world.snapshot.routes.get(ref) for twin in twins for ref in twin.new.all_routes]
    gateways = [world.snapshot.gateways.get(ref) for twin in twins for ref in twin.new.all_gateways]
    unknown = next((twin.new.unsure for twin in twins if twin.new.unsure), "")
    on_routes = [_settings(one.meta.annotations) for one in routes if one is not None]
    on_gateways = [_settings(one.meta.annotations) for one in gateways if one is not None]
    for key, value in sorted(wanted.items()):
        holders, holder = (on_gateways, "Gateway") if key == _OWN_TARGET else (on_routes, "route")
        if not any(key in one for one in holders):
            yield LostSetting(key, value, holder, unknown)


def _settings(annotations: Mapping[str, str]) -> dict[str, str]:
    return {short: value for key, value in annotations.items() if (short := external_dns_key(key))}
