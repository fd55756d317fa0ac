"""An edge's counters as Prometheus text, in the families of the controller whose manners it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .edge_counters import UNKNOWN_HOST, EdgeCounters

PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def nginx_metrics(counters: EdgeCounters, pod: str) -> str:
    """ingress-nginx: a series per host, method and status, born at its first request; no unknown hosts."""
    name = "nginx_ingress_controller_requests"
    series = (
        (
            {
                "controller_class": "k8s.io/ingress-nginx",
                "controller_namespace": "ingress-nginx",
                "controller_pod": pod,
                "host": host,
                "method": method,
                "status": str(status),
            },
            count,
        )
        for (host, method, status), count in sorted(counters.requests.items())
        if host != UNKNOWN_HOST
    )
    return _family(name, "The total number of client requests", series)


def envoy_metrics(counters: EdgeCounters, address: str, port: int) -> str:
    """Envoy: totals and status classes of the whole listener, handshakes and failed ones; zeros are there."""
    manager = {"envoy_http_conn_manager_prefix": f"https-{port}"}
    listener = {"envoy_listener_address": f"{address}_{port}"}
    classes = counters.by_class()
    return "".join(
        (
            _family("envoy_http_downstream_rq_total", "", [(manager, sum(classes.values()))]),
            _family(
                "envoy_http_downstream_rq_xx",
                "",
                [
                    ({"envoy_response_code_class": str(digit), **manager}, classes.get(f"{digit}xx", 0))
                    for digit in range(1, 6)
                ],
            ),
            _family("envoy_listener_ssl_handshake", "", [(listener, counters.handshakes.total())]),
            _family(
                "envoy_listener_ssl_connection_error", "", [(listener, counters.handshake_failures.total())]
            ),
        )
    )


def _family(name: str, help_text: str, series: Iterable[tuple[Mapping[str, str], int]]) -> str:
    lines = [f"# HELP {name} {help_text}"] if help_text else []
    lines.append(f"# TYPE {name} counter")
    for labels, value in series:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
