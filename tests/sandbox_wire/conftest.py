"""The practice servers, started and stopped around each test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pointsman.sandbox.dns_authority import AuthorityServer
from pointsman.sandbox.dns_keys import TsigKey
from pointsman.sandbox.dns_resolver import CachingResolver
from pointsman.sandbox.dns_zone import Zone
from pointsman.sandbox.edge import Edge, EdgeRule, VirtualHost, start_together
from pointsman.sandbox.loopback import EDGE_ADDRESSES, can_bind
from pointsman.sandbox.pki import Certificate, PracticeCa
from sandbox_wire_kit import HOST, Clock, Pair


@pytest.fixture(scope="session")
def ca() -> PracticeCa:
    return PracticeCa()


@pytest.fixture(scope="session")
def certificate(ca: PracticeCa) -> Certificate:
    return ca.issue([HOST])


@pytest.fixture
async def pair(ca: PracticeCa, certificate: Certificate, tmp_path: Path) -> AsyncIterator[Pair]:
    if not all(can_bind(address) for address in EDGE_ADDRESSES):
        pytest.skip("this machine has only 127.0.0.1 of 127.0.0.0/8")
    old, new = Edge("old", EDGE_ADDRESSES[0], tmp_path), Edge("new", EDGE_ADDRESSES[1], tmp_path)
    rules = (EdgeRule("/", "Prefix", "shop/web:80"), EdgeRule("/api", "Prefix", "shop/api:8080"))
    for edge in (old, new):
        edge.configure({HOST: VirtualHost(HOST, rules, certificate)})
    port = await start_together(old, new)
    try:
        yield Pair(old, new, port, ssl.create_default_context(cadata=ca.root_pem.decode()))
    finally:
        await old.stop()
        await new.stop()


@pytest.fixture
def zone() -> Zone:
    made = Zone("shop.test.")
    made.set("ns1", 60, "A", "127.0.0.1")
    made.set("store", 20, "A", "127.0.0.2")
    made.set("www", 60, "CNAME", "store")
    made.set("*.wild", 30, "A", "127.0.0.9")
    made.set("deep.empty", 30, "TXT", '"there"')
    return made


@pytest.fixture
def key() -> TsigKey:
    return TsigKey.generate("practice-key")


@pytest.fixture
async def authority(zone: Zone, key: TsigKey) -> AsyncIterator[AuthorityServer]:
    server = AuthorityServer(zone, [key])
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def resolver(authority: AuthorityServer, clock: Clock) -> AsyncIterator[CachingResolver]:
    server = CachingResolver(authority.endpoint, clock=clock, timeout_s=0.3)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
