"""Everything that can be wrong before the first answer: one clear line each, and never a secret in it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from live_helpers import Practice, a_gateway
from pointsman.cluster.client.connect import ApiError, connect
from pointsman.cluster.client.credentials import impersonation_headers
from pointsman.cluster.client.discovery import discover
from pointsman.cluster.client.kubeconfig import load_context
from pointsman.cluster.client.once import load_once
from pointsman.cluster.errors import UserError
from pointsman.sandbox.pki import PracticeCa

SECRET = "s3cr3t-t0ken-value"


def config(
    server: str = "https://127.0.0.1:1", user: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, **more}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "current-context": "prod",
    }


def written(path: Path, document: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(document))
    return str(path)


def message(kubeconfig: str | None = None, context: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        connect(kubeconfig, context)
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    return text


def asking(kubeconfig: str) -> ApiError:
    connection = connect(kubeconfig)
    try:
        with pytest.raises(ApiError) as caught:
            discover(connection)
    finally:
        connection.close()
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value) + repr(connection)
    return caught.value


def test_no_kubeconfig_anywhere_says_what_to_do() -> None:
    text = message()
    assert "no kubeconfig found" in text
    assert "pointsman demo" in text


def test_a_named_file_that_is_missing(tmp_path: Path) -> None:
    assert "does not exist" in message(str(tmp_path / "nowhere"))


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"apiVersion: v1\nusers:\n- name: u\n  user: {{token: {SECRET}\n  bad: [\n")
    text = message(str(path))
    assert str(path) in text
    assert "line " in text


@pytest.mark.parametrize("content", ["- a list\n", "just text\n", "clusters: 5\n", "users:\n- 5\n"])
def test_yaml_that_is_no_kubeconfig(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    assert str(path) in message(str(path))


def test_unknown_context_lists_the_known(tmp_path: Path) -> None:
    text = message(written(tmp_path / "config", config()), "staging")
    assert "staging" in text
    assert "prod" in text


def test_missing_cluster_and_user(tmp_path: Path) -> None:
    without_cluster = config()
    without_cluster["clusters"] = []
    assert "cluster c, which is not in" in message(written(tmp_path / "one", without_cluster))
    without_user = config()
    without_user["users"] = []
    assert "user u, which is not in" in message(written(tmp_path / "two", without_user))
    without_current = config()
    del without_current["current-context"]
    assert "names no current context" in message(written(tmp_path / "three", without_current))


def test_inline_data_that_is_not_base64(tmp_path: Path) -> None:
    user = {"client-certificate-data": "*", "client-key-data": f"{SECRET}="}
    message(written(tmp_path / "config", config(user=user)))


def test_several_files_are_merged_and_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = config("https://first.example:6443")
    second = config("https://second.example:6443")
    second["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "u"}})
    second["current-context"] = "other"
    paths = [written(tmp_path / "first", first), written(tmp_path / "second", second)]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([*paths, str(tmp_path / "missing")]))
    connection = connect()
    assert (connection.context, connection.server) == ("prod", "https://first.example:6443")
    assert connection.namespace == "shop"
    connection.close()
    connection = connect(None, "other")
    assert (connection.server, connection.namespace) == ("https://first.example:6443", "default")
    connection.close()


def test_relative_paths_belong_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "token").write_text(f"{SECRET}\n")
    path = tmp_path / "deep" / "config"
    written(path, config(user={"tokenFile": "token"}))
    choice = load_context((path,), "--kubeconfig", None)
    assert choice is not None
    assert choice.user["tokenFile"] == str(tmp_path / "deep" / "token")
    assert SECRET not in repr(choice)


def test_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    error = asking(written(tmp_path / "config", config(f"https://127.0.0.1:{port}")))
    assert (error.status, error.reason) == (0, "refused")
    assert "connection refused" in str(error)


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    error = asking(written(tmp_path / "config", config("https://no-such-host.invalid:6443")))
    assert error.reason == "name"


def test_a_server_that_speaks_no_tls(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def answer() -> None:
            # /api and /apis are asked for at the same time
            for _ in range(2):
                peer, _ = server.accept()
                with peer:
                    peer.recv(1024)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        error = asking(written(tmp_path / "config", config(f"https://127.0.0.1:{server.getsockname()[1]}")))
        thread.join(5)
    assert error.reason == "tls"


def test_a_server_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = connect(
            written(tmp_path / "config", config(f"http://127.0.0.1:{server.getsockname()[1]}"))
        )
        with pytest.raises(ApiError) as caught:
            connection.request("GET", "/api", timeout_s=0.3)
        connection.close()
    assert caught.value.reason == "timeout"


async def test_a_certificate_of_another_authority(practice: Practice, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(PracticeCa("Other").root_pem)
    path = written(tmp_path / "config", config(practice.server.url, **{"certificate-authority": str(other)}))
    error = await asyncio.to_thread(asking, path)
    assert error.reason == "tls"
    assert "not trusted" in str(error)


async def test_unauthorised_and_forbidden(practice: Practice, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(practice.ca_pem)
    path = written(tmp_path / "config", config(practice.server.url, **{"certificate-authority": str(ca)}))
    error = await asyncio.to_thread(asking, path)
    assert error.status == 401
    practice.server.policy.deny(["list"], ["gateways"])
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    with pytest.raises(ApiError) as caught:
        await asyncio.to_thread(
            connection.get_json, "/apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways"
        )
    assert caught.value.status == 403
    assert "gateways" in str(caught.value)
    await asyncio.to_thread(connection.close)


async def test_impersonation_is_sent(practice: Practice) -> None:
    document = yaml.safe_load(practice.kubeconfig.read_text())
    document["users"][0]["user"]["as"] = "nobody-in-particular"
    practice.kubeconfig.write_text(yaml.safe_dump(document))
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    with pytest.raises(ApiError) as caught:
        await asyncio.to_thread(connection.get_json, "/api/v1/services")
    assert caught.value.status == 403
    assert "nobody-in-particular" in str(caught.value)
    await asyncio.to_thread(connection.close)


def test_all_impersonation_headers() -> None:
    user = {"as": "jo", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"scope": ["x", "y"]}}
    assert impersonation_headers(user) == [
        ("Impersonate-User", "jo"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-scope", "x"),
        ("Impersonate-Extra-scope", "y"),
    ]
    assert impersonation_headers({"token": SECRET}) == []


def plugin_config(tmp_path: Path, script: str, server: str = "https://127.0.0.1:1", **more: Any) -> str:
    program = tmp_path / "plugin.py"
    program.write_text(script)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "interactiveMode": "Never",
    }
    return written(tmp_path / "config", config(server, {"exec": plugin}, **more))


def test_a_failing_plugin_means_no_request_at_all(tmp_path: Path) -> None:
    path = plugin_config(tmp_path, "import sys; print('please log in', file=sys.stderr); sys.exit(3)")
    text = message(path)
    assert "exit code 3" in text
    assert "please log in" in text


def test_a_plugin_that_says_nothing_useful(tmp_path: Path) -> None:
    assert "no ExecCredential" in message(plugin_config(tmp_path, "print('hello')"))
    empty = 'print(\'{"apiVersion": "client.authentication.k8s.io/v1", "status": {}}\')'
    assert "neither token nor certificate" in message(plugin_config(tmp_path, empty))


def test_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "no-such-plugin-anywhere",
        "installHint": "get it from the wall",
    }
    text = message(written(tmp_path / "config", config(user={"exec": plugin})))
    assert "not installed" in text
    assert "get it from the wall" in text


async def test_a_plugin_that_works_and_expires_is_run_again(practice: Practice, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(practice.ca_pem)
    practice.storage.apply(a_gateway())
    script = (
        "import json, pathlib\n"
        f"log = pathlib.Path({str(tmp_path / 'runs')!r})\n"
        "log.write_text((log.read_text() if log.exists() else '') + 'x')\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',\n"
        "  'status': {'token': 'practice-token-0123456789',\n"
        "    'expirationTimestamp': '2020-01-01T00:00:00Z'}}))\n"
    )
    path = plugin_config(tmp_path, script, practice.server.url, **{"certificate-authority": str(ca)})
    connection = await asyncio.to_thread(connect, path)
    await asyncio.to_thread(connection.get_json, "/api/v1/namespaces")
    assert (tmp_path / "runs").read_text() == "xx"
    await asyncio.to_thread(connection.close)


async def test_inline_keys_lie_in_a_private_place_and_are_removed(practice: Practice) -> None:
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    directory = connection._credentials._directory
    assert directory is not None
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for file in directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    snapshot = await asyncio.to_thread(load_once, connection)
    assert snapshot.state_of("Gateway").state == "live"
    await asyncio.to_thread(connection.close)
    assert not directory.exists()
    await asyncio.to_thread(connection.close)
    with pytest.raises(ApiError) as caught:
        await asyncio.to_thread(connection.get_json, "/api")
    assert caught.value.reason == "closed"
