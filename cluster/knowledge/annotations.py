"""What annotations of an Ingress ask for, and what answers that on the Gateway's side.

The rows stand in ``annotation_table``; here is what a row says, and how a key is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NGINX_PREFIX = "nginx.ingress.kubernetes.io/"
# external-dns reads the newer prefix too, and can be told another (--annotation-prefix)
EXTERNAL_DNS_PREFIXES = ("external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/")
CERT_MANAGER_PREFIXES = ("cert-manager.io/", "acme.cert-manager.io/")

Grade = Literal["native", "lossy", "experimental", "policy", "none"]


@dataclass(frozen=True, slots=True)
class Successor:
    """What one controller has for it: a policy of ``kind``, one of ``fields`` (dotted, under spec) being set.

    ``controller`` is an id of ``controllers.CONTROLLERS``. No fields: any policy of that kind counts.
    ``extension``: not by targetRefs but by an ExtensionRef in the rule, or an annotation.
    """

    controller: str
    kind: str
    fields: tuple[str, ...] = ()
    extension: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """Annotations that one thing answers. ``keys`` are without the prefix; ``target`` says what answers them.

    ``grade``: native in the standard channel; lossy: native, but not the same; experimental channel only;
    policy of a controller only; none. ``check`` names how it is recognised on a route; empty: by a policy
    alone. ``security``: without it the new side lets in what the old one keeps out.
    """

    number: int
    keys: tuple[str, ...]
    grade: Grade
    target: str
    check: str = ""
    policies: tuple[Successor, ...] = ()
    security: bool = False

    def of(self, controller: str) -> tuple[Successor, ...]:
        """What ``controller`` has for it; for an unknown one (empty) what any has."""
        return tuple(one for one in self.policies if not controller or one.controller == controller)


@dataclass(frozen=True, slots=True)
class Default:
    """What ingress-nginx does without being asked, and a Gateway does not; ``check`` as in ``Family``."""

    name: str
    value: str
    what: str
    check: str = ""


# annotations of other controllers' Ingresses: recognised, never translated
FOREIGN_PREFIXES: tuple[tuple[str, str], ...] = (
    ("traefik.ingress.kubernetes.io/", "Traefik"),
    ("haproxy-ingress.github.io/", "HAProxy Ingress"),
    ("ingress.kubernetes.io/", "HAProxy Ingress, or an older nginx or Traefik"),
    ("haproxy.org/", "HAProxy"),
    ("haproxy.com/", "HAProxy"),
    ("alb.ingress.kubernetes.io/", "AWS Load Balancer Controller"),
    ("konghq.com/", "Kong"),
    ("configuration.konghq.com", "Kong"),
    ("nginx.org/", "F5 NGINX Ingress Controller"),
    ("nginx.com/", "F5 NGINX Ingress Controller"),
    ("appprotect.f5.com/", "F5 NGINX Ingress Controller"),
    ("appgw.ingress.kubernetes.io/", "Azure Application Gateway"),
    ("networking.gke.io/", "GKE"),
    ("cloud.google.com/", "GKE"),
    ("ingress.gcp.kubernetes.io/", "GKE"),
    ("kubernetes.io/ingress.global-static-ip-name", "GKE"),
    ("kubernetes.io/ingress.regional-static-ip-name", "GKE"),
    ("kubernetes.io/ingress.allow-http", "GKE"),
    ("projectcontour.io/", "Contour"),
    ("contour.heptio.com/", "Contour"),
    ("ingress.cilium.io/", "Cilium"),
    ("getambassador.io/", "Emissary"),
    ("microgateway.airlock.com/", "Airlock"),
)


NGINX_DEFAULTS: tuple[Default, ...] = (
    Default(
        "hsts",
        "max-age=31536000; includeSubDomains",
        "Strict-Transport-Security on every TLS response",
        "hsts",
    ),
    Default("proxy-body-size", "1m", "413 for a larger request body", "body-size"),
    Default(
        "proxy-read-timeout", "60", "60 s between two reads; Envoy's default is 15 s in total", "timeout"
    ),
    Default("proxy-connect-timeout", "5", "5 s to connect to a backend"),
    Default(
        "proxy-next-upstream",
        "error timeout",
        "up to 3 tries, of a POST only while it is not sent",
        "retry",
    ),
    Default("proxy-buffering", "off", "responses are streamed"),
    Default("generate-request-id", "true", "X-Request-ID for every request"),
    Default("enable-underscores-in-headers", "false", "headers with an underscore are dropped"),
    Default("ssl-reject-handshake", "false", "an unknown name gets the fake certificate, no refusal"),
    Default("ssl-protocols", "TLSv1.2 TLSv1.3", "older clients are refused"),
    Default("large-client-header-buffers", "4 8k", "a longer request line or header gets 414 or 400"),
)


def foreign_controller(key: str) -> str:
    """Whose annotation it is, where it is another Ingress controller's; empty where it is not."""
    return next((title for prefix, title in FOREIGN_PREFIXES if key.startswith(prefix)), "")


def external_dns_key(key: str) -> str:
    """The key without external-dns's prefix (``ttl``); empty where it is none of external-dns's."""
    return next((key.removeprefix(prefix) for prefix in EXTERNAL_DNS_PREFIXES if key.startswith(prefix)), "")
