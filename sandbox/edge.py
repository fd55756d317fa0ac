"""The practice edges: a TLS proxy in the manner of ingress-nginx, and one in the manner of Envoy."""

from __future__ import annotations

import asyncio
import errno
import json
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

from .edge_counters import UNKNOWN_HOST, EdgeCounters
from .edge_metrics import envoy_metrics, nginx_metrics
from .edge_model import EVERY_HOST, NO_FAULTS, Controller, EdgeRule, Faults, VirtualHost
from .edge_routing import Routing, Turns, falls_due, host_of, matches, rules_for
from .edge_tls import EdgeTls, TlsListener
from .errors import SandboxError

__all__ = ["Edge", "EdgeCounters", "EdgeRule", "Faults", "VirtualHost", "start_together"]

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_CACHED_S = 60
_MOST_CACHED = 4096
_KEEPALIVE_S = 60.0
_GRACE_S = 0.5
_PORT_TRIES = 30
_HSTS = "max-age=31536000; includeSubDomains"
_REDIRECT = {"ingress-nginx": 308, "envoy": 301}
_SERVER = {"ingress-nginx": "nginx", "envoy": "envoy"}


class Edge:
    """One edge on its own loopback address: HTTPS by name (SNI), and plain HTTP that redirects to it.

    ``controller`` is whose manners it has; by default Envoy's where ``name`` is "new", else ingress-nginx's.
    ``faults`` (by host, "*" for all) and the routing may be changed at any time, for the next handshake or
    request. ``miss_delay_s`` is what the first request of a path costs more than the later ones.
    ``directory`` (private; the system's temporary one if None) holds a key for the moment of loading it.
    """

    def __init__(
        self,
        name: str,
        address: str,
        directory: Path | None = None,
        *,
        controller: Controller | None = None,
        miss_delay_s: float = 0.0,
    ) -> None:
        self.name = name
        self.address = address
        self.controller: Controller = controller or ("envoy" if name == "new" else "ingress-nginx")
        self.faults: dict[str, Faults] = {}
        self.counters = EdgeCounters()
        self.port = 0
        self.http_port = 0
        self._miss_delay_s = miss_delay_s
        self._routing = Routing({})
        self._tls = EdgeTls(self.controller, directory, self._find, self._faults_of)
        self._turns: dict[tuple[str, tuple[EdgeRule, ...]], Turns] = {}
        self._faulty: Counter[tuple[str, float]] = Counter()
        self._cache: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._servers: list[web.Server] = []
        self._https: TlsListener | None = None
        self._http: asyncio.Server | None = None

    def configure(self, hosts: Mapping[str, VirtualHost]) -> None:
        """Replace the whole routing, from the next handshake and request on; counters and cache stay."""
        for host in hosts.values():
            if host.certificate is not None:
                self._tls.load(host.certificate)
        self._routing = Routing(hosts)
        # Rules that stay keep their turn: a controller that writes often must not favour the first.
        kept = {host.host: set(host.rules) for host in hosts.values()}
        self._turns = {
            (host, rules): turns
            for (host, rules), turns in self._turns.items()
            if kept.get(host, set()).issuperset(rules)
        }

    async def start(self, port: int = 0, http_port: int = 0) -> int:
        """Listen; returns the HTTPS port. The plain HTTP one is in ``http_port``. SandboxError if in use."""
        if self._https is not None:
            raise SandboxError(f"the {self.name} edge listens on {self.address}:{self.port} already")
        self._https = TlsListener(self._server(self._answer), self._tls, self.counters)
        try:
            self.port = self._https.start(self.address, port)
            self._http = await asyncio.get_running_loop().create_server(
                self._server(self._redirect), self.address, http_port
            )
        except OSError as error:
            await self.stop()
            reason = error.strerror or str(error)
            raise SandboxError(f"the {self.name} edge cannot listen on {self.address}: {reason}") from error
        self.http_port = self._http.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Stop listening and close every connection; the counters stay readable."""
        http, https, servers = self._http, self._https, self._servers
        self._http, self._https, self._servers = None, None, []
        if http is not None:
            http.close()
        if https is not None:
            await https.stop()
        await asyncio.gather(*(server.shutdown(_GRACE_S) for server in servers))
        if http is not None:
            await http.wait_closed()

    def forget_cache(self) -> None:
        """Empty the cache: the next request of each path is a MISS."""
        self._cache.clear()

    def prometheus_text(self) -> str:
        """The counters as the controller's own metrics endpoint would show them."""
        if self.controller == "envoy":
            return envoy_metrics(self.counters, self.address, self.port)
        return nginx_metrics(self.counters, f"practice-{self.name}")

    def _server(self, handler: Handler) -> web.Server:
        server = web.Server(handler, access_log=None, keepalive_timeout=_KEEPALIVE_S)
        self._servers.append(server)
        return server

    def _find(self, name: str) -> VirtualHost | None:
        return self._routing.find(name)

    def _faults_of(self, host: str) -> Faults:
        everywhere = self.faults.get(EVERY_HOST, NO_FAULTS)
        here = self.faults.get(host)
        return everywhere if here is None else here.merged(everywhere)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        name = host_of(request.headers.get("Host", ""))
        if self.controller == "ingress-nginx":
            name = name.removesuffix(".")  # nginx takes "host." for "host", Envoy does not
        host = self._find(name)
        label = host.host if host else UNKNOWN_HOST
        faults = self._faults_of(label)
        if faults.delay_s:
            await asyncio.sleep(faults.delay_s)
        response = await self._respond(request, name, host, faults)
        for header in faults.dropped_headers:
            response.headers.popall(header, None)
        agent = request.headers.get("User-Agent", "")
        self.counters.count_request(label, request.method, response.status, agent)
        return response

    async def _respond(
        self, request: web.BaseRequest, name: str, host: VirtualHost | None, faults: Faults
    ) -> web.Response:
        path = request.rel_url.raw_path
        if host is None or any(matches(missing, path) for missing in faults.missing_paths):
            return self._plain(404, "no route")
        if self._error_is_due(host.host, faults):
            return self._plain(faults.error_status, "practice fault")
        rule = self._rule(host, path)
        if rule is None:
            return self._plain(404, "no route")
        if rule.status >= 500:
            return self._plain(rule.status, rule.body or "backend unavailable", rule.headers)
        headers = self._headers()
        if rule.status == 200 and request.method in ("GET", "HEAD"):
            headers["Cache-Control"] = f"public, max-age={_CACHED_S}"
            headers["X-Cache"] = await self._from_cache(name, request.path_qs)
        return self._with_body(rule, name, path, headers)

    def _with_body(self, rule: EdgeRule, name: str, path: str, headers: CIMultiDict[str]) -> web.Response:
        """The same words on both edges for the same host, path and backend."""
        for header in {header.lower() for header, _ in rule.headers}:
            headers.popall(header, None)
        if rule.body:
            body, content_type = rule.body, "text/plain; charset=utf-8"
        else:
            body = json.dumps({"host": name, "path": path, "backend": rule.backend}) + "\n"
            content_type = "application/json"
        headers.extend(rule.headers)
        headers.setdefault("Content-Type", content_type)
        without_body = rule.status in (204, 304)
        return web.Response(status=rule.status, body=None if without_body else body.encode(), headers=headers)

    def _plain(self, status: int, text: str, more: tuple[tuple[str, str], ...] = ()) -> web.Response:
        headers = self._headers()
        headers["Cache-Control"] = "no-store"
        headers["Content-Type"] = "text/plain; charset=utf-8"
        headers.update(more)
        return web.Response(status=status, body=f"{text}\n".encode(), headers=headers)

    def _headers(self) -> CIMultiDict[str]:
        headers = CIMultiDict({"Server": _SERVER[self.controller]})
        if self.controller == "ingress-nginx":
            headers["Strict-Transport-Security"] = _HSTS  # on by default there, and nowhere in Envoy
        return headers

    def _rule(self, host: VirtualHost, path: str) -> EdgeRule | None:
        rules = rules_for(host, path)
        if len(rules) <= 1:
            return rules[0] if rules else None
        key = (host.host, rules)
        turns = self._turns.get(key)
        if turns is None:
            turns = self._turns[key] = Turns(rules)
        return turns.next()

    def _error_is_due(self, host: str, faults: Faults) -> bool:
        if faults.error_share <= 0:
            return False
        if faults.error_random:
            return random.random() < faults.error_share  # noqa: S311 - chance, not a secret
        key = (host, faults.error_share)
        self._faulty[key] += 1
        return falls_due(self._faulty[key], faults.error_share)

    async def _from_cache(self, name: str, path: str) -> str:
        key, now = (name, path), time.monotonic()
        if self._cache.get(key, 0.0) > now:
            return "HIT"
        self._cache[key] = now + _CACHED_S
        self._cache.move_to_end(key)
        if len(self._cache) > _MOST_CACHED:
            self._cache.popitem(last=False)
        if self._miss_delay_s:
            await asyncio.sleep(self._miss_delay_s)
        return "MISS"

    async def _redirect(self, request: web.BaseRequest) -> web.Response:
        name = host_of(request.headers.get("Host", ""))
        host = self._find(name)
        self.counters.redirects[host.host if host else UNKNOWN_HOST] += 1
        if host is None:
            return self._plain(404, "no route")
        authority = name if self.port == 443 else f"{name}:{self.port}"
        headers = {"Server": _SERVER[self.controller], "Location": f"https://{authority}{request.path_qs}"}
        return web.Response(status=_REDIRECT[self.controller], headers=headers)


async def start_together(*edges: Edge) -> int:
    """Start ``edges`` on one HTTPS port that is free on all of their addresses; returns the port."""
    if not edges:
        raise SandboxError("there is no edge to start")
    for _ in range(_PORT_TRIES):
        port = await edges[0].start()
        try:
            for edge in edges[1:]:
                await edge.start(port)
        except SandboxError as error:
            for edge in edges:
                await edge.stop()
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    raise SandboxError("found no port that is free on " + ", ".join(edge.address for edge in edges))
