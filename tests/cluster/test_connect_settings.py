"""What a context's cluster and user come to: who asks, by which files, through which proxy, at what cost."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pointsman.cluster.client.connect import Connection
from pointsman.cluster.client.kubeconfig import ContextChoice
from pointsman.cluster.client.settings import ServerSettings, server_settings
from pointsman.cluster.errors import UserError

SERVER = "https://api.example.net:6443"
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def settings(user: dict[str, Any] | None = None, server: str = SERVER, **cluster: Any) -> ServerSettings:
    return server_settings("here", {"server": server, **cluster}, user or {})


def id_token(**claims: object) -> str:
    parts = ({"alg": "none"}, {"padded": "to a length that needs none", **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts]
    return ".".join([*encoded, "signature"])


def test_a_token_goes_before_a_password() -> None:
    password = {"username": "ada", "password": "l"}
    assert settings().who_asks() == ""
    assert settings(password).who_asks() == "Basic YWRhOmw="
    assert settings({"token": "t", **password}).who_asks() == "Bearer t"


def test_nothing_of_who_asks_is_shown() -> None:
    assert "secret" not in repr(settings({"token": "a-secret"}))


def test_the_official_client_logs_in_who_has_an_auth_provider() -> None:
    token = id_token(exp=int(time.time()) + 600)
    provider = {"name": "oidc", "config": {"id-token": token}}
    assert settings({"auth-provider": provider}).who_asks() == f"Bearer {token}"


@pytest.mark.parametrize(
    "provider",
    [{"name": "oidc", "config": {}}, {"name": "gcp", "config": {}}, {"name": "azure", "config": {}}, "oidc"],
)
def test_an_auth_provider_that_is_broken_is_one_line(provider: Any) -> None:
    with pytest.raises(UserError, match="context here cannot be used"):
        settings({"auth-provider": provider})


def test_files_are_named_and_must_be_there(tmp_path: Path) -> None:
    there = tmp_path / "ca.crt"
    there.touch()
    assert settings(**{"certificate-authority": str(there)}).authority_file == str(there)
    with pytest.raises(UserError, match="its client-key"):
        settings({"client-key": str(tmp_path / "away")})
    with pytest.raises(UserError, match="its client-certificate is no text"):
        settings({"client-certificate": ["of", "a", "list"]})


def test_a_plain_server_needs_no_files(tmp_path: Path) -> None:
    plain = settings({"client-key": str(tmp_path / "away")}, server="http://127.0.0.1:8001/")
    assert (plain.host, plain.key_file) == ("http://127.0.0.1:8001", None)


@pytest.mark.parametrize(
    ("server", "spared", "proxied"),
    [
        (SERVER, "", True),
        (SERVER, "*", False),
        (SERVER, "example.net", False),
        (SERVER, " .Example.net , other", False),
        (SERVER, "api.example.net:6443", False),
        (SERVER, "api.example.net:443", True),
        (SERVER, "ample.net", True),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.4", True),
        ("https://[2001:db8::1]:6443", "2001:db8::/32", False),
        ("https://[::1]:6443", "", False),
        ("https://localhost", "", False),
    ],
)
def test_the_proxy_of_the_environment_spares_what_it_is_told_to(
    server: str, spared: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", spared)
    assert settings(server=server).proxy == ("http://proxy:3128" if proxied else None)


def test_one_proxy_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://proxy:1080")
    assert settings().proxy == "socks5h://proxy:1080"


def test_a_socks_proxy_without_its_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
    cluster = {"server": SERVER, "proxy-url": "socks5://proxy:1080"}
    with pytest.raises(UserError, match="PySocks"):
        Connection(ContextChoice("here", "default", cluster, {"token": "t"}))


def test_a_connection_is_there_without_the_official_client(tmp_path: Path) -> None:
    """It would be half of the time from the first paint to the first row."""
    kubeconfig = tmp_path / "kubeconfig"
    document = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    kubeconfig.write_text(json.dumps(document))
    script = (
        "import sys\n"
        "from pointsman.cluster.client.connect import ApiError, connect\n"
        "from pointsman.cluster.client.watch import LiveCluster\n"
        f"connection = connect({str(kubeconfig)!r})\n"
        "try:\n    connection.get_json('/version')\n"
        "except ApiError as error:\n    assert error.reason == 'refused', error\n"
        "connection.close()\n"
        "print(*sorted({'kubernetes', 'pydantic', 'requests', 'urllib3'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["urllib3"]
