"""Both sides with all cases, running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from parity_backend import backend
from parity_cases import CASES, PROXY, Case, to_app
from parity_servers import certificate, cluster, envoy, free_ports, listener, manager, nginx, tls
from pointsman.probes.wire.parity.question import Side

EQUAL = "equal.test"
_PROXY_HEADERS = (
    "proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection '';"
    "proxy_next_upstream error timeout; proxy_next_upstream_tries 3;"
)


@dataclass(frozen=True)
class Sides:
    """The running sides. ``twin`` is a second nginx with the same configuration as ``old``, apart from the
    cases that ask for an nginx as the new side."""

    old: Side
    new: Side
    twin: Side


def _hosts(case: Case) -> str:
    return f"{case.host} www.{case.host} two-{case.host}"


def _nginx_servers(
    plain: int, secure: int, behind: tuple[int, int, int], pem: Path, key: Path, *, new: bool
) -> str:
    app, calls, dead = behind
    blocks = [
        f"upstream calls {{ server 127.0.0.1:{calls}; }}",
        f"upstream app {{ server 127.0.0.1:{app}; }}",
        f"upstream half {{ server 127.0.0.1:{app} max_fails=0; server 127.0.0.1:{dead} max_fails=0; }}",
        _PROXY_HEADERS,
        f"ssl_certificate {pem}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;",
        f"server {{ listen 127.0.0.1:{plain} default_server; server_name _; return 404; }}",
        f"server {{ listen 127.0.0.1:{plain}; server_name {EQUAL}; location / {{ {PROXY} }} }}",
        f"server {{ listen 127.0.0.1:{secure} ssl http2 default_server; location / {{ {PROXY} }} }}",
    ]
    for case in CASES:
        if new and not case.new_nginx:
            continue
        body = case.new_nginx if new else case.old
        port = f"{secure} ssl http2" if case.secure else str(plain)
        blocks.append(f"server {{ listen 127.0.0.1:{port}; server_name {_hosts(case)}; {body} }}")
    return "\n".join(blocks)


def _virtual_host(case: Case, *domains: str) -> dict[str, object]:
    return {"name": case.id, "domains": list(domains), "routes": case.new, **case.host_fields}


def _envoy_listeners(plain: int, secure: int, pem: Path, key: Path) -> list[dict[str, object]]:
    mine = [case for case in CASES if case.new is not None]
    hosts: list[dict[str, object]] = [{"name": "equal", "domains": [EQUAL], "routes": [to_app()]}]
    hosts += [_virtual_host(case, case.host) for case in mine if not case.secure]
    # a wildcard listener answers for foreign names too
    hosts.append({"name": "any", "domains": ["x-pointsman-unknown.invalid"], "routes": [to_app()]})
    options = {
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
    }
    chains = [
        {
            "filter_chain_match": {"server_names": [name]},
            "filters": [manager([_virtual_host(case, name)])],
            "transport_socket": tls(pem, key, case.alpn, **case.tls_parameters),
        }
        for case in mine
        if case.secure
        for name in (case.host, f"two-{case.host}")
    ]
    return [listener(plain, [{"filters": [manager(hosts, **options)]}]), listener(secure, chains)]


@contextmanager
def both_sides(folder: Path) -> Iterator[Sides]:
    """Everything running, until the end of the block."""
    names = [name for case in CASES if case.secure for name in _hosts(case).split()]
    old_pem, old_key = certificate(folder, "old", names)
    new_pem, new_key = certificate(folder, "new", names)
    with ExitStack() as stack:
        app, calls = stack.enter_context(backend())
        ports = free_ports(7)
        dead, *ports = ports
        old_plain, old_tls, new_plain, new_tls, twin_plain, twin_tls = ports
        servers = _nginx_servers(old_plain, old_tls, (app, calls, dead), old_pem, old_key, new=False)
        stack.enter_context(nginx(folder / "old", servers, (old_plain, old_tls)))
        servers = _nginx_servers(twin_plain, twin_tls, (app, calls, dead), new_pem, new_key, new=True)
        stack.enter_context(nginx(folder / "twin", servers, (twin_plain, twin_tls)))
        listeners = _envoy_listeners(new_plain, new_tls, new_pem, new_key)
        clusters = [cluster("app", app), cluster("half", app, dead)]
        stack.enter_context(envoy(folder / "envoy", listeners, clusters, (new_plain, new_tls)))
        here = "127.0.0.1"
        yield Sides(
            Side("old", here, old_tls, old_plain, str(old_pem)),
            Side("new", here, new_tls, new_plain, str(new_pem)),
            Side("new", here, twin_tls, twin_plain, str(new_pem)),
        )
