"""Many writes to an API server at once: one kept HTTPS connection for each thread, raw JSON both ways."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Json = dict[str, Any]
_JSON = "application/json"
MERGE = "application/merge-patch+json"
# an API server ends a connection on which nothing was asked for 90 s
_LONGEST_IDLE_S = 30.0


class ApiWriter:
    """Sends on behalf of one token; safe to use from many threads."""

    def __init__(self, port: int, token: str, authority_pem: bytes) -> None:
        self._port, self._token = port, token
        self._context = ssl.create_default_context(cadata=authority_pem.decode())
        self._local = threading.local()

    def send(self, method: str, path: str, body: Json | bytes, content_type: str = _JSON) -> bytes:
        """The answer's body. RuntimeError with the server's words where it refuses."""
        connection = self._kept()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type, "Accept": _JSON}
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        text: bytes = answer.read()
        self._local.used = time.monotonic()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:1000]!r}")
        return text

    def _kept(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is not None and time.monotonic() - self._local.used > _LONGEST_IDLE_S:
            connection.close()
            connection = None
        if connection is None:
            connection = self._local.connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, timeout=60, context=self._context
            )
        return connection


def all_of(work: Callable[[Json], None], documents: Iterable[Json], threads: int) -> int:
    """Do ``work`` for each; how many it was. The first error ends it."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(1 for _ in pool.map(work, documents))


def evenly(work: Callable[[int], None], rate: float, seconds: float, threads: int) -> tuple[int, float]:
    """``work(0)``, ``work(1)``, ... at ``rate`` a second from several threads; how many, in how many seconds.

    Where the server cannot keep up, fewer are done: nothing is caught up after the end.
    """
    began = time.monotonic()
    done = [0] * threads

    def one(lane: int) -> None:
        number = lane
        while number < rate * seconds:
            wait_s = began + number / rate - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            if time.monotonic() - began > seconds:
                return
            work(number)
            done[lane] += 1
            number += threads

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))
    return sum(done), time.monotonic() - began
