"""The practice authoritative name server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .dns_keys import TsigKey
from .dns_zone import Zone


@dataclass(frozen=True, slots=True)
class DnsFaults:
    """What a name server does wrong: ``drop`` every query, answer after ``delay_s``, SERVFAIL, without AA."""

    drop: bool = False
    delay_s: float = 0.0
    servfail: bool = False
    not_authoritative: bool = False


class AuthorityServer:
    """Serves its zones on UDP and TCP, one port."""

    def __init__(self, zones: Zone | Iterable[Zone], keys: Iterable[TsigKey] = ()) -> None:
        self.faults = DnsFaults()
        self.address = ""
        self.port = 0

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on UDP and TCP; returns the port."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop listening and end every query under way."""
        raise NotImplementedError
