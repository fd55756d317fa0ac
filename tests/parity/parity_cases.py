"""Behaviours that differ between nginx as ingress-nginx renders it and a gateway, and how to provoke them.

docs/parity.md shows this list; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pointsman.probes.state.twin.answers import Pattern
from pointsman.probes.wire.parity.paths import HostRules, questions
from pointsman.probes.wire.parity.question import Question
from pointsman.probes.wire.parity.variants import chosen, over_each_other, with_variants

Json = dict[str, Any]
Ask = Callable[[str], list[Question]]
PROXY = "proxy_pass http://app;"
FAULT = "envoy.filters.http.fault"


@dataclass(frozen=True)
class Case:
    """One behaviour. ``old`` is the body of nginx's server, ``new`` Envoy's routes (or fields of its host).

    ``host`` is asked under ``https`` where ``secure``. ``new_nginx`` replaces Envoy by an nginx. ``also`` are
    rules that the same provocation breaks too.
    """

    id: str
    behaviour: str
    provoked: str
    rule: str
    verdict: str
    ask: Ask
    old: str
    new: list[Json] | None = None
    host_fields: Json = field(default_factory=dict)
    secure: bool = False
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    tls_parameters: Json = field(default_factory=dict)
    new_nginx: str = ""
    also: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return f"{self.id}.test"


def to_app(**match: Any) -> Json:
    """A route to the application."""
    return {"match": match or {"prefix": "/"}, "route": {"cluster": "app"}}


def redirect(match: Json, **fields: Any) -> Json:
    return {"match": match, "redirect": fields}


def location(extra: str = "", path: str = "/") -> str:
    return f"location {path} {{ {extra} {PROXY} }}"


def get(path: str, variants: str = "", scheme: str = "http") -> Ask:
    """One path, plain and in variants."""

    def ask(host: str) -> list[Question]:
        plain = Question(f"{scheme}://{host}{path}", timeout_s=3.0)
        found = [plain]
        if variants:
            found = list(with_variants([plain], chosen(variants, unsafe=True)))
        return found

    return ask


def edges(path: str, *places: str, kind: Any = "element") -> Ask:
    """A rule's own path and the edges of these kinds around it."""

    def ask(host: str) -> list[Question]:
        rules = HostRules(host, (Pattern(kind, path),), tls=False)
        return [one for one in questions([rules], 100, 3.0) if one.place in ("exact", *places)]

    return ask


def _coalesced(host: str) -> list[Question]:
    pair = [Question(f"https://{one}/", protocol="h2", timeout_s=3.0) for one in (host, f"two-{host}")]
    return [*pair, *over_each_other(pair)]


def _upload(size: int) -> Ask:
    def ask(host: str) -> list[Question]:
        return [
            Question(
                f"http://{host}/upload", method="POST", body_size=size, variant="large body", timeout_s=3.0
            )
        ]

    return ask


_HEADERS_OFF = {"response_headers_to_remove": ["x-nothing"]}
_ALL = [to_app()]
_CORS = (
    'add_header Access-Control-Allow-Origin "*" always;'
    ' add_header Access-Control-Allow-Methods "GET, PUT" always;'
)
CASES: tuple[Case, ...] = (
    Case("case", "expressions ignore case", 'location ~* "^/api/v[0-9]+"; Envoy matches whole, with case',
         "PAR018", "WARN", edges("/api/v1", "case flipped"),
         f'location ~* "^/api/v[0-9]+" {{ {PROXY} }} location / {{ return 404; }}',
         [to_app(safe_regex={"regex": "/api/v[0-9]+"})]),
    Case("prefix", "expressions are prefixes", 'location ~* "^/api/v[0-9]+"; Envoy matches the whole path',
         "PAR012", "FAIL", edges("/api/v1", "child"),
         f'location ~* "^/api/v[0-9]+" {{ {PROXY} }} location / {{ return 404; }}',
         [to_app(safe_regex={"regex": "/api/v[0-9]+"})]),
    Case("slash", "the redirect to the trailing slash", "location /shop/; Envoy prefix /shop/",
         "PAR019", "FAIL", edges("/shop/", "slash toggled"),
         location(path="/shop/"), [to_app(prefix="/shop/")]),
    Case("dots", "dot segments are resolved", "location /app/; Envoy without normalize_path",
         "PAR024", "WARN", lambda host: [
             Question(f"http://{host}/app/", place="exact"),
             Question(f"http://{host}/x/../app/", place="dot segments", known=False,
                      base=f"http://{host}/app/")],
         location(path="/app/"), [to_app(prefix="/app/")]),
    Case("slashes", "double slashes are merged", "location /app/; Envoy without merge_slashes",
         "PAR024", "WARN", lambda host: [
             Question(f"http://{host}/app/", place="exact"),
             Question(f"http://{host}//app/", place="double slash", known=False,
                      base=f"http://{host}/app/")],
         location(path="/app/"), [to_app(prefix="/app/")]),
    Case("escaped", "%2F is decoded before matching", "Envoy: UNESCAPE_AND_REDIRECT",
         "PAR024", "WARN", edges("/app", "encoded slash"), location(), _ALL),
    Case("underscore", "headers with underscores are dropped", "Envoy: REJECT_REQUEST",
         "PAR027", "WARN", get("/text", "underscore"), location(), _ALL),
    Case("http10", "HTTP/1.0 is served", "Envoy without accept_http_10",
         "PAR028", "WARN", get("/text", "http10"), location(), _ALL),
    Case("dot", "a trailing dot in Host is ignored", "Envoy without strip_trailing_host_dot",
         "PAR026", "WARN", get("/text", "host-dot"), location(), _ALL),
    Case("slow", "60 s between reads, 15 s in all", "an answer after 0.25 s; Envoy's route timeout 0.1 s",
         "PAR015", "FAIL", get("/slow"), location("proxy_read_timeout 60s;"),
         [{"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "0.1s"}}]),
    Case("protocol", "HTTP/2 is lost", "Envoy offers only http/1.1, as with overlapping certificates",
         "PAR061", "WARN", get("/text", "alpn", "https"), location(), _ALL, secure=True, alpn=("http/1.1",)),
    Case("shared", "a connection is shared between hosts",
         "one certificate, two hosts; Envoy keeps them apart by SNI",
         "PAR063", "WARN", _coalesced, location(), _ALL, secure=True),
    Case("sni", "clients without SNI", "Envoy has only chains with server_names",
         "PAR029", "WARN", get("/text", "no-sni", "https"), location(), _ALL, secure=True),
    Case("tls", "the TLS version", "Envoy: TLS 1.2 at most",
         "PAR062", "WARN", get("/text", "", "https"), location(), _ALL, secure=True,
         tls_parameters={"tls_maximum_protocol_version": "TLSv1_2"}),
    Case("method", "308 becomes 301", "return 308; Envoy MOVED_PERMANENTLY",
         "PAR023", "FAIL", get("/old"), "location / { return 308 https://$host/new; }",
         [redirect({"prefix": "/"}, scheme_redirect="https", host_redirect="method.test",
                   path_redirect="/new")]),
    Case("port", "a redirect names the wrong port", "return 308 https://$host/; Envoy port_redirect 8443",
         "PAR022", "FAIL", get("/old"), "location / { return 308 https://$host/new; }",
         [redirect({"prefix": "/"}, scheme_redirect="https", port_redirect=8443, path_redirect="/new",
                   response_code="PERMANENT_REDIRECT")]),
    Case("clear", "plain HTTP is sent on to https", "return 308; Envoy routes it to the application",
         "PAR020", "FAIL", get("/text"), "location / { return 308 https://$host$request_uri; }", _ALL),
    Case("www", "from www to the bare host", "server_name www.; Envoy has no such host",
         "PAR020", "FAIL", lambda host: [Question(f"http://www.{host}/text")],
         "if ($host ~ ^www) { return 308 $scheme://www.test$request_uri; }" + location(), _ALL),
    Case("newredirect", "a redirect that was not there", "Envoy redirects to https",
         "PAR021", "FAIL", get("/text"), location(), [redirect({"prefix": "/"}, https_redirect=True)]),
    Case("limit", "the body limit is gone", "client_max_body_size 1m; Envoy without a buffer limit",
         "PAR070", "WARN", _upload(1024 * 1024 + 1), f"client_max_body_size 1m; {location()}", _ALL),
    Case("tighter", "a body limit appears", "client_max_body_size 0; the new nginx 64k",
         "PAR070", "FAIL", _upload(100_000), f"client_max_body_size 0; {location()}",
         new_nginx=f"client_max_body_size 64k; {location()}"),
    Case("hsts", "Strict-Transport-Security", "add_header, as ingress-nginx does by default",
         "PAR032", "WARN", get("/text", "", "https"),
         location('add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;'),
         _ALL, secure=True),
    Case("frame", "X-Frame-Options from a snippet", "add_header X-Frame-Options DENY",
         "PAR034", "WARN", get("/text"), location("add_header X-Frame-Options DENY always;"), _ALL),
    Case("realip", "X-Real-IP to the application", "proxy_set_header X-Real-IP; the application shows it",
         "PAR050", "FAIL", get("/whoami"), location("proxy_set_header X-Real-IP $remote_addr;"), _ALL),
    Case("affinity", "the affinity cookie", "a rotating INGRESSCOOKIE on each answer",
         "PAR030", "FAIL", get("/text"),
         location('add_header Set-Cookie "INGRESSCOOKIE=$request_id; Path=/; HttpOnly" always;'), _ALL),
    Case("cookiepath", "the path of the application's cookie", "proxy_cookie_path /app /",
         "PAR031", "WARN", get("/cookie"), location("proxy_cookie_path /app /;"), _ALL),
    Case("auth", "basic authentication: OPEN", "auth_basic; Envoy without a policy",
         "PAR010", "FAIL", get("/page"), location('auth_basic "shop"; auth_basic_user_file /dev/null;'),
         _ALL),
    Case("signin", "a sign-in redirect: OPEN", "302 to the sign-in page; Envoy without a policy",
         "PAR010", "FAIL", get("/page"), "location / { return 302 https://id.test/oauth2/start?rd=x; }",
         _ALL),
    Case("allowed", "the allow-list of addresses: OPEN", "deny all; Envoy without a policy",
         "PAR010", "FAIL", get("/page"), location("deny all;"), _ALL),
    Case("closed", "refused where it was open", "Envoy answers 403",
         "PAR011", "FAIL", get("/page"), location(),
         [{"match": {"prefix": "/"}, "direct_response": {"status": 403}}]),
    Case("gzip", "packed answers", "gzip on; Envoy without a compressor",
         "PAR037", "WARN", get("/text", "gzip"),
         location("gzip on; gzip_types text/plain; gzip_min_length 100; gzip_proxied any;"), _ALL),
    Case("cors", "CORS headers", "Access-Control-Allow-Origin by add_header",
         "PAR033", "FAIL", get("/text", "origin"), location(_CORS), _ALL),
    Case("preflight", "preflight requests", "204 by nginx; the application behind Envoy knows no OPTIONS",
         "PAR017", "FAIL", get("/text", "preflight"),
         f"location / {{ if ($request_method = OPTIONS) {{ {_CORS} return 204; }} {PROXY} }}", _ALL),
    Case("errors", "custom error pages", "proxy_intercept_errors and error_page 404; Envoy hands on the page",
         "PAR051", "WARN", get("/missing"),
         location("proxy_intercept_errors on; error_page 404 /sorry;")
         + 'location = /sorry { internal; return 404 "sorry"; }',
         _ALL),
    Case("events", "events at once", "proxy_buffering off; the new nginx packs text/event-stream",
         "PAR073", "FAIL", get("/events", "events"), location("proxy_buffering off;"), also=("PAR037",),
         new_nginx=location("gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 1;")),
    Case("retry", "the next upstream is tried", "one of two backends is dead; Envoy has no retry policy",
         "PAR014", "FAIL", get("/text"), "location / { proxy_pass http://half; }",
         [{"match": {"prefix": "/"}, "route": {"cluster": "half"}}]),
    Case("unknown", "a host that nobody serves", "the default server answers 404; Envoy's * host serves it",
         "PAR025", "WARN", edges("/", "unknown host"), location(), _ALL),
    Case("websocket", "the WebSocket upgrade",
         "Upgrade and Connection are passed on; Envoy has no upgrade_configs",
         "PAR071", "FAIL", get("/ws", "websocket"),
         location("proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;"),
         _ALL),
    Case("wider", "a match that is wider", "location = /only; Envoy prefix /only",
         "PAR013", "WARN", edges("/only", "child"),
         f"location = /only {{ {PROXY} }} location / {{ return 404; }}",
         [to_app(prefix="/only")]),
    Case("rewrite", "a rewritten path", "rewrite ^/v1/(.*) /$1; Envoy hands the path on",
         "PAR050", "FAIL", get("/v1/list"), location("rewrite ^/v1/(.*) /$1 break;"), _ALL),
    Case("cached", "a caching header", "expires 1h; Envoy without",
         "PAR035", "WARN", get("/text"), location("expires 1h;"), _ALL),
    Case("via", "another proxy on the way", "Envoy adds Via",
         "PAR041", "WARN", get("/text"), location(), _ALL,
         host_fields={"response_headers_to_add": [{"header": {"key": "via", "value": "1.1 edge"}}]}),
    Case("grpc", "gRPC to the backend", "grpc_pass; Envoy's cluster speaks HTTP/1.1",
         "PAR072", "FAIL", lambda host: list(with_variants(
             [Question(f"https://{host}/shop.Basket/Get")], chosen("grpc", unsafe=True)))[1:],
         "location / { grpc_pass grpc://calls; }", _ALL, secure=True),
    Case("certificate", "another certificate", "each side has its own",
         "PAR060", "WARN", get("/text", "", "https"), location(), _ALL, secure=True),
    Case("slower", "a slower data plane", "Envoy's fault filter adds 0.5 s",
         "PAR080", "WARN", lambda host: [Question(f"http://{host}/text?{n}") for n in range(6)],
         location(), _ALL,
         host_fields={"typed_per_filter_config": {FAULT: {
             "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
             "delay": {"fixed_delay": "0.5s", "percentage": {"numerator": 100}}}}}),
    Case("type", "the content type", "default_type by nginx; Envoy sets another",
         "PAR036", "FAIL", get("/text"), location(), _ALL,
         host_fields={"response_headers_to_add": [
             {"header": {"key": "content-type", "value": "application/octet-stream"},
              "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}),
)  # fmt: skip


def all_questions(cases: tuple[Case, ...] = CASES) -> tuple[Question, ...]:
    """What is asked for all of them."""
    return tuple(replace(one, timeout_s=8.0) for case in cases for one in case.ask(case.host))
