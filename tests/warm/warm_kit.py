"""An origin behind a small cache in a thread, as another machine would be, and the command as a process."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pointsman.tui.cli import main

PROGRAM = [sys.executable, "-m", "pointsman.tui", "warm"]


class CachingServer(ThreadingHTTPServer):
    """Keeps by URL and Accept-Encoding, and says so in Cache-Status. ``seen`` counts what came in.

    ``/private`` forbids keeping, ``/variants`` varies on User-Agent, ``/never`` misses, ``/down`` fails.
    ``/large`` is 3 MB.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept: dict[tuple[str, str], float] = {}
        self.seen: Counter[str] = Counter()
        self.encodings: set[str] = set()
        self.agents: set[str] = set()
        self.hosts: set[str] = set()

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    server: CachingServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        server.seen[self.path] += 1
        server.encodings.add(self.headers.get("Accept-Encoding", ""))
        server.agents.add(self.headers.get("User-Agent", ""))
        server.hosts.add(self.headers.get("Host", ""))
        key = (self.path, self.headers.get("Accept-Encoding", ""))
        headers = {"Cache-Control": "max-age=60", "Vary": "Accept-Encoding"}
        if self.path == "/private":
            headers["Cache-Control"] = "private, max-age=60"
        if self.path == "/variants":
            headers["Vary"] = "Accept-Encoding, User-Agent"
        if key in server.kept:
            headers["Cache-Status"] = '"an edge, here"; hit; ttl=59'
            headers["Age"] = str(int(time.monotonic() - server.kept[key]))
        else:
            stored = self.path not in ("/private", "/never", "/down")
            headers["Cache-Status"] = f'"an edge, here"; fwd=uri-miss{"; stored" if stored else ""}'
            if stored:
                server.kept[key] = time.monotonic()
        self.send_response(503 if self.path == "/down" else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        body = b"x" * 3_000_000 if self.path == "/large" else b"ok"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def caching_server() -> Iterator[CachingServer]:
    """One that runs until the block ends."""
    server = CachingServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def warm(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """The command, run to its end in this process: starting one costs more than the rest of a test."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv, sys.stdin, gc.get_threshold()
    sys.argv = ["pointsman", "warm", *arguments]
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else -1
        return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())
    finally:
        sys.argv, sys.stdin = before[0], before[1]
        gc.set_threshold(*before[2])
    raise AssertionError("the command did not end with a code")


def warm_json(*arguments: str, given: str = "") -> tuple[int, dict[str, Any], str]:
    """Exit code, document and standard error."""
    ended = warm(*arguments, "-o", "json", given=given)
    document = json.loads(ended.stdout)
    assert isinstance(document, dict)
    return ended.returncode, document, ended.stderr
