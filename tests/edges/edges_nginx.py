"""nginx (Debian's) with the configuration that ingress-nginx would write for Ingresses.

Written from what its directives do, without lua: the redirect to https, the canary's draw and the default
headers, which ingress-nginx makes in lua, stand here as ``return``, ``split_clients`` and ``add_header``.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edges_authority import Served
from edges_ingress import Ingress, Rule
from edges_running import running

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
HSTS = "max-age=31536000; includeSubDomains"
# as ingress-nginx's default log format, "upstreaminfo"; the host stands nowhere in it
_LOG = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $request_length $request_time [$upstream_name] [] $upstream_addr '
    "$upstream_response_length $upstream_response_time $upstream_status $request_id"
)


@dataclass(frozen=True)
class OldSide:
    """Where nginx listens, by which certificate, and where the Services' backends are."""

    ip: str
    port: int
    plain_port: int
    served: Served
    services: Mapping[str, Sequence[int]]
    secure_services: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Block:
    """One location: ``rule`` is none for the root that every server has."""

    path: str
    kind: str
    ingress: Ingress
    rule: Rule | None

    @property
    def target(self) -> str:
        wanted = self.ingress.notes.get("rewrite-target", "")
        return "" if wanted == self.path else wanted

    @property
    def expression(self) -> bool:
        return bool(self.target) or self.ingress.on("use-regex")


@contextmanager
def nginx(folder: Path, side: OldSide, ingresses: Sequence[Ingress]) -> Iterator[Path]:
    """nginx as the controller of these Ingresses, oldest first; yields its access log."""
    assert NGINX is not None
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(configuration(folder, side, ingresses))
    with running([NGINX, "-p", str(folder), "-c", str(config)], side.ip, (side.port, side.plain_port)):
        yield folder / "access.log"


def configuration(folder: Path, side: OldSide, ingresses: Sequence[Ingress]) -> str:
    """The whole nginx.conf."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    plain = [one for one in ingresses if not one.on("canary")]
    hosts = tuple(dict.fromkeys(one.host for one in plain))
    drawn = {_main(one, plain).service for one in ingresses if one.on("canary")}
    servers = "\n".join(
        _server(host, side, [one for one in plain if one.host == host], drawn) for host in hosts
    )
    canaries = "\n".join(_canary(one, plain) for one in ingresses if one.on("canary"))
    return f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
{temporary}
log_format upstreaminfo '{_LOG}';
access_log {folder}/access.log upstreaminfo;
server_names_hash_bucket_size 128; port_in_redirect off; server_tokens off; keepalive_requests 1000;
map $https $hsts {{ on "{HSTS}"; default ""; }}
map $request_uri $without_slash {{ "~^(.*)/$" $1; default $request_uri; }}
map "" $upstream_name {{ default "-"; }}
ssl_certificate {side.served.chain}; ssl_certificate_key {side.served.key};
ssl_protocols TLSv1.2 TLSv1.3;
add_header Strict-Transport-Security $hsts always;
{"".join(_limits(one) for one in plain)}{_upstreams(side, plain)}{canaries}
server {{ {_listen(side, "default_server")} server_name _; location / {{ return 404; }} }}
{servers}
}}
"""


def _listen(side: OldSide, more: str = "") -> str:
    return f"listen {side.ip}:{side.plain_port} {more}; listen {side.ip}:{side.port} ssl http2 {more};"


def _limits(one: Ingress) -> str:
    rate = one.notes.get("limit-rps")
    return f"limit_req_zone $binary_remote_addr zone={one.name}_rps:1m rate={rate}r/s;\n" if rate else ""


def _upstreams(side: OldSide, ingresses: Sequence[Ingress]) -> str:
    hashed = {
        rule.service: by
        for one in ingresses
        if (by := one.notes.get("upstream-hash-by"))
        for rule in one.rules
    }
    return "".join(
        f"upstream {name} {{ "
        + (f"hash {hashed[name]} consistent; " if name in hashed else "")
        + " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
        + " }\n"
        for name, ports in side.services.items()
    )


def _main(canary: Ingress, plain: Sequence[Ingress]) -> Rule:
    """The rule of the main Ingress with the canary's host and path."""
    path = canary.rules[0].path
    return next(rule for one in plain if one.host == canary.host for rule in one.rules if rule.path == path)


def _canary(one: Ingress, plain: Sequence[Ingress]) -> str:
    main, weight = _main(one, plain).service, one.notes.get("canary-weight", "0")
    return f'split_clients "$request_id" $drawn_{main} {{ {weight}% {one.rules[0].service}; * {main}; }}\n'


def _server(host: str, side: OldSide, ingresses: Sequence[Ingress], drawn: Collection[str]) -> str:
    aliases = " ".join(one.notes.get("server-alias", "").replace(",", " ") for one in ingresses)
    blocks = _blocks(ingresses)
    expressions = any(block.expression for block in blocks)
    roots = [root for one in ingresses if (root := one.notes.get("app-root"))]
    away = f"if ($uri = /) {{ return 302 $scheme://$http_host{roots[0]}; }}\n" if roots else ""
    tls = any(one.tls for one in ingresses)
    locations = "\n".join(_location(block, side, drawn, expressions=expressions, tls=tls) for block in blocks)
    errors = "".join(_error_pages(one) for one in ingresses)
    return f"server {{ {_listen(side)} server_name {host} {aliases};\n{away}{locations}\n{errors}}}"


def _blocks(ingresses: Sequence[Ingress]) -> list[_Block]:
    """Longest path first; a plain prefix has a block with the slash and an exact one without."""
    table = [_Block("/", "Prefix", ingresses[0], None)]
    for one in ingresses:
        for rule in one.rules:
            kind = "Exact" if rule.kind == "Exact" else "Prefix"
            same = [at for at, other in enumerate(table) if (other.path, other.kind) == (rule.path, kind)]
            if not same:
                table.append(_Block(rule.path, kind, one, rule))
            elif table[same[0]].rule is None:
                table[same[0]] = _Block(rule.path, kind, one, rule)
    table.sort(key=lambda block: block.path, reverse=True)
    table.sort(key=lambda block: len(block.path), reverse=True)
    exact = {block.path for block in table if block.kind == "Exact"}
    blocks = []
    for block in table:
        if block.path == "/" or block.kind == "Exact" or block.expression:
            blocks.append(block)
            continue
        blocks.append(_Block(block.path.rstrip("/") + "/", "Prefix", block.ingress, block.rule))
        if block.path not in exact:
            blocks.append(_Block(block.path, "Exact", block.ingress, block.rule))
    return blocks


def _location(block: _Block, side: OldSide, drawn: Collection[str], *, expressions: bool, tls: bool) -> str:
    where = (
        f'~* "^{block.path}"' if expressions else f"= {block.path}" if block.kind == "Exact" else block.path
    )
    one, notes = block.ingress, block.ingress.notes
    lines = [f"location {where} {{"]
    for name, usual in (("temporal-redirect", "302"), ("permanent-redirect", "301")):
        code = notes.get(f"{name}-code", usual)
        lines += [f"return {code} {notes[name]};"] if name in notes else []
    lines += _cors(one)
    if block.target.startswith(("http://", "https://")):
        # no rewrite but a redirect, and before what lua does at the end of the phase
        lines.append(f'rewrite "(?i){block.path}" {block.target} break;')
    if one.on("force-ssl-redirect") or (tls and notes.get("ssl-redirect") != "false"):
        uri = "$request_uri" if one.on("preserve-trailing-slash") else "$without_slash"
        lines.append(f"if ($scheme = http) {{ return 308 https://$host{uri}; }}")
    if ranges := notes.get("whitelist-source-range"):
        lines += [f"allow {entry.strip()};" for entry in ranges.split(",")] + ["deny all;"]
    if rate := notes.get("limit-rps"):
        burst = int(rate) * int(notes.get("limit-burst-multiplier", "5"))
        lines.append(f"limit_req zone={one.name}_rps burst={burst} nodelay;")
    if block.rule is None:
        return "\n".join([*lines, "return 404;", "}"])
    return "\n".join([*lines, *_proxied(block, side, drawn), "}"])


def _cors(one: Ingress) -> list[str]:
    kept = ["add_header Strict-Transport-Security $hsts always;"]
    if not one.on("enable-cors"):
        return kept
    origin = one.notes.get("cors-allow-origin", "*")
    if origin == "*":
        lines = ["set $allowed '*'; set $credentials true;"]
    else:
        # an origin that is on the list is sent back; to all others none of these headers is sent
        listed = f"if ($http_origin = {origin}) {{ set $allowed $http_origin; set $credentials true; }}"
        lines = ["set $allowed ''; set $credentials '';", listed]
    headers = [
        "add_header Access-Control-Allow-Origin $allowed always;",
        "add_header Access-Control-Allow-Credentials $credentials always;",
    ]
    preflight = [
        "add_header Access-Control-Allow-Methods 'GET, PUT, POST, DELETE, PATCH, OPTIONS' always;",
        "add_header Access-Control-Max-Age 1728000 always;",
    ]
    answer = " ".join([*kept, *headers, *preflight])
    lines.append("set $preflight $request_method$credentials;")
    return [*lines, f"if ($preflight = OPTIONStrue) {{ {answer} return 204; }}", *kept, *headers]


def _proxied(block: _Block, side: OldSide, drawn: Collection[str]) -> list[str]:
    one, notes = block.ingress, block.ingress.notes
    assert block.rule is not None
    service = block.rule.service
    passed = {
        "Host": notes.get("upstream-vhost", "$http_host"),
        "X-Request-ID": "$request_id",
        "X-Real-IP": "$remote_addr",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
    }
    if prefix := notes.get("x-forwarded-prefix"):
        passed["X-Forwarded-Prefix"] = prefix
    lines = [
        f"client_max_body_size {notes.get('proxy-body-size', '1m')};",
        "proxy_connect_timeout 5s;",
        f"proxy_read_timeout {notes.get('proxy-read-timeout', '60')}s;",
        "proxy_send_timeout 60s; proxy_buffering off; proxy_request_buffering on; proxy_redirect off;",
        "proxy_http_version 1.1;",
        f"proxy_next_upstream {notes.get('proxy-next-upstream', 'error timeout')};",
        "proxy_next_upstream_tries 3;",
        *(f"proxy_set_header {name} {value};" for name, value in passed.items()),
    ]
    if codes := _error_codes(one):
        lines.append("proxy_intercept_errors on;")
        lines += [f"error_page {code} = @errors_{one.name}_{code};" for code in codes]
    lines += [notes["configuration-snippet"]] if "configuration-snippet" in notes else []
    if block.target:
        lines.append(f'rewrite "(?i){block.path}" {block.target} break;')
    scheme = "https" if service in side.secure_services else "http"
    upstream = f"$drawn_{service}" if service in drawn else service
    return [*lines, f"proxy_pass {scheme}://{upstream};"]


def _error_codes(one: Ingress) -> list[str]:
    return [code.strip() for code in one.notes.get("custom-http-errors", "").split(",") if code.strip()]


def _error_pages(one: Ingress) -> str:
    """What the default backend answers counts, its status too: X-Code tells it which is wanted."""
    return "".join(
        f"location @errors_{one.name}_{code} {{ internal; proxy_intercept_errors off; "
        f"proxy_set_header X-Code {code}; proxy_set_header Host $http_host; "
        f"rewrite (.*) / break; proxy_pass http://{one.notes['default-backend']}; }}\n"
        for code in _error_codes(one)
    )
