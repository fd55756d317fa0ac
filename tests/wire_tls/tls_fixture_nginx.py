"""A real nginx that serves the fixtures, each at a port of its own, all from one process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tls_fixture_kit import Case, Files, Ports, found, on_free_ports, program, write_files

NGINX = found("nginx", "NGINX_BINARY")
_HEAD = """daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log info;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers DEFAULT:@SECLEVEL=0;
  ssl_prefer_server_ciphers off;
"""


def server(
    listen: str, name: str, certificates: Sequence[Files], extra: str = "", answer: str = "return 200 ok;"
) -> str:
    """One server block. Several certificates: one for each kind of key. None: whatever ``extra`` says."""
    lines = [f"  server {{ listen 127.0.0.1:{listen}; server_name {name or '_'};"]
    for one in certificates:
        lines.append(f"    ssl_certificate {one.chain}; ssl_certificate_key {one.key};")
        if one.staple:
            lines.append(f"    ssl_stapling on; ssl_stapling_file {one.staple};")
    return "\n".join([*lines, f"    {extra}", f"    location / {{ {answer} }}", "  }"])


@contextlib.contextmanager
def nginx(folder: Path, blocks: Sequence[str], port: int) -> Iterator[None]:
    """Run nginx with these server blocks until the block ends. RuntimeError with its words."""
    assert NGINX is not None
    config = folder / "nginx.conf"
    config.write_text("\n".join([_HEAD.format(folder=folder), *blocks, "}"]), encoding="utf-8")
    # -e: where it complains before it has read its configuration
    arguments = [NGINX, "-p", str(folder), "-c", str(config), "-e", str(folder / "early.log")]
    with program(arguments, folder / "nginx.out", port):
        yield


@contextlib.contextmanager
def serving_all(folder: Path, asked: Sequence[Case]) -> Iterator[Ports]:
    """Every case at a port of its own; unknown names are refused where it is for its host alone."""

    def start(ports: list[int]) -> contextlib.AbstractContextManager[None]:
        blocks = [
            block for case, port in zip(asked, ports, strict=True) for block in _blocks(case, port, folder)
        ]
        return nginx(folder, blocks, ports[-1])

    with on_free_ports(len(asked), start) as ports:
        yield dict(zip((case.name for case in asked), ports, strict=True))


def _blocks(case: Case, port: int, folder: Path) -> list[str]:
    files = write_files(case.fixture, folder)
    if case.any_name:
        return [server(f"{port} ssl http2 default_server", "", (files,))]
    refusing = server(f"{port} ssl http2 default_server", "", (), "ssl_reject_handshake on;")
    return [refusing, server(f"{port} ssl http2", case.sni, (files,))]
