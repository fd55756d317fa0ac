"""The same Ingresses in a real nginx, its locations written as ingress-nginx writes them: who answers?"""

from __future__ import annotations

import http.client
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from pointsman.cluster.routing.trace import Trace
from routing_kit import Document, ingress, ingress_class, ingress_trace, service, world

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)"),
]
_PATHS = ("/", "/foo", "/foo/", "/foo/bar", "/FOO", "/foobar", "/a", "/a/b", "/a/b/", "/a.b", "/foo/bar/baz")
_REGEXES = ("/foo(/|$)(.*)", "/a/[a-z]+", "/v[0-9]+/?(.*)", "/foo$", "/(foo|a)/(.*)", "/[^/]+/b", "/fo{1,2}b")
_ASKED = (
    *_PATHS, "/Foo", "/foo/BAR", "/foo//bar", "/foo/./bar", "/a/../foo", "/foo%2Fbar", "/%66oo", "/foo%2f",
    "/axb", "/v1", "/v12/x/y", "/foobarbaz", "/a/b/c", "/x/b", "/foob", "/foo/bar/", "/A/B", "/foo/..",
    "/a/.", "/..", "/a%252F", "/foo/?x=1", "/foo?x=1", "/a/b?y", "/b", "/foo/%2e%2e/a", "/a//", "//",
    "/foo;x=1", "/foo+bar", "/a%20b",
)  # fmt: skip


@dataclass(frozen=True)
class Path_:  # noqa: N801 - a path of an Ingress; Path is the file's
    path: str
    kind: str
    backend: str
    rewrite: str
    regex: bool


def _worlds(seed: int) -> list[list[Path_]]:
    """The Ingresses of forty hosts: each a list of Ingresses with one path, in the order of their age."""
    dice = random.Random(seed)
    worlds = []
    for _ in range(40):
        style = dice.choice(("plain", "plain", "regex", "mixed"))
        found = []
        for number in range(dice.randint(1, 6)):
            expression = style == "regex" or (style == "mixed" and dice.random() < 0.5)
            path = dice.choice(_REGEXES if expression else _PATHS)
            rewrite = dice.choice(("", "", "/new/$2", "/$1", "/fixed")) if expression else ""
            kind = "ImplementationSpecific" if expression else dice.choice(("Prefix", "Exact"))
            # two prefixes that differ in the slash alone are one location: nginx refuses that configuration
            if (path.rstrip("/"), kind) not in {(one.path.rstrip("/"), one.kind) for one in found}:
                found.append(Path_(path, kind, f"s{number}", rewrite, expression))
        worlds.append(found)
    return worlds


def _documents(host: str, paths: list[Path_]) -> list[Document]:
    documents = []
    for number, one in enumerate(paths):
        notes = {"use-regex": "true"} if one.regex else {}
        if one.rewrite:
            notes["rewrite-target"] = one.rewrite
        documents.append(
            ingress(
                f"i{number}",
                [(one.path, one.kind, one.backend)],
                host,
                annotations=notes,
                created=f"2025-01-01T00:00:{number:02d}Z",
            )
        )
    return documents


def _server_block(host: str, port: int, upstream: int, paths: list[Path_]) -> str:
    """Written by hand from ingress-nginx's template, without the code under test."""
    first = paths[0]
    table: list[tuple[str, str, str, str, bool]] = [("/", "Prefix", "none", first.rewrite, first.regex)]
    for one in paths:
        kind = "Exact" if one.kind == "Exact" else "Prefix"
        entry = (one.path, kind, one.backend, one.rewrite, one.regex)
        same = [place for place, other in enumerate(table) if other[0] == one.path]
        if not same or table[same[0]][1] != kind:
            table.append(entry)
        elif table[same[0]][2] == "none":
            table[same[0]] = entry
    table.sort(key=lambda one: one[0], reverse=True)
    table.sort(key=lambda one: len(one[0]), reverse=True)
    exact = {path for path, kind, *_ in table if kind == "Exact"}
    blocks: list[tuple[str, str, str, str, bool]] = []
    for path, kind, backend, rewrite, regex in table:
        if path == "/" or kind == "Exact" or regex or (rewrite and rewrite != path):
            blocks.append((path, kind, backend, rewrite, regex))
            continue
        blocks.append((path if path.endswith("/") else path + "/", kind, backend, rewrite, regex))
        if path not in exact:
            blocks.append((path, "Exact", backend, rewrite, regex))
    expressions = any(regex or (rewrite and rewrite != path) for path, _, _, rewrite, regex in blocks)
    text = [f"server {{ listen 127.0.0.1:{port}; server_name {host}; port_in_redirect off;"]
    for path, kind, backend, rewrite, _ in blocks:
        where = f'~* "^{path}"' if expressions else f"= {path}" if kind == "Exact" else path
        change = f'rewrite "(?i){path}" {rewrite} break;' if rewrite and rewrite != path else ""
        text.append(
            f"location {where} {{ {change} proxy_set_header X-Backend {backend}; "
            f"proxy_pass http://127.0.0.1:{upstream}; }}"
        )
    return "\n".join([*text, "}"])


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, list[Path_]]]]:
    """A real nginx with all hosts; its port, and what each host has."""
    assert NGINX is not None
    folder: Path = tmp_path_factory.mktemp("nginx")
    port, upstream = _free_port(), _free_port()
    hosts = {f"h{number}.test": paths for number, paths in enumerate(_worlds(7))}
    servers = "\n".join(_server_block(host, port, upstream, paths) for host, paths in hosts.items())
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 128; }\nhttp { access_log off; server_names_hash_bucket_size 128;\n"
        + "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"server {{ listen 127.0.0.1:{upstream};\n"
        + 'location / { return 200 "$http_x_backend $request_uri"; } }\n'
        + servers
        + "\n}\n"
    )
    child = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config)], stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(100):
            if child.poll() is not None:
                pytest.fail(f"nginx did not start: {child.stderr.read() if child.stderr else ''}")
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, hosts
    finally:
        child.terminate()
        child.communicate(timeout=10)


def _real(connection: http.client.HTTPConnection, host: str, path: str) -> str:
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    if answer.status == 301:
        return f"301 {answer.headers['Location']}"
    return body if answer.status == 200 else str(answer.status)


def _computed(found: Trace, path: str) -> str:
    if found.outcome.status == 301:
        return f"301 {found.outcome.location}"
    if found.outcome.status == 400:
        return "400"
    backend = found.shares[0].ref.name if found.shares else "none"
    rewritten = [step.text.partition(" becomes ")[2] for step in found.steps if step.name == "rewrite-target"]
    if not rewritten:
        return f"{backend} {path}"
    query = path.partition("?")[2]
    return f"{backend} {rewritten[0]}{'?' + query if query else ''}"


def test_nginx_answers_as_computed(nginx: tuple[int, dict[str, list[Path_]]]) -> None:
    port, hosts = nginx
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        _compare(connection, hosts)


def _compare(connection: http.client.HTTPConnection, hosts: dict[str, list[Path_]]) -> None:
    backends = [one for number in range(6) for one in service(f"s{number}")]
    differences, asked, unsure = [], 0, 0
    for host, paths in hosts.items():
        snapshot = world(ingress_class("nginx", "k8s.io/ingress-nginx"), backends, *_documents(host, paths))
        for path in _ASKED:
            found = ingress_trace(snapshot, f"'http://{host}{path}'")
            if found.doubts:
                unsure += 1
                continue
            asked += 1
            computed, real = _computed(found, path), _real(connection, host, path)
            if computed != real:
                differences.append(f"{host}{path} {paths}: computed {computed!r}, nginx {real!r}")
    assert not differences, f"{len(differences)} of {asked}:\n" + "\n".join(differences[:15])
    assert asked > 1000
    assert unsure < asked / 10
