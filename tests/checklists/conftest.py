"""The small world as fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cutover_kit import HOST, NEW, OLD, LoopThread, SmallWorld, small_zone
from pointsman.sandbox.dns_authority import AuthorityServer
from pointsman.sandbox.dns_keys import TsigKey, write_key_file
from pointsman.sandbox.dns_resolver import CachingResolver
from pointsman.sandbox.edge import Edge, start_together
from pointsman.sandbox.pki import PracticeCa


@pytest.fixture
def dns_world(tmp_path: Path) -> Iterator[SmallWorld]:
    """DNS only: an authority, a resolver, a key file."""
    thread = LoopThread()
    zone = small_zone()
    key = TsigKey.generate("pointsman.")
    write_key_file(tmp_path / "tsig.key", key)
    authority = AuthorityServer(zone, [key])
    thread.run(authority.start())
    resolver = CachingResolver(authority.endpoint)
    thread.run(resolver.start())
    try:
        yield SmallWorld(tmp_path, thread, zone, authority, resolver, None, None, 443)
    finally:
        thread.run(resolver.stop())
        thread.run(authority.stop())
        thread.close()


@pytest.fixture
def small_world(dns_world: SmallWorld) -> Iterator[SmallWorld]:
    """DNS and two edges that both answer /healthz and /api."""
    ca = PracticeCa()
    (dns_world.directory / "ca.pem").write_bytes(ca.root_pem)
    old = Edge("old", OLD, dns_world.directory)
    new = Edge("new", NEW, dns_world.directory)
    dns_world.port = dns_world.thread.run(start_together(old, new))
    dns_world.old, dns_world.new = old, new
    dns_world.certificate = ca.issue([HOST])
    dns_world.configure(old, "/healthz", "/api")
    dns_world.configure(new, "/healthz", "/api")
    try:
        yield dns_world
    finally:
        dns_world.thread.run(old.stop())
        dns_world.thread.run(new.stop())
