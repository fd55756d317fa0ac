"""How each controller's own metrics are read, on what their documents and sources show of them.

The names and labels are from: ingress-nginx internal/ingress/metric/collectors/socket.go; Envoy's
configuration/http/http_conn_man/stats and configuration/listeners/stats; Istio "Standard metrics"; Cilium
"Monitoring & Metrics" (hubble); Traefik "Metrics"; Kong "Prometheus plugin"; nginx-prometheus-exporter README
(NGINX and NGINX Plus); HAProxy addons/promex/README. The values are made up.
"""

from __future__ import annotations

import pytest
from pointsman.cluster.errors import UserError
from pointsman.probes.watching.traffic.counters import Counters, Look, PodLook
from pointsman.probes.watching.traffic.facts import Counts, Reading
from pointsman.probes.watching.traffic.families import FAMILIES, NO_CODES, families_of, measure
from pointsman.probes.watching.traffic.queries import age_query, filled_in, queries_of


def counted(controller: str, body: str, alive: str = "") -> Reading:
    """What a pod counts that answered ``alive`` before and ``body`` now."""
    families = families_of(controller)
    counters = Counters("test", families.notes)
    for at, text in enumerate((alive, body)):
        look = PodLook("uid", "pod", 0, measure(families, text.encode()))
        counters = counters.add(Look(float(at), (look,)))
    return counters.reading()


def zeroed(body: str) -> str:
    """The same exposition with every counter at 0."""
    return "\n".join(
        line if line.startswith("#") or not line else line.rpartition(" ")[0] + " 0"
        for line in body.splitlines()
    )


def test_ingress_nginx() -> None:
    body = """
# TYPE nginx_ingress_controller_requests counter
nginx_ingress_controller_requests{host="a.test",ingress="a",method="GET",path="/",status="200"} 90
nginx_ingress_controller_requests{host="a.test",ingress="a",method="GET",path="/",status="404"} 3
nginx_ingress_controller_requests{host="a.test",ingress="a",method="POST",path="/",status="503"} 2
nginx_ingress_controller_requests{host="B.test",ingress="b",method="GET",path="/",status="200"} 5
nginx_ingress_controller_request_duration_seconds_bucket{host="a.test",le="0.005"} 12
"""
    reading = counted("ingress-nginx", body, "nginx_ingress_controller_build_info 1\n")
    assert reading.total == Counts(100, 2, 3)
    assert reading.hosts == {"a.test": Counts(95, 2, 3), "b.test": Counts(5, 0, 0)}
    assert reading.by_host
    assert "it counts only hosts that an Ingress names" in reading.notes


def test_ingress_nginx_without_metrics_per_host() -> None:
    body = 'nginx_ingress_controller_requests{ingress="a",method="GET",status="200"} 9\n'
    reading = counted("ingress-nginx", body, "nginx_ingress_controller_build_info 1\n")
    assert reading.total == Counts(9, 0, 0)
    assert not reading.by_host
    assert reading.hosts == {}


ENVOY = """
# TYPE envoy_http_downstream_rq_xx counter
envoy_http_downstream_rq_xx{{envoy_response_code_class="1",envoy_http_conn_manager_prefix="{prefix}"}} 0
envoy_http_downstream_rq_xx{{envoy_response_code_class="2",envoy_http_conn_manager_prefix="{prefix}"}} 80
envoy_http_downstream_rq_xx{{envoy_response_code_class="4",envoy_http_conn_manager_prefix="{prefix}"}} 15
envoy_http_downstream_rq_xx{{envoy_response_code_class="5",envoy_http_conn_manager_prefix="{prefix}"}} 5
envoy_http_downstream_rq_xx{{envoy_response_code_class="2",envoy_http_conn_manager_prefix="admin"}} 999
envoy_http_downstream_rq_xx{{envoy_response_code_class="5",envoy_http_conn_manager_prefix="ready"}} 999
envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix="{prefix}"}} 101
envoy_http_no_route{{envoy_http_conn_manager_prefix="{prefix}"}} 12
envoy_listener_ssl_handshake{{envoy_listener_address="0.0.0.0_10443"}} 70
envoy_listener_ssl_connection_error{{envoy_listener_address="0.0.0.0_10443"}} 4
envoy_listener_no_filter_chain_match{{envoy_listener_address="0.0.0.0_10443"}} 3
"""


@pytest.mark.parametrize(
    ("controller", "prefix"),
    [
        ("envoy-gateway", "https-10443"),
        ("kgateway", "http"),
        ("contour", "ingress_https"),
        ("cilium", "listener-secure"),
    ],
)
def test_those_that_run_envoy(controller: str, prefix: str) -> None:
    body = ENVOY.format(prefix=prefix)
    reading = counted(controller, body, zeroed(body))
    assert reading.total == Counts(100, 5, 12, 70, 7)
    assert not reading.by_host
    assert reading.complete


def test_envoy_without_the_listeners_counters_tells_no_handshakes() -> None:
    labels = 'envoy_response_code_class="2",envoy_http_conn_manager_prefix="http-80"'
    body = f"envoy_http_downstream_rq_xx{{{labels}}} 4\n"
    assert counted("envoy-gateway", body, zeroed(body)).total == Counts(4, 0, None, None, None)


def test_kgateway_shows_only_what_was_used() -> None:
    # its scrape is .../stats/prometheus?usedonly: before the first request there is no counter of requests
    body = ENVOY.format(prefix="https")
    reading = counted("kgateway", body, "envoy_server_uptime 5\n")
    assert reading.total.requests == 100
    assert reading.complete


def test_istio() -> None:
    body = """
istio_requests_total{reporter="source",response_code="200",destination_service="a.shop.svc.cluster.local"} 50
istio_requests_total{reporter="source",response_code="404",destination_service="unknown"} 4
istio_requests_total{reporter="source",response_code="503",destination_service="a.shop.svc.cluster.local"} 3
istio_requests_total{reporter="source",response_code="0",destination_service="a.shop.svc.cluster.local"} 1
istio_requests_total{reporter="destination",response_code="503",destination_service="a"} 77
"""
    assert counted("istio", body, zeroed(body)).total == Counts(58, 3, 4)


@pytest.mark.parametrize("name", ["hubble_http_requests_total", "hubble_http_responses_total"])
def test_cilium_by_hubble(name: str) -> None:
    body = f"""
{name}{{method="GET",protocol="HTTP/1.1",reporter="server",status="200"}} 8
{name}{{method="GET",protocol="HTTP/1.1",reporter="server",status="500"}} 2
{name}{{method="GET",protocol="HTTP/1.1",reporter="client",status="500"}} 50
"""
    assert counted("cilium", body, zeroed(body)).total == Counts(10, 2, 0)


def test_agentgateway() -> None:
    body = """
# TYPE agentgateway_requests counter
agentgateway_requests_total{gateway="infra/main",method="GET",status="200"} 8
agentgateway_requests_total{gateway="infra/main",method="GET",status="404"} 1
agentgateway_requests_total{gateway="infra/main",method="GET",status="502"} 1
# EOF
"""
    assert counted("agentgateway", body, "# TYPE agentgateway_requests counter\n").total == Counts(10, 1, 1)


@pytest.mark.parametrize("controller", ["nginx-gateway-fabric", "ngf"])
def test_nginx_gateway_fabric_has_no_codes(controller: str) -> None:
    body = "# TYPE nginx_http_requests_total counter\nnginx_http_requests_total 42\n"
    reading = counted(controller, body, zeroed(body))
    assert reading.total == Counts(42, None, None, None, None)
    assert NO_CODES in reading.notes


def test_nginx_gateway_fabric_with_nginx_plus() -> None:
    body = """
nginx_http_requests_total 60
nginx_http_response_status_responses_total{range="2xx"} 40
nginx_http_response_status_responses_total{range="5xx"} 2
nginx_ssl_handshakes_total 30
"""
    assert counted("ngf-plus", body, zeroed(body)).total == Counts(42, 2, None, 30, None)
    body = """
nginxplus_server_zone_responses{code="2xx",server_zone="a.test"} 40
nginxplus_server_zone_responses{code="5xx",server_zone="a.test"} 2
nginxplus_ssl_handshakes 30
nginxplus_ssl_handshakes_failed 3
"""
    assert counted("ngf-plus", body, zeroed(body)).total == Counts(42, 2, None, 30, 3)


def test_traefik() -> None:
    body = """
traefik_entrypoint_requests_total{code="200",entrypoint="websecure",method="GET",protocol="http"} 40
traefik_entrypoint_requests_total{code="404",entrypoint="websecure",method="GET",protocol="http"} 5
traefik_entrypoint_requests_total{code="502",entrypoint="websecure",method="GET",protocol="http"} 5
traefik_entrypoint_requests_total{code="200",entrypoint="traefik",method="GET",protocol="http"} 99
traefik_entrypoint_requests_tls_total{entrypoint="websecure",tls_cipher="a",tls_version="1.3"} 50
"""
    assert counted("traefik", body, "traefik_config_reloads_total 1\n").total == Counts(50, 5, 5)


@pytest.mark.parametrize("name", ["kong_http_requests_total", "kong_http_status"])
def test_kong(name: str) -> None:
    body = f"""
{name}{{service="a",route="a",code="200",source="service"}} 40
{name}{{service="a",route="a",code="502",source="service"}} 2
"""
    assert counted("kong", body, zeroed(body)).total == Counts(42, 2, 0)


def test_kong_without_status_code_metrics_tells_nothing() -> None:
    reading = counted("kong", "kong_nginx_requests_total 9\n")
    assert reading.answered == 0
    assert reading.total == Counts()


@pytest.mark.parametrize("controller", ["haproxy", "haproxy-ingress"])
def test_haproxy(controller: str) -> None:
    body = """
haproxy_frontend_http_responses_total{proxy="https",code="1xx"} 0
haproxy_frontend_http_responses_total{proxy="https",code="2xx"} 40
haproxy_frontend_http_responses_total{proxy="https",code="4xx"} 7
haproxy_frontend_http_responses_total{proxy="https",code="5xx"} 3
haproxy_frontend_http_responses_total{proxy="https",code="other"} 0
haproxy_frontend_http_responses_total{proxy="stats",code="2xx"} 99
"""
    assert counted(controller, body, zeroed(body)).total == Counts(50, 3, None)


def test_plain_nginx() -> None:
    page = "Active connections: 2 \nserver accepts handled requests\n 7 7 {} \nReading: 0 Writing: 1 \n"
    reading = counted("nginx", page.format(31), page.format(11))
    assert reading.total == Counts(20, None, None, None, None)
    assert NO_CODES in reading.notes


@pytest.mark.parametrize("controller", sorted(FAMILIES))
def test_what_is_no_number_or_not_its_page_is_no_zero(controller: str) -> None:
    families = families_of(controller)
    for body in (b"", b"<html>404</html>", f"{families.answers[0].name} NaN\n".encode(), b"\x00\xff" * 99):
        measured = measure(families, body)
        if b"NaN" not in body:
            assert not measured.tells
            assert measured.problems
        assert measured.series == {}


def test_a_controller_that_is_not_known() -> None:
    with pytest.raises(UserError, match=r"known are ingress-nginx"):
        families_of("\x1bevil")


# ---- the queries


def test_hosts_in_a_query() -> None:
    query = queries_of(FAMILIES["ingress-nginx"], {})["requests"]
    assert filled_in(query, ["Shop.test", "*.b.test"]) == (
        "sum by (instance, pod, host) "
        '(nginx_ingress_controller_requests{host=~"shop[.]test|[^.]+[.]b[.]test"})'
    )
    assert 'host=~".+"' in filled_in(query, [])
    assert '"})' not in filled_in('x{host=~"$hosts"}', ['a"}) or vector(1'])[:-3]


def test_own_queries_stand_in_place_of_those_shipped() -> None:
    queries = queries_of(FAMILIES["envoy-gateway"], {"requests": "sum(mine)", "handshakes": ""})
    assert queries["requests"] == "sum(mine)"
    assert "handshakes" not in queries
    assert queries["errors_5xx"].startswith("sum by (instance, pod) (envoy_http_downstream_rq_xx{")


@pytest.mark.parametrize("controller", sorted(FAMILIES))
def test_each_controller_has_queries_for_all_that_it_tells(controller: str) -> None:
    families = families_of(controller)
    told = {field for family in (*families.answers, *families.more) for field in family.tells}
    assert set(queries_of(families, {})) == told
    assert families.answers[0].name in age_query(families)
