"""Who asks, and by which way: tokens that expire, plugins, pods, proxies; against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml
from chaos_kit import QUICK
from live_helpers import TOKEN, Practice, a_gateway, a_route, eventually
from plugin_kit import a_plugin, changed, gives, runs
from pointsman.cluster.client.connect import ApiError, Connection, connect
from pointsman.cluster.client.discovery import discover
from pointsman.cluster.client.pools import keepalive_options
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.client.wire_errors import retry_after
from pointsman.cluster.errors import UserError
from pointsman.sandbox.apiserver.access import ADMINISTRATOR
from pointsman.sandbox.pki import PracticeCa

SECOND_TOKEN = "a-second-token-0123456789"
ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"


@contextlib.asynccontextmanager
async def connected(kubeconfig: str | None, **more: Any) -> AsyncIterator[Connection]:
    connection = await asyncio.to_thread(lambda: connect(kubeconfig, **more))
    try:
        yield connection
    finally:
        await asyncio.to_thread(connection.close)


# -- tokens and plugins --


async def test_a_token_that_is_refused_is_had_anew_from_the_plugin_once(
    practice: Practice, tmp_path: Path
) -> None:
    gives(tmp_path, token=TOKEN)
    async with connected(changed(practice.kubeconfig, a_plugin(tmp_path))) as connection:
        await asyncio.to_thread(connection.get_json, ROUTES)
        assert runs(tmp_path) == 1
        # the server forgets the old token, as at its expiry
        del practice.server.policy.users[TOKEN]
        practice.server.policy.users[SECOND_TOKEN] = ADMINISTRATOR
        gives(tmp_path, token=SECOND_TOKEN)
        asked = [asyncio.to_thread(connection.get_json, ROUTES) for _ in range(8)]
        await asyncio.gather(*asked)
        assert runs(tmp_path) == 2, "one run serves all that were refused"


async def test_a_plugin_whose_token_is_no_good_is_not_run_again_and_again(
    practice: Practice, tmp_path: Path
) -> None:
    gives(tmp_path, token="nobody-knows-this-one")
    async with connected(changed(practice.kubeconfig, a_plugin(tmp_path))) as connection:
        for _ in range(4):
            with pytest.raises(ApiError) as caught:
                await asyncio.to_thread(connection.get_json, ROUTES)
            assert caught.value.status == 401
        assert runs(tmp_path) == 2


async def test_a_plugin_that_fails_later_sends_nothing_anonymously_and_is_stale(
    practice: Practice, tmp_path: Path
) -> None:
    gives(tmp_path, token=TOKEN)
    practice.storage.apply(a_gateway())
    connection = await asyncio.to_thread(connect, changed(practice.kubeconfig, a_plugin(tmp_path)))
    cluster = LiveCluster(connection, timing=QUICK)
    cluster.start()
    try:
        await eventually(lambda: cluster.snapshot().state_of("Gateway").state == "live")
        (tmp_path / "status").unlink()
        del practice.server.policy.users[TOKEN]
        practice.server.cut_watches()
        await eventually(lambda: "please log in" in cluster.snapshot().state_of("Gateway").detail)
        assert cluster.snapshot().state_of("Gateway").state == "stale"
        assert len(cluster.snapshot().gateways) == 1
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_a_client_certificate_of_a_plugin_is_changed_without_a_restart(
    practice: Practice, tmp_path: Path
) -> None:
    certificate, key = await asyncio.to_thread(
        lambda: [Path(one).read_text() for one in (practice.files.chain_file, practice.files.key_file)]
    )
    gives(tmp_path, clientCertificateData=certificate, clientKeyData=key)
    async with connected(changed(practice.kubeconfig, a_plugin(tmp_path))) as connection:
        # the practice server knows tokens only: it refuses, and the plugin is asked for another certificate
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.get_json, ROUTES)
        assert caught.value.status == 401
        assert (runs(tmp_path), connection._credentials.certificates) == (2, 1)


async def test_a_token_file_is_read_again_when_its_token_is_refused(
    practice: Practice, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    async with connected(changed(practice.kubeconfig, {"tokenFile": str(token)})) as connection:
        await asyncio.to_thread(connection.get_json, ROUTES)
        del practice.server.policy.users[TOKEN]
        practice.server.policy.users[SECOND_TOKEN] = ADMINISTRATOR
        token.write_text(SECOND_TOKEN)
        await asyncio.to_thread(connection.get_json, ROUTES)
        token.write_text("")
        del practice.server.policy.users[SECOND_TOKEN]
        connection._credentials._renewed_at = float("-inf")
        with pytest.raises(UserError, match="empty or unreadable"):
            await asyncio.to_thread(connection.get_json, ROUTES)


async def test_in_a_pod_the_service_account_is_used(
    practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(TOKEN)
    (account / "ca.crt").write_bytes(practice.ca_pem)
    (account / "namespace").write_text("edge")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(practice.port))
    async with connected(None, service_account=account) as connection:
        assert (connection.context, connection.namespace) == ("in-cluster", "edge")
        await asyncio.to_thread(connection.get_json, ROUTES)
        # the kubelet replaces the files; the old token ends
        del practice.server.policy.users[TOKEN]
        practice.server.policy.users[SECOND_TOKEN] = ADMINISTRATOR
        (account / "token").write_text(SECOND_TOKEN)
        await asyncio.to_thread(connection.get_json, ROUTES)
    shutil.rmtree(account)
    with pytest.raises(UserError, match="no kubeconfig found"):
        connect(None, service_account=account)


async def test_impersonation_goes_with_watches_and_heartbeats(practice: Practice) -> None:
    path = changed(practice.kubeconfig, {"token": TOKEN, "as": "practice-reader"})
    async with connected(path) as connection:
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.stream, ROUTES, {"watch": "1"})
        assert caught.value.status == 403
        assert "practice-reader" in str(caught.value)
        await asyncio.to_thread(connection.beat, 2.0)


# -- proxies --


class ConnectProxy:
    """An HTTP proxy for CONNECT alone, on a thread; remembers where it was asked to go."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        target = head.split()[1].decode()
        self.targets.append(target)
        # the name is one that only the proxy knows
        port = int(target.rpartition(":")[2])
        with client, socket.create_connection(("127.0.0.1", port)) as upstream:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
            back.start()
            _copy(client, upstream)
            back.join(5)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def tunnel() -> Iterator[ConnectProxy]:
    proxy = ConnectProxy()
    yield proxy
    proxy.close()


def elsewhere(practice: Practice) -> dict[str, Any]:
    """The same server by a name that only the proxy can find."""
    return {"server": f"https://cluster.invalid:{practice.port}", "tls-server-name": "localhost"}


async def test_proxy_url_of_the_kubeconfig(
    practice: Practice, tunnel: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as with kubectl, NO_PROXY says nothing about a proxy that the kubeconfig names
    monkeypatch.setenv("NO_PROXY", "*")
    practice.storage.apply(a_route())
    path = changed(practice.kubeconfig, **elsewhere(practice), **{"proxy-url": tunnel.url})
    connection = await asyncio.to_thread(connect, path)
    cluster = LiveCluster(connection, timing=QUICK)
    cluster.start()
    try:
        await eventually(lambda: cluster.snapshot().routes)
        practice.storage.apply(a_route("second"))
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
    finally:
        await asyncio.to_thread(cluster.stop)
    assert set(tunnel.targets) == {f"cluster.invalid:{practice.port}"}


async def test_proxy_of_the_environment(
    practice: Practice, tunnel: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    async with connected(changed(practice.kubeconfig, **elsewhere(practice))) as connection:
        await asyncio.to_thread(connection.get_json, ROUTES)
    assert tunnel.targets
    monkeypatch.setenv("NO_PROXY", ".invalid")
    async with connected(str(practice.kubeconfig)) as connection:
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.get_json, ROUTES)
    assert caught.value.reason == "name"


async def test_loopback_needs_no_proxy(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with connected(str(practice.kubeconfig)) as connection:
        await asyncio.to_thread(connection.get_json, ROUTES)


async def test_a_proxy_that_is_not_there_is_said(practice: Practice) -> None:
    path = changed(practice.kubeconfig, **elsewhere(practice), **{"proxy-url": "http://127.0.0.1:1"})
    async with connected(path) as connection:
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.get_json, ROUTES)
    assert caught.value.reason == "proxy"


async def test_an_authority_that_is_replaced_on_disk_is_read_again(
    practice: Practice, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_bytes(PracticeCa("Old").root_pem)
    document = yaml.safe_load(practice.kubeconfig.read_text())
    cluster = {"server": practice.server.url, "certificate-authority": str(authority)}
    document["clusters"][0]["cluster"] = cluster
    practice.kubeconfig.write_text(yaml.safe_dump(document))
    async with connected(str(practice.kubeconfig)) as connection:
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.get_json, ROUTES)
        assert caught.value.reason == "tls"
        authority.write_bytes(practice.ca_pem)
        await asyncio.to_thread(connection.get_json, ROUTES)


# -- discovery, waiting, sockets --


async def test_discovery_before_it_was_aggregated_says_the_same(practice: Practice) -> None:
    async with connected(str(practice.kubeconfig)) as connection:
        new = await asyncio.to_thread(discover, connection)
        practice.server.faults.legacy_discovery = True
        old = await asyncio.to_thread(discover, connection)
        assert {(one.group, one.version, one.kind) for one in old.kinds} == {
            (one.group, one.version, one.kind) for one in new.kinds
        }
        route = old.find("gateway.networking.k8s.io", "HTTPRoute", ("v1", "v1beta1"))
        assert route is not None
        assert (route.path(), route.namespaced) == (ROUTES, True)
        practice.server.faults.broken_groups = frozenset({"gateway.envoyproxy.io"})
        broken = await asyncio.to_thread(discover, connection)
    assert set(broken.failed_groups) == {"gateway.envoyproxy.io"}
    assert broken.find("gateway.networking.k8s.io", "HTTPRoute") is not None


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"<html>", b'{"kind": "Status"}'])
def test_an_answer_of_something_else_is_no_empty_cluster(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(65_536)
                        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
                            answer
                        )
                        client.sendall(head + answer)

        threading.Thread(target=serve, daemon=True).start()
        path = tmp_path / "config"
        path.write_text(
            yaml.safe_dump(
                {
                    "clusters": [
                        {"name": "c", "cluster": {"server": f"http://127.0.0.1:{listener.getsockname()[1]}"}}
                    ],
                    "contexts": [{"name": "x", "context": {"cluster": "c"}}],
                    "current-context": "x",
                }
            )
        )
        connection = connect(str(path))
        cluster = LiveCluster(connection, timing=QUICK)
        cluster.start()
        try:
            deadline = 200
            while cluster.snapshot().state_of("Gateway").state == "loading" and deadline:
                threading.Event().wait(0.01)
                deadline -= 1
            assert cluster.snapshot().state_of("Gateway").state == "failed"
            assert cluster.snapshot().state_of("Service").state in ("failed", "loading")
        finally:
            cluster.stop()


async def test_a_get_waits_as_long_as_the_server_asks_for_and_no_longer_than_it_may(
    practice: Practice,
) -> None:
    async with connected(str(practice.kubeconfig)) as connection:
        practice.server.faults.fail_next(1, 429, retry_after_s=1, matches=lambda _, path: path == ROUTES)
        body = await asyncio.to_thread(connection.request, "GET", ROUTES)
        assert b"HTTPRouteList" in body
        practice.server.faults.fail_next(1, 503, retry_after_s=60, matches=lambda _, path: path == ROUTES)
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.request, "GET", ROUTES, timeout_s=5.0)
        assert (caught.value.status, caught.value.retry_after_s) == (503, 60.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("7", 7.0),
        ("999999999999", 600.0),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_what_retry_after_asks_for(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, 1000.0) == seconds


def test_a_handshake_that_hangs_is_broken_off(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = f"https://127.0.0.1:{listener.getsockname()[1]}"
        path = tmp_path / "config"
        path.write_text(
            yaml.safe_dump(
                {
                    "clusters": [{"name": "c", "cluster": {"server": server}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c"}}],
                    "current-context": "x",
                }
            )
        )
        connection = connect(str(path))
        caught: list[ApiError] = []

        def ask() -> None:
            try:
                connection.request("GET", "/api")
            except ApiError as error:
                caught.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        peer, _ = listener.accept()
        with peer:
            # the first bytes of the handshake are there: the client waits for an answer to them
            assert peer.recv(1)
            began = monotonic()
            connection.close()
            thread.join(4.0)
        assert not thread.is_alive()
        assert monotonic() - began < 2.0
    assert [error.reason for error in caught] == ["closed"]


async def test_the_kernel_is_asked_to_notice_dead_lines(practice: Practice) -> None:
    async with connected(str(practice.kubeconfig)) as connection:
        stream = await asyncio.to_thread(connection.stream, ROUTES, {"watch": "1"})
        try:
            sock = stream._socket
            assert sock is not None
            for level, option, value in keepalive_options():
                assert sock.getsockopt(level, option) == value
        finally:
            await asyncio.to_thread(stream.close)
    names = {option for _, option, _ in keepalive_options()}
    assert len(names) >= 4, f"too little for {os.uname().sysname}"


def test_the_same_is_asked_for_by_the_names_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    here = keepalive_options()
    for name in ("TCP_KEEPIDLE", "TCP_USER_TIMEOUT"):
        monkeypatch.delattr(socket, name, raising=False)
    monkeypatch.setattr(socket, "TCP_KEEPALIVE", 0x10, raising=False)
    there = keepalive_options()
    assert (socket.IPPROTO_TCP, 0x10, 10) in there
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in there
    assert len(there) >= len(here) - 1
