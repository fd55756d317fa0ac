from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from OpenSSL import SSL
from pointsman.sandbox.edge import Edge, EdgeRule, Faults, VirtualHost, start_together
from pointsman.sandbox.errors import SandboxError
from pointsman.sandbox.pki import Certificate, PracticeCa
from sandbox_wire_kit import HOST, Pair, until


def served_chain(address: str, port: int, name: str | None) -> list[x509.Certificate]:
    """The chain as it was sent, leaf first; OpenSSL's error where there was no handshake."""
    with socket.create_connection((address, port), timeout=5) as plain:
        plain.settimeout(None)
        connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), plain)
        if name:
            connection.set_tlsext_host_name(name.encode())
        connection.set_connect_state()
        connection.do_handshake()
        chain = connection.get_peer_cert_chain(as_cryptography=True)
        connection.shutdown()
    return chain or []


async def chain_of(edge: Edge, name: str | None = HOST) -> list[x509.Certificate]:
    return await asyncio.to_thread(served_chain, edge.address, edge.port, name)


async def failed(edge: Edge, name: str | None = HOST) -> bool:
    try:
        await chain_of(edge, name)
    except (SSL.Error, OSError):
        return True
    return False


async def test_both_edges_answer_on_one_port_with_the_same_words(pair: Pair) -> None:
    old, new = await pair.ask(pair.old, "/api/x?y=1"), await pair.ask(pair.new, "/api/x?y=1")
    assert pair.old.port == pair.new.port == pair.port
    assert (old.status, new.status) == (200, 200)
    assert old.text == new.text == f'{{"host": "{HOST}", "path": "/api/x", "backend": "shop/api:8080"}}\n'
    assert old.headers["content-type"] == new.headers["content-type"] == "application/json"
    assert old.headers["cache-control"] == new.headers["cache-control"] == "public, max-age=60"
    assert (old.headers["server"], new.headers["server"]) == ("nginx", "envoy")
    assert old.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "strict-transport-security" not in new.headers


async def test_the_second_request_of_a_path_is_warm(pair: Pair) -> None:
    seen = [(await pair.ask(pair.new, path)).headers["x-cache"] for path in ("/a", "/a", "/b", "/a?q")]
    assert seen == ["MISS", "HIT", "MISS", "MISS"]
    pair.new.forget_cache()
    assert (await pair.ask(pair.new, "/a")).headers["x-cache"] == "MISS"
    assert "x-cache" not in (await pair.ask(pair.new, "/a", method="POST")).headers


async def test_what_is_not_there_is_404(pair: Pair, certificate: Certificate) -> None:
    rules = (EdgeRule("/api", "Prefix", "api"),)
    pair.new.configure({HOST: VirtualHost(HOST, rules, certificate)})
    assert (await pair.ask(pair.new, "/api")).status == 200
    assert (await pair.ask(pair.new, "/elsewhere")).status == 404
    stranger = await pair.ask(pair.new, host="unknown.test", name=HOST)
    assert stranger.status == 404
    assert pair.new.counters.by_class("_") == {"4xx": 1}


async def test_a_trailing_dot_is_for_nginx_only(pair: Pair) -> None:
    assert (await pair.ask(pair.old, host=f"{HOST}.", name=HOST)).status == 200
    assert (await pair.ask(pair.new, host=f"{HOST}.", name=HOST)).status == 404


async def test_new_routing_holds_from_the_next_request_even_on_an_open_connection(
    pair: Pair, certificate: Certificate
) -> None:
    async with httpx.AsyncClient(verify=pair.trust) as client:
        options = {"headers": {"Host": HOST}, "extensions": {"sni_hostname": HOST}}
        url = f"https://{pair.new.address}:{pair.port}/"
        before = await client.get(url, **options)  # type: ignore[arg-type]
        rules = (
            EdgeRule(
                "/",
                "Prefix",
                "moved",
                status=201,
                body="moved\n",
                headers=(("X-New", "1"), ("Set-Cookie", "a=1; Secure"), ("Set-Cookie", "b=2")),
            ),
        )
        pair.new.configure({HOST: VirtualHost(HOST, rules, certificate)})
        after = await client.get(url, **options)  # type: ignore[arg-type]
    assert (before.status_code, after.status_code, after.text) == (200, 201, "moved\n")
    assert after.headers.get_list("set-cookie") == ["a=1; Secure", "b=2"]
    assert after.headers["x-new"] == "1"
    assert pair.new.counters.handshakes == {HOST: 1}


async def test_a_rule_may_replace_the_edges_own_headers(pair: Pair, certificate: Certificate) -> None:
    rules = (EdgeRule("/", "Prefix", "web", headers=(("strict-transport-security", "max-age=1"),)),)
    for edge in (pair.old, pair.new):
        edge.configure({HOST: VirtualHost(HOST, rules, certificate)})
        answer = await pair.ask(edge)
        assert answer.headers.get_list("strict-transport-security") == ["max-age=1"]


async def test_a_broken_backend_is_its_share_of_500(pair: Pair, certificate: Certificate) -> None:
    rules = (
        EdgeRule("/", "Prefix", "good", weight=3),
        EdgeRule("/", "Prefix", "bad", status=500, weight=1),
    )
    pair.new.configure({HOST: VirtualHost(HOST, rules, certificate)})
    statuses = [(await pair.ask(pair.new)).status for _ in range(8)]
    assert sorted(statuses) == [200] * 6 + [500] * 2
    assert pair.new.counters.by_class(HOST) == {"2xx": 6, "5xx": 2}


async def test_being_configured_again_does_not_start_the_turns_anew(
    pair: Pair, certificate: Certificate
) -> None:
    rules = (
        EdgeRule("/", "Prefix", "good", weight=3),
        EdgeRule("/", "Prefix", "bad", status=500, weight=1),
    )
    statuses = []
    for _ in range(8):
        pair.new.configure({HOST: VirtualHost(HOST, rules, certificate)})
        statuses.append((await pair.ask(pair.new)).status)
    assert sorted(statuses) == [200] * 6 + [500] * 2


async def test_redirects_and_head_and_no_content(pair: Pair, certificate: Certificate) -> None:
    rules = (
        EdgeRule("/", "Prefix", "web"),
        EdgeRule("/gone", "Exact", "", status=301, headers=(("location", "https://a.test/"),)),
        EdgeRule("/none", "Exact", "web", status=204),
    )
    pair.new.configure({HOST: VirtualHost(HOST, rules, certificate)})
    moved = await pair.ask(pair.new, "/gone")
    assert (moved.status, moved.headers["location"]) == (301, "https://a.test/")
    assert (await pair.ask(pair.new, "/none")).text == ""
    head, get = await pair.ask(pair.new, method="HEAD"), await pair.ask(pair.new)
    assert (head.status, head.text) == (200, "")
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(("name", "status"), [("old", 308), ("new", 301)])
async def test_plain_http_is_sent_to_https(pair: Pair, name: str, status: int) -> None:
    edge: Edge = getattr(pair, name)
    base = f"http://{edge.address}:{edge.http_port}"
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{base}/a/b?c=%2F", headers={"Host": HOST})
        stranger = await client.get(base, headers={"Host": "unknown.test"})
    assert (answer.status_code, stranger.status_code) == (status, 404)
    assert answer.headers["location"] == f"https://{HOST}:{edge.port}/a/b?c=%2F"
    assert edge.counters.redirects == {HOST: 1, "_": 1}


async def test_the_chain_is_leaf_and_intermediate_and_the_fault_takes_the_latter(
    pair: Pair, ca: PracticeCa, certificate: Certificate
) -> None:
    intermediate = x509.load_pem_x509_certificate(ca.intermediate_pem)
    assert await chain_of(pair.new) == [certificate.leaf, intermediate]
    pair.new.faults[HOST] = Faults(missing_intermediate=True)
    assert await chain_of(pair.new) == [certificate.leaf]
    with pytest.raises(httpx.ConnectError, match="unable to get local issuer certificate"):
        await pair.ask(pair.new)
    del pair.new.faults[HOST]
    assert len(await chain_of(pair.new)) == 2


async def test_the_default_certificate(pair: Pair) -> None:
    pair.old.faults["*"] = Faults(default_certificate=True)
    (leaf,) = await chain_of(pair.old)
    assert "Kubernetes Ingress Controller Fake Certificate" in leaf.subject.rfc4514_string()
    with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
        await pair.ask(pair.old)


@pytest.mark.parametrize("name", ["unknown.test", None])
async def test_an_unknown_name_gets_the_old_ones_default_and_nothing_of_the_new_one(
    pair: Pair, name: str | None
) -> None:
    (leaf,) = await chain_of(pair.old, name)
    assert leaf.subject == leaf.issuer
    assert await failed(pair.new, name)
    counted = "_" if name else ""
    await until(lambda: pair.new.counters.handshake_failures[counted] == 1)
    assert pair.old.counters.handshakes[counted] == 1


async def test_a_host_without_a_certificate(pair: Pair) -> None:
    for edge in (pair.old, pair.new):
        edge.configure({HOST: VirtualHost(HOST, (EdgeRule("/", "Prefix", "web"),))})
    assert len(await chain_of(pair.old)) == 1
    assert await failed(pair.new)


async def test_a_wildcard_host_by_name_and_by_request(pair: Pair, ca: PracticeCa) -> None:
    wildcard = ca.issue(["*.shop.test"])
    pair.new.configure(
        {"*.shop.test": VirtualHost("*.shop.test", (EdgeRule("/", "Prefix", "web"),), wildcard)}
    )
    assert (await pair.ask(pair.new, host="any.shop.test")).status == 200
    assert pair.new.counters.by_class("*.shop.test") == {"2xx": 1}
    assert pair.new.counters.handshakes == {"*.shop.test": 1}


async def test_a_refused_handshake_is_counted_for_its_host_only(pair: Pair) -> None:
    pair.new.faults[HOST] = Faults(refuse_handshake=True)
    assert await failed(pair.new)
    await until(lambda: pair.new.counters.handshake_failures == {HOST: 1})
    pair.new.faults.clear()
    assert not await failed(pair.new)
    await until(lambda: pair.new.counters.handshakes == {HOST: 1})
    assert pair.new.counters.handshake_failures == {HOST: 1}


async def test_a_client_that_distrusts_us_is_a_failed_handshake(pair: Pair) -> None:
    async with httpx.AsyncClient(verify=ssl.create_default_context()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://{pair.new.address}:{pair.port}/", extensions={"sni_hostname": HOST})
    await until(lambda: pair.new.counters.handshake_failures == {HOST: 1})
    assert pair.new.counters.handshakes == {}


async def test_a_port_check_is_no_failed_handshake_but_plain_http_is(pair: Pair) -> None:
    _, writer = await asyncio.open_connection(pair.new.address, pair.port)
    writer.close()
    await writer.wait_closed()
    reader, writer = await asyncio.open_connection(pair.new.address, pair.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.read()
    writer.close()
    await until(lambda: pair.new.counters.handshake_failures.total() == 1)
    assert pair.new.counters.handshake_failures == {"": 1}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_and_http_1_1_only(pair: Pair, version: ssl.TLSVersion) -> None:
    context = pair.trust
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(pair.new.address, pair.port, ssl=context, server_hostname=HOST)
    connection = writer.get_extra_info("ssl_object")
    assert connection.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    assert connection.selected_alpn_protocol() == "http/1.1"
    writer.close()


async def test_the_error_share_is_even_and_a_path_away(pair: Pair) -> None:
    pair.new.faults[HOST] = Faults(error_share=0.25, error_status=502)
    statuses = [(await pair.ask(pair.new)).status for _ in range(12)]
    assert statuses == [200, 200, 200, 502] * 3
    pair.new.faults[HOST] = Faults(error_share=1.0)
    assert (await pair.ask(pair.new)).status == 503
    pair.new.faults.clear()
    assert (await pair.ask(pair.new)).status == 200


async def test_the_error_share_by_chance(pair: Pair) -> None:
    random.seed(7)
    pair.new.faults["*"] = Faults(error_share=0.5, error_random=True)
    statuses = [(await pair.ask(pair.new)).status for _ in range(30)]
    assert set(statuses) == {200, 503}
    assert statuses != [200, 503] * 15


async def test_slow_missing_and_dropped(pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    pair.old.faults[HOST] = Faults(delay_s=0.15)
    asked = loop.time()
    await pair.ask(pair.old)
    assert loop.time() - asked >= 0.15
    pair.old.faults[HOST] = Faults(
        missing_paths=("/api",), dropped_headers=("Strict-Transport-Security", "x-cache", "x-not-there")
    )
    assert (await pair.ask(pair.old, "/api/x")).status == 404
    kept = await pair.ask(pair.old, "/apis")
    assert kept.status == 200
    assert "strict-transport-security" not in kept.headers
    assert "x-cache" not in kept.headers


async def test_faults_of_one_host_leave_the_others_alone(
    pair: Pair, ca: PracticeCa, certificate: Certificate
) -> None:
    other = "other.shop.test"
    rules = (EdgeRule("/", "Prefix", "web"),)
    pair.new.configure(
        {HOST: VirtualHost(HOST, rules, certificate), other: VirtualHost(other, rules, ca.issue([other]))}
    )
    pair.new.faults[HOST] = Faults(error_share=1.0)
    assert (await pair.ask(pair.new)).status == 503
    assert (await pair.ask(pair.new, host=other)).status == 200
    pair.new.faults["*"] = Faults(missing_paths=("/",))
    assert (await pair.ask(pair.new, host=other)).status == 404


async def test_the_metrics_are_the_controllers_own(pair: Pair) -> None:
    pair.new.faults["*"] = Faults(error_share=0.5)
    for edge in (pair.old, pair.new):
        for _ in range(2):
            await pair.ask(edge, headers={"User-Agent": "pointsman/0.1"})
        await pair.ask(edge, headers={"User-Agent": "Mozilla/5.0"})
    assert f'host="{HOST}",method="GET",status="200"}} 3\n' in pair.old.prometheus_text()
    new = pair.new.prometheus_text()
    prefix = f'envoy_http_conn_manager_prefix="https-{pair.port}"'
    assert f'envoy_http_downstream_rq_xx{{envoy_response_code_class="5",{prefix}}} 1\n' in new
    assert f'envoy_listener_ssl_handshake{{envoy_listener_address="127.0.0.3_{pair.port}"}} 3\n' in new
    assert pair.new.counters.total(HOST, without_agents=("pointsman",)) == 1


async def test_stopping_closes_what_is_open_and_keeps_the_counts(pair: Pair) -> None:
    await pair.ask(pair.new)
    pair.new.faults[HOST] = Faults(delay_s=60)
    slow = asyncio.create_task(pair.ask(pair.new))
    hanging, writer = await asyncio.open_connection(pair.new.address, pair.port)
    await until(lambda: pair.new.counters.handshakes[HOST] == 2)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pair.new.stop()
    assert loop.time() - began < 3
    assert await asyncio.wait_for(hanging.read(), 2) == b""
    writer.close()
    with pytest.raises(httpx.HTTPError):
        await slow
    with pytest.raises(httpx.ConnectError):
        await pair.ask(pair.new)
    assert pair.new.counters.by_class(HOST)["2xx"] >= 1
    pair.new.faults.clear()
    assert await pair.new.start(pair.port) == pair.port
    assert (await pair.ask(pair.new)).status == 200


async def test_a_taken_port_is_one_clear_line(pair: Pair, tmp_path: Path) -> None:
    other = Edge("new", pair.new.address, tmp_path)
    with pytest.raises(
        SandboxError, match=r"the new edge cannot listen on 127\.0\.0\.3: Address already in use"
    ):
        await other.start(pair.port)
    with pytest.raises(SandboxError, match="already"):
        await pair.new.start()


async def test_starting_together_moves_on_from_a_port_that_one_of_them_cannot_have(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Edge("old", "127.0.0.4", tmp_path), Edge("new", pair.new.address, tmp_path)
    real, offers = first.start, [pair.port]

    async def start(port: int = 0, http_port: int = 0) -> int:
        return await real(offers.pop() if offers else port, http_port)

    monkeypatch.setattr(first, "start", start)
    port = await start_together(first, second)
    assert port not in (0, pair.port)
    assert (first.port, second.port) == (port, port)
    await first.stop()
    await second.stop()


async def test_no_address_no_edge(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"cannot listen on 192\.0\.2\.1"):
        await start_together(Edge("old", "192.0.2.1", tmp_path))
    with pytest.raises(SandboxError, match="no edge"):
        await start_together()


async def test_no_key_stays_on_the_disk(pair: Pair, tmp_path: Path) -> None:
    await pair.ask(pair.new)
    assert os.listdir(tmp_path) == []
