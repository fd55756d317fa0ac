"""The application behind both sides: it rotates all that applications rotate, in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import WSMsgType, web
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded

LONG_TEXT = "the quick brown fox jumps over the lazy dog; " * 40
_turn = itertools.count()


def _noisy(response: web.Response) -> web.Response:
    response.headers["X-Request-Id"] = uuid.uuid4().hex
    response.headers["X-Served-By"] = f"pod-{next(_turn) % 3}"
    response.headers["Content-Security-Policy"] = f"script-src 'nonce-{uuid.uuid4().hex}'"
    response.set_cookie("session", uuid.uuid4().hex, httponly=True, path="/")
    return response


async def _json(request: web.Request) -> web.Response:
    members = [
        ("path", request.path),
        ("at", time.time()),
        ("id", str(uuid.uuid4())),
        ("host", request.headers.get("Host", "").partition(":")[0]),
        ("items", [random.random() for _ in range(random.randint(1, 4))]),
    ]
    if "X-Real-IP" in request.headers:
        members.append(("client", request.headers["X-Real-IP"]))
    random.shuffle(members)
    return _noisy(web.Response(text=json.dumps(dict(members)), content_type="application/json"))


async def _page(request: web.Request) -> web.Response:
    text = f"<html><p>{LONG_TEXT}</p><p>made at {time.time()}</p></html>"
    return _noisy(web.Response(text=text, content_type="text/html"))


async def _text(request: web.Request) -> web.Response:
    return web.Response(text=LONG_TEXT)


async def _slow(request: web.Request) -> web.Response:
    await asyncio.sleep(0.25)
    return web.Response(text="at last")


async def _upload(request: web.Request) -> web.Response:
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
    return web.Response(text="taken")


async def _cookie(request: web.Request) -> web.Response:
    response = web.Response(text="hello")
    response.set_cookie("basket", uuid.uuid4().hex, path="/app", httponly=True)
    return response


async def _missing(request: web.Request) -> web.Response:
    return web.Response(status=404, text="the application's own page")


async def _websocket(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request):
        return web.Response(status=400, text="no upgrade")
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    with suppress(ConnectionResetError):
        for number in range(13):
            await response.write(f"data: {number}\n\n".encode())
            await asyncio.sleep(0.1)
    return response


def _application() -> web.Application:
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/upload", _upload)
    app.router.add_get("/page", _page)
    app.router.add_get("/text", _text)
    app.router.add_get("/slow", _slow)
    app.router.add_get("/cookie", _cookie)
    app.router.add_get("/missing", _missing)
    app.router.add_get("/ws", _websocket)
    app.router.add_get("/events", _events)
    app.router.add_get("/{rest:.*}", _json)
    return app


class _Calls(asyncio.Protocol):
    """A gRPC service over HTTP/2 without TLS: every call is answered with one empty message."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.http = H2Connection(H2Configuration(client_side=False))
        self.http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self.http.receive_data(data):
            if isinstance(event, StreamEnded):
                stream = event.stream_id
                head = [(":status", "200"), ("content-type", "application/grpc")]
                self.http.send_headers(stream, head)
                self.http.send_data(stream, bytes(5))
                self.http.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        self._flush()

    def _flush(self) -> None:
        self.transport.write(self.http.data_to_send())


async def _serve() -> None:
    runner = web.AppRunner(_application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    calls = await asyncio.get_running_loop().create_server(_Calls, "127.0.0.1", 0)
    print(runner.addresses[0][1], calls.sockets[0].getsockname()[1], flush=True)
    # the parent closes our standard input when it is done with us
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    calls.close()
    await runner.cleanup()


@contextmanager
def backend() -> Iterator[tuple[int, int]]:
    """The ports of the application and of its gRPC service, running as a process of its own."""
    arguments = [sys.executable, __file__]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            web_port, call_port = child.stdout.readline().split()
            yield int(web_port), int(call_port)
        finally:
            child.stdin.close()
            child.wait(timeout=10)


if __name__ == "__main__":
    asyncio.run(_serve())
