"""A TLS server in this process that serves any chain, staple and mood: pyOpenSSL over a memory BIO.

It serves a certificate for one host alone, as proxies do, and closes on all other names; or for any name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cache

from OpenSSL import SSL
from tls_fixture_kit import Case, Ports
from tls_fixtures import Fixture

_CHUNK = 65536
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Mood:
    """How a port behaves beside its certificate. ``client_certificate`` is empty, optional or required."""

    alpn: tuple[str, ...] = ("h2", "http/1.1")
    versions: tuple[int, int] = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
    client_certificate: str = ""


ORDINARY = Mood()
Choice = Callable[[str], SSL.Context | None]
"""The context for a name (empty: none was sent), None: the connection is closed."""


@cache
def context_for(*served: Fixture, mood: Mood = ORDINARY) -> SSL.Context:
    """A context with the chain, key and staple of a fixture; of several, where their keys differ in kind."""
    context = _context(mood)
    for fixture in served:
        context.use_certificate(fixture.chain[0])
        context.use_privatekey(fixture.key)
    for certificate in served[0].chain[1:]:
        context.add_extra_chain_cert(certificate)
    context.set_ocsp_server_callback(lambda _connection, _data: served[0].staple)
    return context


def _context(mood: Mood) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.set_min_proto_version(mood.versions[0])
    context.set_max_proto_version(mood.versions[1])
    if mood.client_certificate:
        flags = SSL.VERIFY_PEER
        if mood.client_certificate == "required":
            flags |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        context.set_verify(flags, lambda *_: True)
    if mood.alpn:
        context.set_alpn_select_callback(_chooser(mood.alpn))
    return context


def _chooser(offered: Sequence[str]) -> Callable[[SSL.Connection, list[bytes]], bytes | object]:
    def choose(_connection: SSL.Connection, wanted: list[bytes]) -> bytes | object:
        known = (one.encode("ascii") for one in offered if one.encode("ascii") in wanted)
        return next(known, SSL.NO_OVERLAPPING_PROTOCOLS)

    return choose


def by_name(case: Case, mood: Mood = ORDINARY) -> Choice:
    """What serves a case: for its host alone, or for any name."""
    context = context_for(case.fixture, mood=mood)
    return lambda name: context if case.any_name or name == case.sni else None


@contextlib.asynccontextmanager
async def serving(choose: Choice, mood: Mood = ORDINARY) -> AsyncIterator[int]:
    """A port on loopback that serves what ``choose`` says for the name that is sent."""
    live: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    undecided = _context(mood)
    undecided.set_tlsext_servername_callback(_pick)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        live[task] = writer
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await _converse(reader, writer, SSL.Connection(undecided, None), _Guest(choose))
        except (OSError, SSL.Error, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            del live[task]

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        leaving = tuple(live)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving_all(asked: Sequence[Case]) -> AsyncIterator[Ports]:
    """Every case at a port of its own."""
    async with contextlib.AsyncExitStack() as stack:
        yield {case.name: await stack.enter_async_context(serving(by_name(case))) for case in asked}


@dataclass(slots=True)
class _Guest:
    """One connection: who decides what it gets, and whether it was turned away."""

    choose: Choice
    refused: bool = False


def _pick(connection: SSL.Connection) -> None:
    guest = connection.get_app_data()
    context = guest.choose((connection.get_servername() or b"").decode("ascii", errors="replace"))
    if context is None:
        guest.refused = True
    else:
        connection.set_context(context)


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: SSL.Connection, guest: _Guest
) -> None:
    """The handshake, and then nothing until the client goes."""
    connection.set_app_data(guest)
    connection.set_accept_state()
    fault: SSL.Error | None = None
    done = False
    while fault is None:
        try:
            if done:
                connection.recv(_CHUNK)
            else:
                connection.do_handshake()
                done = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            fault = error  # its alert has still to be sent
        if guest.refused:
            return
        with contextlib.suppress(SSL.WantReadError):
            while True:
                writer.write(connection.bio_read(_CHUNK))
        await writer.drain()
        data = b"" if fault else await reader.read(_CHUNK)
        if not data:
            return
        connection.bio_write(data)
