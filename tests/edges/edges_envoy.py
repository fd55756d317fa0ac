"""Envoy as the data plane of a Gateway: its listener, and the routes of HTTPRoutes read from a file.

The routes' file is watched by Envoy itself, as what a controller sends it would be: ``Envoy.serve`` changes
what it answers while it runs.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edges_authority import Served
from edges_running import running
from real_envoy import find_envoy

Json = dict[str, Any]
Flaw = Literal["", "rewrite lost", "allow-list lost", "backend gone"]

ENVOY = find_envoy()
_TYPES = "type.googleapis.com/envoy.extensions."
_RBAC = "envoy.filters.http.rbac"
_CORS = "envoy.filters.http.cors"
_LOG = "%REQ(:AUTHORITY)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE% %REQ(USER-AGENT)%\n"


@dataclass(frozen=True)
class NewSide:
    """Where Envoy listens, by which certificate, and where the Services' backends are."""

    ip: str
    port: int
    admin_port: int
    served: Served
    services: Mapping[str, Sequence[int]]
    dead_port: int


@dataclass(frozen=True)
class Envoy:
    """A running Envoy: its routes, its log, and what it counts."""

    folder: Path
    side: NewSide

    @property
    def log(self) -> Path:
        """Who asked: host, path, status and User-Agent a line."""
        return self.folder / "access.log"

    def serve(self, hosts: Sequence[Json]) -> None:
        """Replace all routes, as Envoy wants it of a watched file: by a rename."""
        routes = {
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "name": "edge",
            "virtual_hosts": list(hosts),
        }
        new = self.folder / "routes.new"
        new.write_text(json.dumps({"resources": [routes]}))
        new.rename(self.folder / "routes.json")

    def stat(self, name: str) -> int:
        """One counter, from Envoy itself."""
        url = f"http://{self.side.ip}:{self.side.admin_port}/stats?filter=^{name}$&format=json"
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)["stats"]
        return int(next(one["value"] for one in found if one.get("name") == name))


@contextmanager
def envoy(folder: Path, side: NewSide, hosts: Sequence[Json]) -> Iterator[Envoy]:
    """Envoy with these virtual hosts to begin with."""
    assert ENVOY is not None
    folder.mkdir(exist_ok=True)
    found = Envoy(folder, side)
    found.serve(hosts)
    config = folder / "envoy.json"
    config.write_text(json.dumps(_bootstrap(found)))
    arguments = ["-c", str(config), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
    arguments += ["--service-node", "edge", "--service-cluster", "edge", "--file-flush-interval-msec", "100"]
    with running([ENVOY, *arguments], side.ip, (side.port, side.admin_port)):
        yield found


def shop_routes(zone: str, flaw: Flaw = "") -> list[Json]:
    """The HTTPRoutes of ``edges_ingress.shop``, with what was lost on the way.

    What a migration leaves different on purpose: no Strict-Transport-Security, a refusal in Envoy's words.
    """
    host, api = f"shop.{zone}", f"api.{zone}"
    service = "gone" if flaw == "backend gone" else "store"
    to_store: Json = {"cluster": service, "timeout": "5s"}
    admin: Json = {"match": {"path_separated_prefix": "/admin"}, "route": to_store}
    if flaw != "allow-list lost":
        admin["typed_per_filter_config"] = {_RBAC: _only_from("10.20.0.0", 16)}
    moved = {"path_redirect": "/catalog", "host_redirect": host, "https_redirect": True}
    rewrite = {"pattern": {"regex": "(?i)^/api(/|$)(.*)"}, "substitution": "/\\2"}
    api_route = {
        "match": {"safe_regex": {"regex": "(?i)/api(/.*)?"}},
        "route": to_store if flaw == "rewrite lost" else {**to_store, "regex_rewrite": rewrite},
    }
    real_ip = _header("X-Real-IP", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
    return [
        {
            "name": "shop",
            "request_headers_to_add": [real_ip],
            "domains": [host, f"{host}:*"],
            "routes": [
                {"match": {"path": "/old-catalog"}, "redirect": moved},
                admin,
                {
                    "match": {"prefix": "/"},
                    "route": to_store,
                    "typed_per_filter_config": {_CORS: _cors(f"https://app.{zone}")},
                    "response_headers_to_add": [_header("X-Frame-Options", "DENY")],
                },
            ],
        },
        {
            "name": "api",
            "request_headers_to_add": [real_ip],
            "domains": [api, f"{api}:*"],
            "routes": [api_route, {"match": {"path_separated_prefix": "/healthz"}, "route": to_store}],
        },
    ]


def _header(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _only_from(address: str, bits: int) -> Json:
    principal = {"remote_ip": {"address_prefix": address, "prefix_len": bits}}
    policy = {"permissions": [{"any": True}], "principals": [principal]}
    rules = {"action": "ALLOW", "policies": {"allowed": policy}}
    return {"@type": f"{_TYPES}filters.http.rbac.v3.RBACPerRoute", "rbac": {"rules": rules}}


def _cors(origin: str) -> Json:
    return {
        "@type": f"{_TYPES}filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin}],
        "allow_methods": "GET, PUT, POST, DELETE, PATCH, OPTIONS",
        "allow_credentials": True,
        "max_age": "1728000",
    }


def _bootstrap(found: Envoy) -> Json:
    side = found.side
    clusters = [_cluster(name, ports) for name, ports in side.services.items()]
    clusters.append(_cluster("gone", (side.dead_port,)))
    return {
        "admin": {"address": _address(side.ip, side.admin_port)},
        "static_resources": {"listeners": [_listener(found)], "clusters": clusters},
    }


def _address(ip: str, port: int) -> Json:
    return {"socket_address": {"address": ip, "port_value": port}}


def _cluster(name: str, ports: Sequence[int]) -> Json:
    endpoints = [{"endpoint": {"address": _address("127.0.0.1", port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _filter(name: str, kind: str) -> Json:
    return {"name": name, "typed_config": {"@type": f"{_TYPES}filters.http.{kind}"}}


def _listener(found: Envoy) -> Json:
    log = {
        "@type": f"{_TYPES}access_loggers.file.v3.FileAccessLog",
        "path": str(found.log),
        "log_format": {"text_format_source": {"inline_string": _LOG}},
    }
    source = {"path_config_source": {"path": str(found.folder / "routes.json")}, "resource_api_version": "V3"}
    manager = {
        "@type": f"{_TYPES}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "https-443",
        "rds": {"route_config_name": "edge", "config_source": source},
        "http_filters": [
            _filter(_CORS, "cors.v3.Cors"),
            _filter(_RBAC, "rbac.v3.RBAC"),
            _filter("envoy.filters.http.router", "router.v3.Router"),
        ],
        "access_log": [{"name": "file", "typed_config": log}],
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
    }
    files = found.side.served
    pair = {"certificate_chain": {"filename": str(files.chain)}, "private_key": {"filename": str(files.key)}}
    tls = {
        "@type": f"{_TYPES}transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_certificates": [pair],
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        },
    }
    return {
        "name": "https",
        "address": _address(found.side.ip, found.side.port),
        "filter_chains": [
            {
                "filters": [{"name": "http", "typed_config": manager}],
                "transport_socket": {"name": "tls", "typed_config": tls},
            }
        ],
    }
