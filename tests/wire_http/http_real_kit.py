"""nginx, Envoy, a gRPC server and an aiohttp application on loopback, as one edge with two proxies."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from http_kit import HOST, certified
from real_envoy import find_envoy

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CURL = shutil.which("curl")
HAS_GRPC = all(importlib.util.find_spec(name) for name in ("grpc", "grpc_health"))
_TYPE = "type.googleapis.com/envoy.extensions."


ENVOY = find_envoy()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(arguments: list[str], port: int) -> Iterator[None]:
    """The program until the block ends; the test fails where nothing listens at ``port`` in ten seconds."""
    child = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        for _ in range(200):
            if child.poll() is not None:
                pytest.fail(f"{arguments[0]}: {child.stderr.read()[-2000:] if child.stderr else ''}")
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        child.terminate()
        child.communicate(timeout=20)


@contextlib.contextmanager
def application() -> Iterator[int]:
    """An aiohttp application with a WebSocket, an event stream and a page; its port."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.version} {request.host} {request.path_qs}")

    async def chat(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        async for _ in response:
            pass
        return response

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        with contextlib.suppress(ConnectionError):
            await asyncio.sleep(20)
        return response

    async def run() -> None:
        app = web.Application()
        app.add_routes([web.get("/ws", chat), web.get("/events", stream), web.get("/{rest:.*}", page)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        loops.append(asyncio.get_running_loop())
        ready.set()
        await stop.wait()
        await runner.cleanup()

    ports: list[int] = []
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield ports[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)


@contextlib.contextmanager
def grpc_server() -> Iterator[int]:
    """A real gRPC server with a health service: "" and shop.Cart serve, shop.Old does not; its port."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    states = health_pb2.HealthCheckResponse
    servicer.set("", states.SERVING)
    servicer.set("shop.Cart", states.SERVING)
    servicer.set("shop.Old", states.NOT_SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait(5)


def nginx_config(folder: Path, plain: int, secure: int, app: int) -> str:
    """An edge as ingress-nginx would be: 308 to https, HTTP/2, upgrades, a body limit."""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; {temporary}
server {{ listen 127.0.0.1:{plain}; return 308 https://$host:{secure}$request_uri; }}
server {{ listen 127.0.0.1:{secure} ssl http2; server_name {HOST}; client_max_body_size 64k;
  ssl_certificate {certified().chain}; ssl_certificate_key {certified().key};
  location / {{ return 200 "hello\\n"; }}
  location /missing {{ return 404; }}
  location /moved {{ return 301 /; }}
  location /circle {{ return 302 /circle; }}
  location /admin {{ return 401; }}
  location /down {{ proxy_pass http://127.0.0.1:1; }}
  location /app {{ proxy_pass http://127.0.0.1:{app}; }}
  location /ws {{ proxy_pass http://127.0.0.1:{app}; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}
  location /no-ws {{ proxy_pass http://127.0.0.1:{app}/ws; }}
  location /events {{ proxy_pass http://127.0.0.1:{app}; proxy_buffering off; }}
}} }}"""


def _cluster(name: str, port: int, http2: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {
                            "endpoint": {
                                "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}
                            }
                        }
                    ]
                }
            ],
        },
    }
    if http2:
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return found


def _listener(name: str, port: int, hosts: list[dict[str, Any]], tls: bool) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"name": name, "virtual_hosts": hosts},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{_TYPE}filters.http.router.v3.Router"}}
        ],
    }
    chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": manager}]}
    if tls:
        pair = {
            "certificate_chain": {"filename": str(certified().chain)},
            "private_key": {"filename": str(certified().key)},
        }
        chain["transport_socket"] = {
            "name": "tls",
            "typed_config": {
                "@type": f"{_TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {"tls_certificates": [pair], "alpn_protocols": ["h2", "http/1.1"]},
            },
        }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"name": name, "address": address, "filter_chains": [chain]}


def envoy_config(plain: int, secure: int, app: int, grpc: int) -> str:
    """An edge as a Gateway's: redirect to https (301), HTTP/2, a WebSocket, events and gRPC behind it."""
    routes = [
        {"match": {"path": "/missing"}, "direct_response": {"status": 404}},
        {"match": {"path": "/moved"}, "redirect": {"path_redirect": "/"}},
        {"match": {"path": "/down"}, "route": {"cluster": "down"}},
        {"match": {"prefix": "/ws"}, "route": {"cluster": "app", "timeout": "0s"}},
        {"match": {"prefix": "/events"}, "route": {"cluster": "app", "timeout": "0s"}},
        {"match": {"prefix": "/app"}, "route": {"cluster": "app"}},
        {"match": {"prefix": "/grpc.health.v1.Health/"}, "route": {"cluster": "grpc"}},
        {
            "match": {"prefix": "/"},
            "direct_response": {"status": 200, "body": {"inline_string": "hello\n"}},
        },
    ]
    wrong = {"match": {"prefix": "/"}, "route": {"cluster": "app"}}
    redirect = {"match": {"prefix": "/"}, "redirect": {"https_redirect": True, "port_redirect": secure}}
    hosts = [
        {"name": "app", "domains": [HOST, f"{HOST}:*"], "routes": routes},
        {"name": "wrong", "domains": ["wrong.shop.test", "wrong.shop.test:*"], "routes": [wrong]},
    ]
    plain_hosts = [{"name": "all", "domains": ["*"], "routes": [redirect]}]
    return json.dumps(
        {
            "static_resources": {
                "listeners": [
                    _listener("secure", secure, hosts, tls=True),
                    _listener("plain", plain, plain_hosts, tls=False),
                ],
                "clusters": [_cluster("app", app), _cluster("grpc", grpc, http2=True), _cluster("down", 1)],
            }
        }
    )
