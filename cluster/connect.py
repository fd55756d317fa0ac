"""The one door to an API server: a Connection that asks, streams, and says plainly what went wrong.

The official client is used for configuration and authentication, and for its urllib3 pool; requests go
raw through that pool, because its typed layers cost ten times the memory and CPU.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from .credentials import Credentials
from .errors import UserError
from .kubeconfig import ContextChoice, kubeconfig_paths, load_context
from .text import clean
from .wire_errors import explain, status_of, wire_errors

if TYPE_CHECKING:
    import urllib3

JSON = "application/json"
_CONNECT_S = 5.0
_CHUNK = 65_536
_BODY_LIMIT = 512 * 1024 * 1024
_LINE_LIMIT = 32 * 1024 * 1024
# well above the number of watch threads, so that none waits for another's connection
_POOL = 96
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class ApiError(UserError):
    """A request that did not succeed. ``status`` is the HTTP status, 0 where no answer came.

    ``reason`` is the API's word (``Forbidden``, ``Expired``), or ours where no answer came: ``refused``,
    ``timeout``, ``tls``, ``name``, ``reset``, ``closed``.
    """

    def __init__(self, status: int, reason: str, what: str, mend: str = "") -> None:
        super().__init__(what, mend)
        self.status = status
        self.reason = reason


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """A Connection for a context of the kubeconfig files, or for the pod that we run in.

    Nothing is asked of the server yet (a credential plugin is run). Raises UserError where there is no
    kubeconfig, it is broken, the context is unknown, or its credentials cannot be had.
    """
    paths, named_by = kubeconfig_paths(kubeconfig, os.environ)
    choice = load_context(paths, named_by, context)
    if choice is None:
        choice = _in_cluster()
    if choice is None:
        looked = ", ".join(str(path) for path in paths)
        raise UserError(
            f"no kubeconfig found ({named_by}: {looked})",
            "name one with --kubeconfig or KUBECONFIG, or try `pointsman demo`, which needs no cluster",
        )
    return Connection(choice)


def _in_cluster() -> ContextChoice | None:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not os.path.isfile(f"{_SERVICE_ACCOUNT}/token"):
        return None
    namespace = "default"
    with contextlib.suppress(OSError), open(f"{_SERVICE_ACCOUNT}/namespace", encoding="utf-8") as stream:
        namespace = stream.read(300).strip() or namespace
    bracketed = f"[{host}]" if ":" in host else host
    return ContextChoice(
        context="in-cluster",
        namespace=namespace,
        cluster={
            "server": f"https://{bracketed}:{port}",
            "certificate-authority": f"{_SERVICE_ACCOUNT}/ca.crt",
        },
        user={"tokenFile": f"{_SERVICE_ACCOUNT}/token"},
    )


class Connection:
    """Authenticated requests to one API server; safe to use from many threads.

    ``server`` is the address without credentials, for messages. ``namespace`` is the context's default.
    """

    def __init__(self, choice: ContextChoice) -> None:
        self.context = choice.context
        self.namespace = choice.namespace
        self.server = _shown(str(choice.cluster["server"]))
        self._credentials = Credentials(choice)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._streams: set[urllib3.BaseHTTPResponse] = set()
        configuration = self._credentials.configuration
        self._base = str(configuration.host).rstrip("/")
        configuration.connection_pool_maxsize = _POOL
        configuration.retries = False
        from kubernetes.client.rest import RESTClientObject

        try:
            self._pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
        except (OSError, ValueError, TypeError) as error:
            self._credentials.close()
            raise UserError(
                f"context {clean(self.context, 80)} cannot be used: {clean(type(error).__name__, 80)}",
                "check its server, proxy-url and certificates in the kubeconfig",
            ) from None

    def __repr__(self) -> str:
        return f"Connection(context={self.context!r}, server={self.server!r})"

    def close(self) -> None:
        """End every stream, close every socket, remove the private files. Idempotent."""
        self._closed.set()
        with self._lock:
            streams = list(self._streams)
        for response in streams:
            # wakes a thread that is blocked reading it
            with contextlib.suppress(Exception):
                response.shutdown()
        self._pool.clear()
        self._credentials.close()

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
        accept: str = JSON,
        timeout_s: float = 30.0,
    ) -> bytes:
        """The body of the answer. Raises ApiError for every status from 400 up and where no answer comes.

        ``timeout_s`` bounds the whole request. A GET is tried once more where a kept connection broke.
        """
        deadline = time.monotonic() + timeout_s
        headers = [("Accept", accept), ("Accept-Encoding", "gzip")]
        if content_type:
            headers.append(("Content-Type", content_type))
        attempts = 2 if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                response = self._open(method, path, params, body, headers, read_s=timeout_s)
                try:
                    answer = self._read(response, deadline)
                finally:
                    response.close() if self._closed.is_set() else response.release_conn()
            except ApiError as error:
                if attempt < attempts and error.reason == "reset" and not self._closed.is_set():
                    continue
                raise
            if response.status >= 400:
                raise self._refusal(method, path, response.status, answer)
            return answer
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
    ) -> Iterator[bytes]:
        """Whole lines of a watch as they come. Ends where the server ends it.

        Raises ApiError as ``request`` does; ``timeout`` where nothing came for ``read_timeout_s`` (a live
        watch sends a bookmark about once a minute), ``closed`` after ``close``.
        """
        response = self._open("GET", path, params, None, [("Accept", accept)], read_s=read_timeout_s)
        if response.status >= 400:
            answer = self._read(response, time.monotonic() + 10.0)
            response.release_conn()
            raise self._refusal("GET", path, response.status, answer)
        with self._lock:
            self._streams.add(response)
        try:
            yield from self._lines(response)
        finally:
            with self._lock:
                self._streams.discard(response)
            response.close()

    def _lines(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        rest = b""
        while True:
            if self._closed.is_set():
                raise ApiError(0, "closed", "the connection was closed")
            try:
                # read1 gives what is there, where read would wait for a whole chunk
                chunk = response.read1(_CHUNK, decode_content=True)
            except wire_errors() as error:
                raise self._no_answer(error) from None
            if not chunk:
                return
            head, newline, tail = chunk.rpartition(b"\n")
            if not newline:
                rest += tail
                if len(rest) > _LINE_LIMIT:
                    raise ApiError(0, "protocol", f"{self.server} sent an event larger than 32 MB")
                continue
            for line in (rest + head).split(b"\n"):
                if line:
                    yield line
            rest = tail

    def _open(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        headers: list[tuple[str, str]],
        read_s: float,
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        if self._closed.is_set():
            raise ApiError(0, "closed", "the connection was closed")
        url = self._base + path + (f"?{urlencode(params)}" if params else "")
        fields = urllib3.HTTPHeaderDict()
        for key, value in [("User-Agent", "pointsman"), *headers, *self._credentials.headers()]:
            fields.add(key, value)
        try:
            return self._pool.request(
                method,
                url,
                body=body,
                headers=fields,
                timeout=urllib3.Timeout(connect=min(_CONNECT_S, read_s), read=read_s),
                preload_content=False,
                retries=False,
                redirect=False,
            )
        except wire_errors() as error:
            raise self._no_answer(error) from None

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            for chunk in response.stream(_CHUNK, decode_content=True):
                chunks.append(chunk)
                size += len(chunk)
                if size > _BODY_LIMIT:
                    raise ApiError(0, "protocol", f"{self.server} sent an answer larger than 512 MB")
                if time.monotonic() > deadline:
                    raise TimeoutError
        except ApiError:
            response.close()
            raise
        except wire_errors() as error:
            response.close()
            raise self._no_answer(error) from None
        return b"".join(chunks)

    def _refusal(self, method: str, path: str, status: int, answer: bytes) -> ApiError:
        reason, message = status_of(answer)
        if status == 401:
            return ApiError(
                status,
                reason or "Unauthorized",
                f"{self.server} does not accept the credentials of context {clean(self.context, 80)} (401)",
                "log in again, or renew the token or certificate of that user",
            )
        if status == 403:
            return ApiError(
                status,
                reason or "Forbidden",
                f"not allowed on {self.server}: {message or f'{method} {clean(path, 160)}'} (403)",
                "ask for the right, for example with `kubectl auth can-i --list`",
            )
        said = message or reason
        return ApiError(
            status,
            reason,
            f"{self.server} answered {method} {clean(path, 160)} with {status}"
            + (f": {said}" if said else ""),
            "" if said else "check that the server address is that of a Kubernetes API server",
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
