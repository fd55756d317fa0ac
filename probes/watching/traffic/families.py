"""What each controller counts, and how one scrape of it is read: which series are requests, 5xx, 404.

The names come from the controllers' sources and documents (docs/watch.md says which are sure); where releases
differ, the other name stands as an alternative, and the first that is there counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ....cluster.errors import UserError
from ....cluster.text import clean
from .facts import FIELDS
from .text import Exposition, Sample, parse, parse_stub_status

Series = tuple[tuple[str, ...], str, float]
"""The fields of Counts that a series adds to, the host that it belongs to (or nothing), and its value."""
BY_STATUS = ("requests", "errors_5xx", "not_found")
"""What requests told apart by their status tell."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric and what its series add to.

    ``into`` is a field of Counts; with ``status`` the series are requests, told apart by that label: a code
    (``503``), or with ``classes`` only its first digit (``5xx`` or ``5``). ``host`` is the label that holds
    the host name. ``only`` and ``never`` are patterns that a label has to match, or must not, in full.
    """

    name: str
    into: Literal["", "requests", "not_found", "handshakes", "handshake_failures"] = ""
    status: str = ""
    classes: bool = False
    host: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)

    @property
    def tells(self) -> tuple[str, ...]:
        """The fields of Counts that are known where this family is there."""
        if not self.status:
            return (self.into,)
        return BY_STATUS[:2] if self.classes else BY_STATUS

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels counts."""
        return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in self.only.items()) and (
            not any(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in self.never.items())
        )

    def fields_of(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The fields that a series with these labels adds to."""
        if not self.status:
            return (self.into,)
        status = labels.get(self.status, "")
        if status.startswith("5"):
            return ("requests", "errors_5xx")
        return ("requests", "not_found") if status == "404" and not self.classes else ("requests",)


@dataclass(frozen=True, slots=True)
class Families:
    """How one controller is scraped and read.

    ``answers`` are alternatives for its requests: the first that is there counts, and the others say nothing.
    Every one of ``more`` counts. ``zero`` is the beginning of names that are there from the start: with one
    of them and without any series of ``answers`` there was no request yet. ``stub`` marks a page that is no
    Prometheus text. ``notes`` are what it can never tell.
    """

    name: str
    title: str
    port: int
    path: str
    answers: tuple[Family, ...]
    more: tuple[Family, ...] = ()
    zero: str = ""
    stub: bool = False
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The metrics that are read."""
        return frozenset(one.name for one in (*self.answers, *self.more)) | {STARTED}


@dataclass(frozen=True, slots=True)
class Measured:
    """One scrape of one pod: its series by their identity.

    ``tells`` are the fields that this scrape tells; ``by_host`` whether every request has a host. ``started``
    is when the process began (epoch seconds), where it says so.
    """

    series: Mapping[int, Series] = field(default_factory=dict)
    tells: frozenset[str] = frozenset()
    by_host: bool = False
    started: float | None = None
    problems: tuple[str, ...] = ()


STARTED = "process_start_time_seconds"
NO_CODES = "it counts requests without their status: for errors rely on the probes"
_NO_TLS = "it does not count TLS handshakes"
_PREFIX = "envoy_http_conn_manager_prefix"
# listeners of Envoy's own, or of its controller's, that no client uses
_INNER = {_PREFIX: r"admin|async-client|.*(ready|stats|prometheus|health|metrics).*"}

_ENVOY_TLS = (
    Family("envoy_listener_ssl_handshake", into="handshakes"),
    Family("envoy_listener_ssl_connection_error", into="handshake_failures"),
    # a name that no listener has, and what is no TLS at all
    Family("envoy_listener_no_filter_chain_match", into="handshake_failures"),
)


def _envoy(
    name: str,
    title: str,
    port: int,
    path: str = "/stats/prometheus",
    *,
    zero: str = "",
) -> Families:
    answers = (
        Family("envoy_http_downstream_rq_xx", status="envoy_response_code_class", classes=True, never=_INNER),
        Family("envoy_http_downstream_rq_total", into="requests", never=_INNER),
    )
    rest = (Family("envoy_http_no_route", into="not_found", never=_INNER), *_ENVOY_TLS)
    notes = ("its 404s are those for which it has no route; a backend's own are not counted",)
    return Families(name, title, port, path, answers, rest, zero=zero, notes=notes)


_ALL = (
    Families(
        "ingress-nginx",
        "ingress-nginx",
        10254,
        "/metrics",
        (Family("nginx_ingress_controller_requests", status="status", host="host"),),
        zero="nginx_ingress_controller_",
        notes=("it counts only hosts that an Ingress names", _NO_TLS),
    ),
    _envoy("envoy-gateway", "Envoy Gateway", 19001),
    _envoy("kgateway", "kgateway", 9091, "/metrics", zero="envoy_server_uptime"),
    _envoy("contour", "Contour", 8002),
    Families(
        "istio",
        "Istio",
        15020,
        "/stats/prometheus",
        (Family("istio_requests_total", status="response_code", only={"reporter": "source|"}),),
        _ENVOY_TLS,
        notes=("it counts TLS handshakes only where its proxyStatsMatcher lets listener.*.ssl through",),
    ),
    Families(
        "cilium",
        "Cilium",
        9964,
        "/metrics",
        (
            Family(
                "envoy_http_downstream_rq_xx", status="envoy_response_code_class", classes=True, never=_INNER
            ),
            Family("envoy_http_downstream_rq_total", into="requests", never=_INNER),
            # of Hubble's two versions of the metric only one is on
            Family("hubble_http_requests_total", status="status", only={"reporter": "server|"}),
            Family("hubble_http_responses_total", status="status", only={"reporter": "server|"}),
        ),
        (Family("envoy_http_no_route", into="not_found", never=_INNER), *_ENVOY_TLS),
        notes=("a node's Envoy serves every gateway and every layer 7 policy of that node",),
    ),
    Families(
        "agentgateway",
        "agentgateway",
        15020,
        "/metrics",
        (
            Family("agentgateway_requests_total", status="status"),
            Family("agentgateway_requests", status="status"),
        ),
        (
            Family("agentgateway_tls_handshake_duration_seconds_count", into="handshakes"),
            Family("agentgateway_tls_handshake_duration_count", into="handshakes"),
        ),
        notes=("it does not count failed TLS handshakes",),
    ),
    Families(
        "nginx-gateway-fabric",
        "NGINX Gateway Fabric",
        9113,
        "/metrics",
        (Family("nginx_http_requests_total", into="requests"),),
        notes=(NO_CODES, _NO_TLS),
    ),
    Families(
        "nginx-gateway-fabric-plus",
        "NGINX Gateway Fabric with NGINX Plus",
        9113,
        "/metrics",
        (
            Family("nginx_http_response_status_responses_total", status="range", classes=True),
            Family("nginxplus_server_zone_responses", status="code", classes=True),
            Family("nginx_http_requests_total", into="requests"),
        ),
        (
            Family("nginx_ssl_handshakes_total", into="handshakes"),
            Family("nginx_ssl_handshakes_failed_total", into="handshake_failures"),
            Family("nginxplus_ssl_handshakes", into="handshakes"),
            Family("nginxplus_ssl_handshakes_failed", into="handshake_failures"),
        ),
        notes=("it does not tell 404 from other 4xx",),
    ),
    Families(
        "traefik",
        "Traefik",
        9100,
        "/metrics",
        (
            Family(
                "traefik_entrypoint_requests_total",
                status="code",
                never={"entrypoint": "traefik|metrics|ping"},
            ),
        ),
        zero="traefik_config_",
        notes=(_NO_TLS,),
    ),
    Families(
        "kong",
        "Kong",
        8100,
        "/metrics",
        (
            Family("kong_http_requests_total", status="code"),
            Family("kong_http_status", status="code"),
        ),
        notes=("it counts requests only where its prometheus plugin has status_code_metrics on", _NO_TLS),
    ),
    Families(
        "haproxy",
        "HAProxy",
        1024,
        "/metrics",
        (
            Family(
                "haproxy_frontend_http_responses_total",
                status="code",
                classes=True,
                never={"proxy": r"stats|prometheus|healthz?|_.*"},
            ),
        ),
        (
            Family("haproxy_frontend_ssl_failed_handshake", into="handshake_failures"),
            Family("haproxy_frontend_ssl_sess", into="handshakes"),
        ),
        notes=("it does not tell 404 from other 4xx",),
    ),
    Families(
        "nginx",
        "nginx (stub_status)",
        8080,
        "/stub_status",
        (Family("nginx_http_requests_total", into="requests"),),
        stub=True,
        notes=(NO_CODES, _NO_TLS),
    ),
)

FAMILIES: Mapping[str, Families] = {one.name: one for one in _ALL}
"""By the name that a plan's ``controller`` gives."""
_OTHER_NAMES = {
    "eg": "envoy-gateway",
    "envoy": "envoy-gateway",
    "ngf": "nginx-gateway-fabric",
    "ngf-plus": "nginx-gateway-fabric-plus",
    "haproxy-ingress": "haproxy",
    "haproxytech": "haproxy",
}


def families_of(controller: str) -> Families:
    """A controller's families by its name in a plan. UserError where it is not known."""
    name = controller.strip().lower()
    found = FAMILIES.get(_OTHER_NAMES.get(name, name))
    if found is None:
        raise UserError(
            f"nothing is known of how {clean(controller, 60)} counts its traffic",
            f"known are {', '.join(FAMILIES)}",
        )
    return found


def measure(families: Families, body: bytes) -> Measured:
    """What one scrape says. Never raises; what cannot be read, or does not fit, is a problem."""
    markers = (families.zero,) if families.zero else ()
    found = parse_stub_status(body) if families.stub else parse(body, families.names, markers)
    if found.cut:
        return Measured(problems=("it shows more than can be read at once, and was not counted",))
    answers = _chosen(families, found)
    series: dict[int, Series] = {}
    told: set[str] = set()
    by_host = True
    read = (*((answers,) if answers else ()), *families.more)
    there = {sample.name for sample in found.samples}
    for family in read:
        if family is answers or family.name in there or _declared(family, found):
            told.update(family.tells)
    by_name: dict[str, list[Sample]] = {}
    for sample in found.samples:
        by_name.setdefault(sample.name, []).append(sample)
    for family in read:
        for sample in by_name.get(family.name, ()):
            if not family.takes(sample.labels) or not math.isfinite(sample.value) or sample.value < 0:
                continue
            host = sample.labels.get(family.host, "").lower() if family.host else ""
            if family is answers:
                by_host = by_host and bool(host)
            identity = hash((sample.name, *sorted(sample.labels.items())))
            series[identity] = (family.fields_of(sample.labels), host, sample.value)
    problems: tuple[str, ...] = (f"{found.bad_lines} lines cannot be read",) if found.bad_lines else ()
    if answers is None:
        problems += (f"it shows no {families.answers[0].name}: is {families.title} on that port and path?",)
    started = next((one.value for one in by_name.get(STARTED, ()) if math.isfinite(one.value)), None)
    by_host = by_host and answers is not None and bool(answers.host)
    return Measured(series, frozenset(told) & set(FIELDS), by_host, started, problems)


def _chosen(families: Families, found: Exposition) -> Family | None:
    """The first alternative that is there; the first of all where nothing has been counted yet."""
    there = {sample.name for sample in found.samples}
    for family in families.answers:
        if family.name in there or _declared(family, found):
            return family
    return families.answers[0] if families.zero and families.zero in found.present else None


def _declared(family: Family, found: Exposition) -> bool:
    return family.name in found.declared or family.name.removesuffix("_total") in found.declared
