"""The one door to an API server: a Connection that asks, streams, and says plainly what went wrong.

Requests go raw through a pool of urllib3, as the official client's do, whose typed layers cost ten times the
memory and CPU, and whose import half of the time to the first row.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from ..errors import ApiError, UserError
from ..text import clean
from .credentials import Credentials
from .kubeconfig import SERVICE_ACCOUNT, ContextChoice, in_cluster_context, kubeconfig_paths, load_context
from .pools import Pools, note_heard
from .rights import needed_for
from .streams import Stream
from .wire_errors import explain, instant_of, retry_after, status_of, wire_errors

if TYPE_CHECKING:
    import urllib3

__all__ = ["JSON", "ApiError", "Connection", "connect"]

JSON = "application/json"
_CONNECT_S = 5.0
_CHUNK = 65_536
_BODY_LIMIT = 512 * 1024 * 1024
_BEAT_LIMIT = 65_536
_FROM_A_GATEWAY = frozenset({502, 503, 504})
# as often as client-go asks again where a server says Retry-After
_MOST_TRIES = 10


def connect(
    kubeconfig: str | None = None, context: str | None = None, service_account: Path = SERVICE_ACCOUNT
) -> Connection:
    """A Connection for a context of the kubeconfig files, or for the pod that we run in.

    ``service_account`` is the directory in which a pod finds its token, certificate and namespace. Nothing is
    asked of the server yet (a credential plugin is run). Raises UserError where there is no kubeconfig, it is
    broken, the context is unknown, or its credentials cannot be had.
    """
    paths, named_by = kubeconfig_paths(kubeconfig, os.environ)
    choice = load_context(paths, named_by, context)
    if choice is None:
        choice = in_cluster_context(os.environ, service_account)
    if choice is None:
        looked = ", ".join(str(path) for path in paths)
        raise UserError(
            f"no kubeconfig found ({named_by}: {looked})",
            "name one with --kubeconfig or KUBECONFIG, or try `pointsman demo`, which needs no cluster",
        )
    return Connection(choice)


class Connection:
    """Authenticated requests to one API server; safe to use from many threads.

    ``server`` is the address without credentials, for messages. ``namespace`` is the context's default.
    """

    def __init__(self, choice: ContextChoice) -> None:
        self.context = choice.context
        self.namespace = choice.namespace
        self.server = _shown(str(choice.cluster["server"]))
        self._credentials = Credentials(choice)
        self._certificates = self._credentials.certificates
        self._closed = threading.Event()
        self._heard_at = float("-inf")
        self._server_told: tuple[float, float] | None = None
        self._base = self._credentials.settings.host
        try:
            self._pools = Pools(self._credentials.settings)
        except UserError:
            self._credentials.close()
            raise
        except (OSError, ValueError, TypeError) as error:
            self._credentials.close()
            raise UserError(
                f"context {clean(self.context, 80)} cannot be used: {clean(type(error).__name__, 80)}",
                "check its server, proxy-url and certificates in the kubeconfig",
            ) from None

    def __repr__(self) -> str:
        return f"Connection(context={self.context!r}, server={self.server!r})"

    @property
    def heard_at(self) -> float:
        """When the last byte of the server came, as time.monotonic tells it; minus infinity before the
        first.
        """
        return self._heard_at

    @property
    def heard(self) -> float:
        """The same in Unix time, in seconds; 0 before the first byte."""
        ago = time.monotonic() - self._heard_at
        return time.time() - ago if ago != float("inf") else 0.0

    @property
    def server_time(self) -> float | None:
        """The time now (Unix, in seconds) by the server's clock, to a second, after its last answer; None
        where that did not tell.
        """
        told = self._server_told
        return None if told is None else told[0] + time.monotonic() - told[1]

    def close(self) -> None:
        """End every stream, close every socket, remove the private files. Idempotent."""
        self._closed.set()
        self._pools.break_all()
        self._pools.close()
        self._credentials.close()

    def break_all(self) -> None:
        """Break every open socket: each reader gets an ApiError ``reset``, and may ask anew."""
        self._pools.break_all()

    def break_quiet(self, since: float) -> None:
        """The same of those from which nothing came after ``since`` (monotonic seconds)."""
        self._pools.break_quiet(since)

    def beat(self, timeout_s: float, *, fresh: bool = False) -> None:
        """Ask for the version, on a connection of its own, or on a new one. Raises ApiError for no answer.

        A refusal is an answer too: somebody is there. What a gateway says of a server that does not answer it
        (502, 503, 504) is none. The token is sent as it is, because a credential plugin that waits for a
        login must not make the server look dead.
        """
        if fresh:
            self._pools.renew_beat()
        response = self._send(
            self._pools.beat, "GET", "/version", None, [("Accept", JSON)], timeout_s, timeout_s, refresh=False
        )
        try:
            answer = response.read(_BEAT_LIMIT)
        except wire_errors() as error:
            raise self._no_answer(error) from None
        finally:
            response.release_conn()
        if response.status in _FROM_A_GATEWAY:
            raise self._refusal("GET", "/version", response, answer)

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        accept: str = JSON,
        timeout_s: float = 30.0,
        most_bytes: int = _BODY_LIMIT,
    ) -> bytes:
        """The body of the answer. Raises ApiError for every status from 400 up and where no answer comes.

        ``timeout_s`` bounds the whole request, ``most_bytes`` the decoded answer. A GET is tried once more
        where a kept connection broke, and again where the server names a time after which to (Retry-After)
        and that is within ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        headers = [("Accept", accept), ("Accept-Encoding", "gzip")]
        if content_type:
            headers.append(("Content-Type", content_type))
        for attempt in range(1, _MOST_TRIES + 1):
            try:
                response = self._open(method, path, params, headers, deadline - time.monotonic(), body=body)
                try:
                    answer = self._read(response, deadline, most_bytes)
                finally:
                    response.close() if self._closed.is_set() else response.release_conn()
            except ApiError as error:
                if method == "GET" and attempt == 1 and error.reason == "reset":
                    continue
                raise
            if response.status < 400:
                return answer
            refusal = self._refusal(method, path, response, answer)
            wait_s = refusal.retry_after_s
            again = method == "GET" and wait_s is not None and attempt < _MOST_TRIES
            if not again or time.monotonic() + (wait_s or 0.0) >= deadline:
                raise refusal
            self._closed.wait(max(wait_s or 0.0, 0.1))
        raise AssertionError("unreachable")

    def get_json(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The decoded answer of a GET. Raises ApiError, also where the answer is no JSON."""
        import msgspec

        body = self.request("GET", path, params)
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError:
            raise ApiError(
                0,
                "protocol",
                f"{self.server} answered {clean(path, 80)} with something that is no JSON",
                "check that the server address is that of a Kubernetes API server",
            ) from None

    def stream(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
        read_timeout_s: float = 85.0,
        open_timeout_s: float = 15.0,
    ) -> Stream:
        """A watch, opened; its lines come as they come, and end where the server ends them.

        Raises ApiError as ``request`` does, also while it is iterated: ``timeout`` where nothing came for
        ``read_timeout_s`` (a live watch sends a bookmark about once a minute), ``closed`` after ``close``.
        """
        response = self._open("GET", path, params, [("Accept", accept)], open_timeout_s)
        if response.status >= 400:
            try:
                answer = self._read(response, time.monotonic() + 10.0)
            finally:
                response.release_conn()
            raise self._refusal("GET", path, response, answer)
        stream = Stream(response, read_timeout_s, self._note_heard, self._no_answer)
        if self._closed.is_set():
            stream.break_off()
        return stream

    def _note_heard(self, status: int = 200) -> None:
        if status not in _FROM_A_GATEWAY:
            self._heard_at = time.monotonic()

    def _open(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: list[tuple[str, str]],
        read_s: float,
        body: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The answer's beginning. Where the credentials are not accepted they are had anew, once."""
        generation = self._credentials.generation
        connect_s = min(_CONNECT_S, max(read_s, 0.1))
        for attempt in (1, 2):
            target = path + (f"?{urlencode(params)}" if params else "")
            response = self._send(
                self._pools.main, method, target, body, headers, connect_s, max(read_s, 0.1)
            )
            if response.status != 401 or attempt == 2:
                return response
            try:
                if not self._credentials.renew(generation):
                    return response
            except UserError:
                response.close()
                raise
            response.close()
            self._adopt_certificates()
        raise AssertionError("unreachable")

    def _send(
        self,
        pool: urllib3.PoolManager,
        method: str,
        target: str,
        body: bytes | None,
        headers: list[tuple[str, str]],
        connect_s: float,
        read_s: float,
        *,
        refresh: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        if self._closed.is_set():
            raise ApiError(0, "closed", "the connection was closed")
        fields = urllib3.HTTPHeaderDict()
        own = [("User-Agent", "pointsman"), *headers, *self._credentials.headers(refresh=refresh)]
        if refresh:
            self._adopt_certificates()
        for key, value in own:
            fields.add(key, value)
        try:
            response = pool.request(
                method,
                self._base + target,
                body=body,
                headers=fields,
                timeout=urllib3.Timeout(connect=connect_s, read=read_s),
                preload_content=False,
                retries=False,
                redirect=False,
            )
        except wire_errors() as error:
            raise self._no_answer(error) from None
        self._note_heard(response.status)
        told = instant_of(response.headers.get("Date"))
        self._server_told = None if told is None else (told, time.monotonic())
        return response

    def _adopt_certificates(self) -> None:
        """After a credential plugin gave another client certificate, nothing is asked with the old one."""
        if self._credentials.certificates != self._certificates:
            self._certificates = self._credentials.certificates
            # each new connection reads the files again
            self._pools.drop_idle()

    def _read(
        self, response: urllib3.BaseHTTPResponse, deadline: float, most_bytes: int = _BODY_LIMIT
    ) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            for chunk in response.stream(_CHUNK, decode_content=True):
                note_heard(response)
                self._note_heard(response.status)
                chunks.append(chunk)
                size += len(chunk)
                if size > most_bytes:
                    words = f"{self.server} sent an answer larger than {most_bytes // 1_048_576} MB"
                    raise ApiError(0, "protocol", words)
                if time.monotonic() > deadline:
                    raise TimeoutError
        except ApiError:
            response.close()
            raise
        except wire_errors() as error:
            response.close()
            raise self._no_answer(error) from None
        return b"".join(chunks)

    def _refusal(self, method: str, path: str, response: urllib3.BaseHTTPResponse, answer: bytes) -> ApiError:
        status = response.status
        wait_s = retry_after(response.headers.get("Retry-After"), self.server_time or time.time())
        reason, message = status_of(answer)
        if status == 401:
            return ApiError(
                status,
                reason or "Unauthorized",
                f"{self.server} does not accept the credentials of context {clean(self.context, 80)} (401)",
                "log in again, or renew the token or certificate of that user",
            )
        if status == 403:
            needed = needed_for(method, path, message)
            return ApiError(
                status,
                reason or "Forbidden",
                f"not allowed on {self.server}: {message or f'{method} {clean(path, 160)}'} (403)",
                needed.mend if needed else "see what you may with `kubectl auth can-i --list`",
            )
        said = message or reason
        return ApiError(
            status,
            reason,
            f"{self.server} answered {method} {clean(path, 160)} with {status}"
            + (f": {said}" if said else ""),
            "" if said else "check that the server address is that of a Kubernetes API server",
            wait_s,
        )

    def _no_answer(self, error: Exception) -> ApiError:
        if self._closed.is_set():
            return ApiError(0, "closed", "the connection was closed")
        if isinstance(error, ApiError):
            return error
        reason, words, mend = explain(error)
        return ApiError(0, reason, f"{self.server} does not answer: {words}", mend)


def _shown(server: str) -> str:
    parts = urlsplit(server)
    host = parts.netloc.rpartition("@")[2]
    return clean(f"{parts.scheme}://{host}{parts.path}".rstrip("/"), 200)
