"""The practice name server in a thread of its own, with one host in its zone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointsman.sandbox.dns_authority import AuthorityServer
from pointsman.sandbox.dns_keys import TsigKey, write_key_file
from pointsman.sandbox.dns_zone import Zone
from records_kit import OLD, ZONE


class DnsWorld:
    """One zone on one server; ``store`` is its host."""

    def __init__(self, zone: Zone, authority: AuthorityServer, key_file: Path) -> None:
        self.zone = zone
        self.authority = authority
        self.key_file = key_file

    @property
    def port(self) -> int:
        return self.authority.port

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, kind: str, value: str, ttl: int) -> None:
        self.zone.set("store", ttl, kind, value)

    def values(self, kind: str) -> tuple[str, ...]:
        found = self.zone.get("store", kind)
        return () if found is None else tuple(sorted(data.to_text() for data in found))


@contextmanager
def dns_worlds(directory: Path) -> Iterator[DnsWorld]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    zone = Zone(ZONE)
    zone.set("store", 1, "A", OLD)
    key = TsigKey.generate("pointsman.")
    authority = AuthorityServer(zone, [key])
    try:
        asyncio.run_coroutine_threadsafe(authority.start(), loop).result(10)
        yield DnsWorld(zone, authority, write_key_file(directory / "tsig.key", key))
        asyncio.run_coroutine_threadsafe(authority.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
