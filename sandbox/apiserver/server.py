"""The HTTPS face of the practice cluster: one aiohttp application with one handler for every path."""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from . import discovery
from .access import ADMINISTRATOR, ANONYMOUS, READER, Impersonated, Policy, User
from .answers import JSON_TYPE
from .faults import Faults
from .kubeconfig import kubeconfig_text, write_private
from .problems import (
    ApiError,
    UnknownPathError,
    internal_error,
    method_not_allowed,
    unauthorized,
    unavailable,
)
from .proxy import PodProxy, Provider
from .reading import Reader, respond, warn
from .requests import Call, asked_of, parse_target, verb_of
from .storage import Storage
from .watching import WatchServer
from .writing import Writer

Json = dict[str, Any]
_log = logging.getLogger(__name__)

# as the real server's limit on a request body
_MOST_BODY_BYTES = 3 * 1024 * 1024
_KEPT_REQUESTS = 1000
_HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
_SHUTDOWN_S = 2.0
_EXTRA_HEADER = "impersonate-extra-"


@dataclass(slots=True)
class Asked:
    """One request, for tests that must know what a client asked for; no token, no body.

    `status` is 0 until it is answered; an open watch is among them from its beginning.
    """

    method: str
    path: str
    query: str
    accept: str
    user: str = ""
    status: int = 0


class ApiServer:
    """Serves a Storage over HTTPS. Everything of it runs in the event loop that called `start`.

    `token` is the administrator's; `read_only_token` belongs to a user who may only get, list and watch.
    `policy` (denials, more users) and `faults` may be changed while it runs. `bookmark_interval_s`: seconds.
    """

    def __init__(
        self,
        storage: Storage,
        certificate_file: Path | str,
        key_file: Path | str,
        token: str,
        *,
        read_only_token: str = "",
        bookmark_interval_s: float = 60.0,
    ) -> None:
        self.storage = storage
        self.url = ""
        self.faults = Faults()
        users: dict[str, User] = {token: ADMINISTRATOR}
        if read_only_token:
            users[read_only_token] = READER
        self.policy = Policy(users)
        self.requests: deque[Asked] = deque(maxlen=_KEPT_REQUESTS)
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._token = token
        self._watches = WatchServer(storage, self.faults, bookmark_interval_s)
        self._proxy = PodProxy(storage)
        self._runner: web.AppRunner | None = None
        reader, writer = Reader(storage), Writer(storage, self.policy)
        self._handlers: dict[str, Callable[[Call], Awaitable[web.StreamResponse]]] = {
            "get": reader.get,
            "list": reader.list,
            "watch": self._watches.watch,
            "create": writer.create,
            "update": writer.update,
            "patch": writer.patch,
            "delete": writer.delete,
            "deletecollection": writer.delete_many,
        }

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a port of the system's choice unless one is given; returns the URL."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate_file, self._key_file)
        application = web.Application(client_max_size=_MOST_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # a client that goes away ends its watch
        runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_S
        )
        self._runner = runner
        await runner.setup()
        try:
            await web.TCPSite(runner, address, port, ssl_context=context).start()
        except BaseException:
            await self.stop()
            raise
        host, bound_port = runner.addresses[0][:2]
        self.url = f"https://{f'[{host}]' if ':' in host else host}:{bound_port}"
        return self.url

    async def stop(self) -> None:
        """End all watches and stop listening; a second call does nothing. It may be started again."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self.faults.clear()
            self.storage.end_watchers()
            await self._close(runner)

    async def kill(self) -> None:
        """As a crash: every connection breaks in the middle, and nobody listens. It may be started again."""
        runner, self._runner = self._runner, None
        if runner is not None:
            for transport in _transports(runner):
                transport.abort()
            self.faults.clear()
            await self._close(runner)

    async def retire(self) -> None:
        """As a real one that was asked to end: nobody listens, only the open watches go on, until `stop`."""
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        watched = self._watches.transports
        for transport in _transports(self._runner):
            if transport not in watched:
                transport.close()

    async def _close(self, runner: web.AppRunner) -> None:
        transports = _transports(runner)
        await runner.cleanup()
        for transport in transports:
            # a polite TLS close waits for the other side, longer than the event loop may last
            transport.abort()
        await asyncio.sleep(0)

    def write_kubeconfig(self, path: Path | str, ca_pem: bytes | str, token: str = "") -> None:
        """A kubeconfig (0600) for this server; `token` for another user than the administrator."""
        pem = ca_pem.encode() if isinstance(ca_pem, str) else ca_pem
        write_private(Path(path), kubeconfig_text(self.url, pem, token or self._token))

    def register_pod_proxy(
        self, namespace: str, pod: str, port: int, provider: Provider
    ) -> Callable[[], None]:
        """Let `provider` answer GET .../pods/POD:PORT/proxy/...; returns what ends it."""
        return self._proxy.register(namespace, pod, port, provider)

    def cut_watches(self) -> None:
        """Cut the connection of every open watch in the middle."""
        self._watches.cut()

    @property
    def open_watches(self) -> int:
        return self._watches.open_watches

    # -- one request --

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        planned, code, retry_after_s = await self.faults.meet(request.method, request.path)
        if planned == "drop":
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("dropped on demand")
        asked = Asked(request.method, request.path, request.query_string, request.headers.get("Accept", ""))
        self.requests.append(asked)
        try:
            if planned:
                raise _planned_refusal(code, retry_after_s)
            if request.path == "/version" or request.path.startswith(_HEALTH_PATHS):
                response: web.StreamResponse = await self._open_path(request)
            else:
                user = self._user_of(request)
                asked.user = user.name
                response = await self._authenticated(request, user)
        except UnknownPathError:
            headers = {"Cache-Control": "no-cache, private"}
            response = web.Response(status=404, text="404 page not found\n", headers=headers)
        except ApiError as error:
            response = _refusal(error)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad request must not end the world
            _log.exception("the practice API server failed on %s %s", request.method, request.path)
            response = _refusal(internal_error(type(error).__name__))
        if not response.prepared:
            response.headers["Audit-Id"] = str(uuid.uuid4())
        asked.status = response.status
        return response

    def _user_of(self, request: web.Request) -> User:
        said = request.headers.get("Authorization", "")
        if not said and self.policy.anonymous:
            return ANONYMOUS
        scheme, _, token = said.partition(" ")
        user = self.policy.user_of(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return self.policy.impersonate(user, _impersonated(request))

    async def _open_path(self, request: web.Request) -> web.Response:
        """What is answered without a token; a wrong one is refused here too."""
        if "Authorization" in request.headers:
            self._user_of(request)
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        if request.path == "/version":
            return await respond(request, msgspec.json.encode(discovery.VERSION))
        return web.Response(text="ok")

    async def _authenticated(self, request: web.Request, user: User) -> web.StreamResponse:
        accept = "" if self.faults.legacy_discovery else request.headers.get("Accept", "")
        if any(request.path.startswith(f"/apis/{group}/") for group in self.faults.broken_groups):
            raise unavailable("the server is currently unable to handle the request")
        if request.path == "/openapi/v2":
            return await respond(request, *discovery.openapi_v2("protobuf" in accept))
        document = discovery.answer(self.storage.registry, request.path, accept, self.url.rpartition("/")[2])
        if document is not None:
            self.policy.check_path(user, request.path)
            if request.method != "GET":
                raise method_not_allowed()
            body, content_type = document
            hidden = self.faults.hidden_groups
            if hidden and "items" in body:
                body = {
                    **body,
                    "items": [one for one in body["items"] if one["metadata"].get("name") not in hidden],
                }
            return await respond(request, msgspec.json.encode(body), content_type)
        target = parse_target(request.path, self.storage.registry)
        watching = request.query.get("watch", "") in ("1", "true", "True")
        verb = verb_of(request.method, target, watching)
        self.policy.check(user, asked_of(target, verb, request.query.get("fieldSelector", "")))
        call = Call(request, target, verb, user)
        if target.subresource == "proxy":
            return await self._proxy.get(call)
        return await self._handlers[verb](call)


def _impersonated(request: web.Request) -> Impersonated:
    extra = (
        (name[len(_EXTRA_HEADER) :].lower(), value)
        for name, value in request.headers.items()
        if name.lower().startswith(_EXTRA_HEADER)
    )
    return Impersonated(
        request.headers.get("Impersonate-User", ""),
        tuple(request.headers.getall("Impersonate-Group", [])),
        request.headers.get("Impersonate-Uid", ""),
        tuple(extra),
    )


def _transports(runner: web.AppRunner) -> list[asyncio.WriteTransport]:
    server = runner.server
    found = [handler.transport for handler in server.connections] if server else []
    return [transport for transport in found if transport is not None]


def _refusal(error: ApiError) -> web.Response:
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
    response = web.Response(
        status=error.code,
        body=msgspec.json.encode(error.status()),
        headers={"Content-Type": JSON_TYPE, "Cache-Control": "no-cache, private", **headers},
    )
    warn(response, error.warnings)
    return response


def _planned_refusal(code: int, retry_after_s: int) -> ApiError:
    reasons = {
        429: ("TooManyRequests", "too many requests, please try again later"),
        500: ("InternalError", "Internal error occurred: on demand"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    }
    reason, message = reasons.get(code, ("Unknown", f"refused on demand with {code}"))
    return ApiError(code, reason, message, retry_after_s=retry_after_s or (1 if code == 429 else 0))
