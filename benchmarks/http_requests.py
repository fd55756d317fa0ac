"""What one https request by address costs: 1,000 host names, a fresh connection each, beside curl.

Run: python benchmarks/http_requests.py [--hosts N]    (needs nginx and curl)

Every host is asked once, so nobody can use a connection again: all make as many handshakes as there are
hosts. `curl --parallel` is one process that reads its URLs from a config file, as many in flight as ours,
each with a line that says where the host is. It checks the chain, as ours does; it prints the status and
judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shlex
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "wire_http"), str(ROOT / "tests")]

import surroundings  # noqa: E402
from http_kit import certified  # noqa: E402
from http_real_kit import CURL, NGINX, free_port, running  # noqa: E402
from pointsman.probes.wire.http.asking import HttpAsk, ask_all  # noqa: E402
from pointsman.probes.wire.http.facts import HttpRequest, Protocol  # noqa: E402

AT_ONCE = 32


def config(folder: Path, port: int) -> str:
    """One server for every name below shop.test."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    return f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; {temporary}
server {{ listen 127.0.0.1:{port} ssl http2 backlog=1024;
  ssl_certificate {certified().chain}; ssl_certificate_key {certified().key};
  location / {{ return 200 "hello"; }} }} }}"""


def names(hosts: int, port: int) -> list[str]:
    """The URLs."""
    return [f"https://h{number}.shop.test:{port}/" for number in range(hosts)]


def by_pointsman(urls: list[str], protocol: Protocol) -> None:
    """Through the probe: observed and judged."""
    roots = str(certified().roots)
    asks = [HttpAsk(HttpRequest(url, "127.0.0.1", ca_file=roots, protocol=protocol)) for url in urls]
    results = asyncio.run(ask_all(asks, at_once=AT_ONCE))
    assert all(str(result.verdict) == "PASS" for result in results)


def by_ssl(urls: list[str], port: int) -> None:
    """The least that Python can do: one after another, nothing read but the first bytes, nothing judged."""
    context = ssl.create_default_context(cafile=str(certified().roots))
    for url in urls:
        host = url.split("/")[2].split(":")[0]
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            wrapped.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert wrapped.recv(4096).startswith(b"HTTP/1.1 200")


def by_curl(urls: list[str], port: int) -> None:
    """As an operator's script does it: a process for each, four at a time."""
    command = (
        f"xargs -P4 -I% {shlex.quote(str(CURL))} -sS -o /dev/null -f --http1.1 --max-time 5 "
        f"--cacert {certified().roots} --resolve %:{port}:127.0.0.1 https://%:{port}/"
    )
    hosts = "\n".join(url.split("/")[2].split(":")[0] for url in urls)
    subprocess.run(["sh", "-c", command], input=hosts, text=True, check=True)


def by_parallel_curl(urls: list[str], port: int, folder: Path, protocol: str) -> None:
    """One curl for all, told by a file, with as many in flight as ours."""
    file = folder / "curl.conf"
    lines = [f"cacert = {certified().roots}", "silent", "show-error", "fail", "max-time = 60", protocol]
    for url in urls:
        host = url.split("/")[2].split(":")[0]
        lines += [f"resolve = {host}:{port}:127.0.0.1", f"url = {url}", "output = /dev/null"]
    file.write_text("\n".join(lines) + "\n")
    command = [
        str(CURL),
        "--parallel",
        "--parallel-max",
        str(AT_ONCE),
        "--no-progress-meter",
        "--config",
        str(file),
    ]
    subprocess.run([*command, "--write-out", "%{http_code}\\n"], stdout=subprocess.DEVNULL, check=True)


def measured(label: str, hosts: int, run: Callable[[], None]) -> None:
    """Print wall and CPU time, our own and our children's."""

    def used() -> float:
        found = 0.0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            found += usage.ru_utime + usage.ru_stime
        return found

    before, began = used(), time.monotonic()
    run()
    wall, cpu = time.monotonic() - began, used() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{label:<24} {wall:6.2f} s  CPU {cpu:6.2f} s  {cpu / hosts * 1e6:6.0f} µs each  {peak} MiB")


def compare(folder: Path, hosts: int) -> None:
    """All of them against one nginx."""
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(config(folder, port))
    urls = names(hosts, port)
    with running([str(NGINX), "-p", str(folder), "-c", str(file)], port):
        by_pointsman(urls[:10], "http/1.1")
        measured("plain ssl, no more", hosts, lambda: by_ssl(urls, port))
        measured("pointsman, HTTP/1.1", hosts, lambda: by_pointsman(urls, "http/1.1"))
        measured("pointsman, HTTP/2", hosts, lambda: by_pointsman(urls, "h2"))
        for protocol, name in (("http1.1", "HTTP/1.1"), ("http2", "HTTP/2")):
            measured(
                f"curl --parallel, {name}",
                hosts,
                lambda one=protocol: by_parallel_curl(urls, port, folder, one),
            )
        # last: its processes would count among the children of the others
        measured("xargs -P4 curl", hosts, lambda: by_curl(urls, port))


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    hosts = parser.parse_args().hosts
    if NGINX is None or CURL is None:
        sys.exit("needs nginx (Debian: nginx-light) and curl")
    surroundings.say("nginx", "curl", "xargs", "openssl", packages=["httpx", "h11", "h2"], takes="one minute")
    with tempfile.TemporaryDirectory(prefix="pointsman-bench-") as folder:
        compare(Path(folder), hosts)


if __name__ == "__main__":
    main()
