"""The shop's Ingresses as data: for nginx they become directives, for the product manifests.

What each annotation asks of nginx is said in ``DIRECTIVES``; ``edges_nginx`` writes exactly that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "nginx.ingress.kubernetes.io/"
NAMESPACE = "shop"

DIRECTIVES: Mapping[str, str] = {
    "app-root": "if ($uri = /) { return 302 to it; }, in the server",
    "backend-protocol": "proxy_pass https://, whose certificate is not looked at",
    "canary": "no location of its own: its Service joins the main one's",
    "canary-weight": "split_clients; the real one draws in its balancer",
    "configuration-snippet": "itself, in the location",
    "cors-allow-origin": "add_header Access-Control-Allow-Origin, echoed where it is on the list",
    "custom-http-errors": "proxy_intercept_errors on; error_page CODES = @errors",
    "default-backend": "where @errors leads, with X-Code",
    "enable-cors": "add_header Access-Control-*; OPTIONS gets 204 in the rewrite phase",
    "force-ssl-redirect": "308 to https, with tls or without",
    "limit-burst-multiplier": "burst of limit_req: so many times the rate (5)",
    "limit-rps": "limit_req_zone by address; limit_req with burst, nodelay; 503",
    "permanent-redirect": "return 301",
    "permanent-redirect-code": "the code of that return",
    "preserve-trailing-slash": "the 308 to https keeps a final slash, which it loses otherwise",
    "proxy-body-size": "client_max_body_size",
    "proxy-next-upstream": "proxy_next_upstream",
    "proxy-read-timeout": "proxy_read_timeout",
    "rewrite-target": 'location ~* "^PATH"; rewrite "(?i)PATH" TARGET break',
    "server-alias": "further words of server_name",
    "ssl-redirect": "308 to https where the Ingress has tls: the default",
    "temporal-redirect": "return 302, before permanent-redirect",
    "upstream-hash-by": "hash VALUE consistent, in the upstream",
    "upstream-vhost": "proxy_set_header Host",
    "use-regex": "every location of the host becomes ~*",
    "whitelist-source-range": "allow, deny all; in the access phase, after redirects",
    "x-forwarded-prefix": "proxy_set_header X-Forwarded-Prefix",
}


@dataclass(frozen=True)
class Rule:
    """A path, its type, and the Service that takes it."""

    path: str
    kind: str
    service: str


@dataclass(frozen=True)
class Ingress:
    """One Ingress of one host, ``notes`` without the prefix; ``tls`` is a Secret's name, empty for none."""

    name: str
    host: str
    rules: tuple[Rule, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    tls: str = "shop-tls"

    def on(self, name: str) -> bool:
        """Whether a switch is set."""
        return self.notes.get(name) == "true"

    def document(self, age: int) -> dict[str, Any]:
        """As the API server has it; ``age`` puts the older one first."""
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "creationTimestamp": f"2025-03-01T00:00:{age:02d}Z",
                "annotations": {f"{PREFIX}{name}": value for name, value in self.notes.items()},
            },
            "spec": {
                "ingressClassName": "nginx",
                **({"tls": [{"hosts": [self.host], "secretName": self.tls}]} if self.tls else {}),
                "rules": [
                    {
                        "host": self.host,
                        "http": {
                            "paths": [
                                {
                                    "path": rule.path,
                                    "pathType": rule.kind,
                                    "backend": {"service": {"name": rule.service, "port": {"number": 80}}},
                                }
                                for rule in self.rules
                            ]
                        },
                    }
                ],
            },
        }


def shop(zone: str) -> tuple[Ingress, ...]:
    """What is cut over: two hosts of ``zone``, five Ingresses."""
    host, api = f"shop.{zone}", f"api.{zone}"
    return (
        Ingress(
            "store",
            host,
            (Rule("/", "Prefix", "store"),),
            {
                "enable-cors": "true",
                "cors-allow-origin": f"https://app.{zone}",
                "proxy-body-size": "64k",
                "proxy-read-timeout": "5",
                "configuration-snippet": "add_header X-Frame-Options DENY always;",
            },
        ),
        Ingress(
            "admin",
            host,
            (Rule("/admin", "Prefix", "store"),),
            {"whitelist-source-range": "10.20.0.0/16"},
        ),
        Ingress(
            "moved",
            host,
            (Rule("/old-catalog", "Exact", "store"),),
            {"permanent-redirect": f"https://{host}/catalog"},
        ),
        Ingress("api-health", api, (Rule("/healthz", "Prefix", "store"),)),
        Ingress(
            "api",
            api,
            (Rule("/api(/|$)(.*)", "ImplementationSpecific", "store"),),
            {"use-regex": "true", "rewrite-target": "/$2"},
        ),
    )


def _one(name: str, path: str = "/", kind: str = "Prefix", tls: str = "shop-tls", **notes: str) -> Ingress:
    """An Ingress with a host of its own; in ``notes`` dashes are underscores."""
    named = {key.replace("_", "-"): value for key, value in notes.items()}
    return Ingress(name, f"{name}.zoo.test", (Rule(path, kind, "store"),), named, tls)


def zoo() -> tuple[Ingress, ...]:
    """An Ingress for each annotation, each with its own host below ``zoo.test``."""
    captured = "/go/(.*)"
    return (
        _one("plain", "/shop"),
        _one("kept", "/shop", preserve_trailing_slash="true"),
        _one("both", ssl_redirect="false"),
        _one("bare", tls=""),
        _one("forced", tls="", force_ssl_redirect="true"),
        _one("moved", "/old", permanent_redirect="https://new.test$request_uri"),
        _one("moved308", permanent_redirect="https://new.test/x", permanent_redirect_code="308"),
        _one("away", permanent_redirect="https://a.test/", temporal_redirect="https://b.test/"),
        _one("root", app_root="/app"),
        _one("rewrite", captured, "ImplementationSpecific", rewrite_target="/new/$1", use_regex="true"),
        _one("elsewhere", captured, "ImplementationSpecific", rewrite_target="https://other.test/$1"),
        _one("asked", captured, "ImplementationSpecific", rewrite_target="/new?from=$1"),
        _one("alias", server_alias="alias-two.zoo.test"),
        _one("listed", whitelist_source_range="10.20.0.0/16"),
        _one("errors", custom_http_errors="404,503", default_backend="pages"),
        _one("cors", enable_cors="true", cors_allow_origin="https://app.zoo.test"),
        _one("anycors", enable_cors="true"),
        _one("limited", limit_rps="1", limit_burst_multiplier="2"),
        # a canary joins the upstream, and so every location that has it: these have theirs to themselves
        Ingress("main", "main.zoo.test", (Rule("/", "Prefix", "counted"),)),
        Ingress(
            "main-canary",
            "main.zoo.test",
            (Rule("/", "Prefix", "second"),),
            {"canary": "true", "canary-weight": "30"},
        ),
        _one("body", proxy_body_size="1k"),
        _one("slow", proxy_read_timeout="1"),
        _one("vhost", upstream_vhost="inner.test", x_forwarded_prefix="/outer"),
        Ingress(
            "hashed", "hashed.zoo.test", (Rule("/", "Prefix", "pair"),), {"upstream-hash-by": "$request_uri"}
        ),
        Ingress("retried", "retried.zoo.test", (Rule("/", "Prefix", "limping"),)),
        Ingress(
            "once",
            "once.zoo.test",
            (Rule("/", "Prefix", "limping"),),
            {"proxy-next-upstream": "off"},
        ),
        _one("snippet", configuration_snippet="add_header X-Frame-Options DENY always;"),
    )
