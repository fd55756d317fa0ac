"""The servers and locations that ingress-nginx makes of a set of Ingresses.

Read in kubernetes/ingress-nginx (v1.x): internal/ingress/controller/controller.go (createServers,
getBackendServers, mergeAlternativeBackends), location.go, store/store.go (order of Ingresses),
template/template.go (enforceRegexModifier, buildLocation, buildServerName), util/ingress (BuildRedirects),
internal/k8s (the path type ImplementationSpecific becomes Prefix).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..kubernetes_objects import Ingress, IngressServiceBackend
from ..text import clean
from .model import Loss

PREFIX = "nginx.ingress.kubernetes.io/"
DEFAULT_SERVER = "_"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def annotation(ingress: Ingress | None, name: str) -> str:
    """One annotation of ingress-nginx; empty where it is absent."""
    return ingress.meta.annotations.get(PREFIX + name, "") if ingress else ""


def flag(ingress: Ingress | None, name: str, default: bool = False) -> bool:
    """A boolean annotation as Go reads it; what is no boolean counts as absent."""
    value = annotation(ingress, name)
    return True if value in _TRUE else False if value in _FALSE else default


@dataclass(frozen=True, slots=True)
class Upstream:
    """A Service and port in a namespace: ingress-nginx has one for all locations that name it."""

    namespace: str
    backend: IngressServiceBackend

    @property
    def key(self) -> tuple[str, str, str]:
        """Its identity."""
        port = self.backend.port
        return self.namespace, self.backend.name, port.name or str(port.number)


@dataclass(frozen=True, slots=True)
class Location:
    """One location block. ``rule`` and ``match`` count from 1; 0 for the root that every server has.

    ``upstream`` None is the controller's own default backend, which answers 404.
    """

    path: str
    kind: str
    ingress: Ingress | None
    upstream: Upstream | None
    rule: int = 0
    match: int = 0

    @property
    def target(self) -> str:
        """The rewrite-target."""
        return annotation(self.ingress, "rewrite-target")

    @property
    def rewrites(self) -> bool:
        """Whether it rewrites: a target that equals the path does nothing."""
        return bool(self.target) and self.target != self.path


@dataclass(slots=True)
class Server:
    """One server block. ``finished``: its locations stand in order; then ``regex`` says whether any of them
    rewrites or uses expressions, for then all of the host's are case-insensitive expressions."""

    host: str
    locations: list[Location]
    aliases: tuple[str, ...] = ()
    tls: bool = False
    www: bool = False
    passthrough: bool = False
    finished: bool = False
    regex: bool = False
    # where the first location of each path stands, until they are sorted
    places: dict[str, int] = field(default_factory=lambda: {"/": 0})


@dataclass(slots=True)
class Table:
    """All servers by host, and for an upstream its canary (the Ingress and its upstream)."""

    servers: dict[str, Server]
    canaries: dict[tuple[str, str, str], tuple[Ingress, Upstream]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)

    def find(self, host: str) -> Server:
        """The server for a Host header, its locations in order: the exact name or alias, then a wildcard of
        one label, then the default server."""
        server = self._named(host)
        if not server.finished:
            _finish(server)
        return server

    def _named(self, host: str) -> Server:
        exact = self.servers.get(host) if host != DEFAULT_SERVER else None
        if exact is not None:
            return exact
        for server in self.servers.values():
            if host in server.aliases:
                return server
        label, _, rest = host.partition(".")
        wildcard = self.servers.get(f"*.{rest}") if re.fullmatch(r"[\w-]+", label, re.ASCII) else None
        return wildcard or self.servers[DEFAULT_SERVER]

    def www_redirect(self, host: str) -> str | None:
        """Where from-to-www-redirect sends a host that has no server of its own."""
        if host in self.servers:
            return None
        other = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
        server = self.servers.get(other)
        return other if server is not None and server.www else None


def build_table(ingresses: Iterable[Ingress]) -> Table:
    """The table of one controller. The oldest Ingress comes first; of equals, the last by name."""
    ordered = sorted(ingresses, key=lambda one: (one.meta.namespace, one.meta.name), reverse=True)
    ordered.sort(key=_created)
    plain = [one for one in ordered if not flag(one, "canary")]
    table = Table(_servers(plain))
    for ingress in plain:
        _add_locations(table, ingress)
    if plain:
        for ingress in ordered:
            if flag(ingress, "canary"):
                _merge_canary(table, ingress)
    return table


def _created(ingress: Ingress) -> str:
    return ingress.meta.creation_timestamp or "9999"


def _default_upstream(ingress: Ingress) -> Upstream | None:
    backend = ingress.spec.default_backend
    service = backend.service if backend else None
    return Upstream(ingress.meta.namespace, service) if service else None


def _servers(plain: list[Ingress]) -> dict[str, Server]:
    root = Location("/", "Prefix", None, None)
    servers = {DEFAULT_SERVER: Server(DEFAULT_SERVER, [root])}
    for ingress in plain:
        default = _default_upstream(ingress)
        catch_all = servers[DEFAULT_SERVER].locations[0]
        if default and not ingress.spec.rules and catch_all.ingress is None:
            servers[DEFAULT_SERVER].locations[0] = replace(
                catch_all, ingress=ingress, upstream=default, match=1
            )
        for rule in ingress.spec.rules:
            host = rule.host.lower() or DEFAULT_SERVER
            if host not in servers:
                first = Location("/", "Prefix", ingress, default)
                servers[host] = Server(host, [first], passthrough=flag(ingress, "ssl-passthrough"))
    for ingress in plain:
        for rule in ingress.spec.rules:
            server = servers[rule.host.lower() or DEFAULT_SERVER]
            if not server.aliases:
                server.aliases = _aliases(ingress, server.host, servers)
            server.tls = server.tls or (bool(ingress.spec.tls) and server.host != DEFAULT_SERVER)
    return servers


def _aliases(ingress: Ingress, host: str, servers: Mapping[str, Server]) -> tuple[str, ...]:
    named = (one.strip().lower() for one in annotation(ingress, "server-alias").split(","))
    return tuple(dict.fromkeys(one for one in named if one and one != host and one not in servers))


def _add_locations(table: Table, ingress: Ingress) -> None:
    for number, rule in enumerate(ingress.spec.rules, 1):
        server = table.servers[rule.host.lower() or DEFAULT_SERVER]
        for place, path in enumerate(rule.http.paths, 1):
            if path.backend.service is None:
                detail = "it names no Service: ingress-nginx leaves it out"
                table.losses.append(Loss(ingress.ref, "no-service", detail, number, place))
                continue
            new = Location(
                path.path or "/",
                "Exact" if path.path_type == "Exact" else "Prefix",
                ingress,
                Upstream(ingress.meta.namespace, path.backend.service),
                number,
                place,
            )
            _add(table, server, new)


def _add(table: Table, server: Server, new: Location) -> None:
    assert new.ingress is not None
    same = server.places.setdefault(new.path, len(server.locations))
    if same == len(server.locations) or server.locations[same].kind != new.kind:
        server.locations.append(new)
    elif server.locations[same].match == 0:
        server.locations[same] = new
    else:
        first = server.locations[same].ingress
        detail = f"path {clean(new.path, 120)} is already that of the older {first.ref if first else 'one'}"
        table.losses.append(Loss(new.ingress.ref, "older-ingress", detail, new.rule, new.match))
        return
    server.www = server.www or flag(new.ingress, "from-to-www-redirect")


def _merge_canary(table: Table, ingress: Ingress) -> None:
    """A canary joins the upstream of the location with its host, path and type: every location with that
    upstream then has it, and only the first canary of an upstream counts."""
    for number, rule in enumerate(ingress.spec.rules, 1):
        server = table.servers.get(rule.host.lower() or DEFAULT_SERVER)
        for place, path in enumerate(rule.http.paths, 1):
            if path.backend.service is None:
                continue
            canary = Upstream(ingress.meta.namespace, path.backend.service)
            kind = "Exact" if path.path_type == "Exact" else "Prefix"
            main = next(
                (
                    one.upstream
                    for one in (server.locations if server else ())
                    if one.upstream and one.path == (path.path or "/") and one.kind == kind
                ),
                None,
            )
            why = ""
            if main is None:
                why = "no other Ingress has its host, path and path type"
            elif main.key == canary.key:
                why = "its backend is the main one"
            elif main.key in table.canaries:
                why = "another canary of that backend comes first"
            else:
                table.canaries[main.key] = (ingress, canary)
            if why:
                table.losses.append(
                    Loss(ingress.ref, "canary-without-effect", f"canary: {why}", number, place)
                )


def _finish(server: Server) -> None:
    """Sorts the locations, longest path first, and gives each plain prefix its two blocks."""
    server.locations.sort(key=lambda one: one.path, reverse=True)
    server.locations.sort(key=lambda one: -len(one.path))
    exact = {one.path for one in server.locations if one.kind == "Exact"}
    finished: list[Location] = []
    for one in server.locations:
        if one.path == "/" or one.kind == "Exact" or one.rewrites or flag(one.ingress, "use-regex"):
            finished.append(one)
            continue
        finished.append(replace(one, path=one.path if one.path.endswith("/") else f"{one.path}/"))
        if one.path not in exact:
            finished.append(replace(one, kind="Exact"))
    server.locations, server.finished = finished, True
    server.regex = any(one.rewrites or flag(one.ingress, "use-regex") for one in finished)
