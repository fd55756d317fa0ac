"""How one API server is reached, and the header that says who asks: from a context's cluster and user.

The official client knows all of this too, but importing it takes as long as everything else between the first
paint and the first row (it brings pydantic, requests and oauthlib), and 20 MiB. It is imported for users of a
built-in auth provider (gcp, oidc), which it alone can log in.
"""

from __future__ import annotations

import contextlib
import ipaddress
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import UserError
from ..text import clean

if TYPE_CHECKING:
    from kubernetes.client import Configuration


@dataclass(slots=True)
class ServerSettings:
    """``authorization`` is the whole header's value, empty for none; ``refreshed`` gives the newest where
    somebody else keeps it. Certificates and keys are files, read anew for each connection."""

    host: str
    verify: bool = True
    authority_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    proxy: str | None = None
    authorization: str = field(default="", repr=False)
    refreshed: Callable[[], str] | None = field(default=None, repr=False)

    def who_asks(self) -> str:
        """The header's value now."""
        if self.refreshed is not None:
            self.authorization = self.refreshed()
        return self.authorization


def server_settings(context: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ServerSettings:
    """Of a context's entries, in which data that stood in the kubeconfig itself already is in files.

    ``user`` holds no plugin and no token file any more. Raises UserError for a file that is not there and an
    auth provider that cannot be used.
    """
    settings = ServerSettings(str(cluster["server"]).rstrip("/"))
    if settings.host.startswith("https"):
        settings.authority_file = _file(context, cluster, "certificate-authority")
        settings.certificate_file = _file(context, user, "client-certificate")
        settings.key_file = _file(context, user, "client-key")
    settings.verify = not cluster.get("insecure-skip-tls-verify")
    settings.server_name = _text(context, cluster, "tls-server-name")
    settings.proxy = _proxy(settings.host, _text(context, cluster, "proxy-url"))
    if user.get("auth-provider"):
        _log_in(settings, context, cluster, user)
    if not settings.authorization:
        settings.authorization = _authorization(user)
    if user.get("auth-provider") and not settings.authorization:
        # better no request than an anonymous one
        raise _unusable(context, "its auth-provider gives no token")
    return settings


def bearer(token: str) -> str:
    """RFC 6750, 2.1."""
    return f"Bearer {token}"


def _authorization(user: Mapping[str, Any]) -> str:
    if user.get("token"):
        return bearer(str(user["token"]))
    if "username" in user and "password" in user:
        from urllib3.util import make_headers

        return make_headers(basic_auth=f"{user['username']}:{user['password']}")["authorization"]
    return ""


def _text(context: str, entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise _unusable(context, f"its {name} is no text")
    return value or None


def _file(context: str, entry: Mapping[str, Any], name: str) -> str | None:
    path = _text(context, entry, name)
    if path is not None and not Path(path).is_file():
        raise _unusable(context, f"there is no file {path}, which is its {name}")
    return path


def _unusable(context: str, why: str) -> UserError:
    return UserError(
        f"context {clean(context, 80)} cannot be used: {clean(why, 160)}",
        "mend its cluster and user entries in the kubeconfig",
    )


def _log_in(
    settings: ServerSettings, context: str, cluster: Mapping[str, Any], user: Mapping[str, Any]
) -> None:
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException
    from kubernetes.config.kube_config import KubeConfigLoader

    document = {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": cluster["server"]}}],
        "users": [{"name": "u", "user": {"auth-provider": user["auth-provider"]}}],
    }
    configuration = Configuration()
    try:
        loader = KubeConfigLoader(config_dict=document, config_base_path="")  # type: ignore[no-untyped-call]
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, LookupError, AttributeError, TypeError, ValueError) as error:
        # only the client's own words: a KeyError or TypeError might quote a value
        known = type(error).__name__ == "ConfigException"
        raise _unusable(context, str(error) if known else type(error).__name__) from None
    if configuration.api_key:
        settings.authorization = _official_header(configuration)
        settings.refreshed = lambda: _official_header(configuration)


def _official_header(configuration: Configuration) -> str:
    # asking for it runs the loader's hook, which logs in again where the token has expired
    settings: Mapping[str, Any] = dict(configuration.auth_settings())
    return next((str(one["value"]) for one in settings.values() if one["value"]), "")


def _proxy(host: str, named: str | None) -> str | None:
    """As kubectl does it: proxy-url of the kubeconfig before the environment, which spares loopback.

    https://kubernetes.io/docs/tasks/extend-kubernetes/socks5-proxy-access-api/ and Go's
    http.ProxyFromEnvironment
    """
    parts = urlsplit(host)
    name = parts.hostname or ""
    if named or _is_loopback(name):
        return named
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return None if _is_spared(name, parts.port, proxies.get("no") or "") else proxy


def _is_spared(host: str, port: int | None, listed: str) -> bool:
    """Whether NO_PROXY lists a host: by name, with all below it, or as part of a network (10.0.0.0/8)."""
    names = (host, f"{host}:{port}")
    for entry in filter(None, (one.strip().lower() for one in listed.split(","))):
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        above = entry.lstrip(".")
        if entry == "*" or any(name == above or name.endswith(f".{above}") for name in names):
            return True
    return False


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
