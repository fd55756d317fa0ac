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
