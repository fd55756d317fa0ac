"""Zones for real name servers: as master files, and as PowerDNS keeps them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PARENT, KNOT, KNOT2, BIND, POWERDNS = "parent", "knot", "knot2", "bind", "pdns"
UNBOUND, UNBOUND2, DNSMASQ, NOBODY = "unbound", "unbound2", "dnsmasq", "nobody"
PRODUCTS = {
    PARENT: "Knot",
    KNOT: "Knot",
    KNOT2: "Knot",
    BIND: "BIND",
    POWERDNS: "PowerDNS",
    UNBOUND: "Unbound",
    UNBOUND2: "Unbound",
    DNSMASQ: "dnsmasq",
    NOBODY: "nobody",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone below ``test.``: ``records`` are ``label TTL TYPE value``, ``@`` for the zone itself.

    ``servers`` serve it; ``listed`` stand in its own NS set, ``delegated`` in the parent's (both: as the one
    before). ``instead`` are records and serial of single servers that serve something else. A ``secondary``
    transfers it from the first of ``servers`` and is not told of changes. ``inside`` is BIND's second view.
    """

    name: str
    records: tuple[str, ...]
    servers: tuple[str, ...] = (KNOT,)
    listed: tuple[str, ...] = ()
    delegated: tuple[str, ...] = ()
    serial: int = 7
    minimum: int = 300
    soa_ttl: int = 300
    instead: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    secondary: str = ""
    inside: tuple[str, ...] = ()
    signed: bool = False
    refused: bool = False
    presigned: str = ""

    def text(self, records: Iterable[str], serial: int) -> str:
        """The zone as a master file."""
        names = self.listed or (*self.servers, *([self.secondary] if self.secondary else []))
        timers = f"{serial} 3600 600 86400 {self.minimum}"
        lines = [
            f"$ORIGIN {self.name}.",
            f"@ {self.soa_ttl} SOA ns-{self.servers[0]}.test. hostmaster.test. {timers}",
            *(f"@ 300 NS ns-{name}.test." for name in names),
            *records,
        ]
        return "\n".join(lines) + "\n"

    def serves(self, server: str) -> str:
        """The master file of one of its servers."""
        serial, records = self.instead.get(server, (self.serial, self.records))
        return self.text(records, serial)

    @property
    def parents(self) -> tuple[str, ...]:
        """The servers in the delegation."""
        return self.delegated or self.listed or (*self.servers, *([self.secondary] if self.secondary else []))


_POWERDNS_TABLES = """
CREATE TABLE domains (id INTEGER PRIMARY KEY, name VARCHAR(255) NOT NULL COLLATE NOCASE, master VARCHAR(128),
  last_check INTEGER, type VARCHAR(8) NOT NULL, notified_serial INTEGER, account VARCHAR(40),
  options VARCHAR(65535), catalog VARCHAR(255));
CREATE TABLE records (id INTEGER PRIMARY KEY, domain_id INTEGER, name VARCHAR(255), type VARCHAR(10),
  content VARCHAR(65535), ttl INTEGER, prio INTEGER, disabled BOOLEAN DEFAULT 0, ordername VARCHAR(255),
  auth BOOL DEFAULT 1);
CREATE TABLE supermasters (ip VARCHAR(64), nameserver VARCHAR(255), account VARCHAR(40));
CREATE TABLE comments (id INTEGER PRIMARY KEY, domain_id INTEGER, name VARCHAR(255), type VARCHAR(10),
  modified_at INT, account VARCHAR(40), comment VARCHAR(65535));
CREATE TABLE domainmetadata (id INTEGER PRIMARY KEY, domain_id INT, kind VARCHAR(32), content TEXT);
CREATE TABLE cryptokeys (id INTEGER PRIMARY KEY, domain_id INT, flags INT, active BOOL, published BOOL,
  content TEXT);
CREATE TABLE tsigkeys (id INTEGER PRIMARY KEY, name VARCHAR(255), algorithm VARCHAR(50), secret VARCHAR(255));
"""


def powerdns_database(path: Path, zones: Iterable[Zone]) -> None:
    """The zones as PowerDNS's sqlite3 backend reads them."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(_POWERDNS_TABLES)
        for zone in zones:
            _insert(database, zone)
        database.commit()


def _insert(database: sqlite3.Connection, zone: Zone) -> None:
    made = database.execute("INSERT INTO domains (name, type) VALUES (?, 'NATIVE')", (zone.name,))
    for line in zone.serves(POWERDNS).splitlines()[1:]:
        label, ttl, kind, value = line.split(maxsplit=3)
        name = (
            zone.name
            if label == "@"
            else label.rstrip(".")
            if label.endswith(".")
            else f"{label}.{zone.name}"
        )
        bare = (
            value
            if kind in ("TXT", "LUA", "CAA")
            else " ".join(word.rstrip(".") or "." for word in value.split(" "))
        )
        database.execute(
            "INSERT INTO records (domain_id, name, type, content, ttl, prio) VALUES (?, ?, ?, ?, ?, 0)",
            (made.lastrowid, name, kind, bare, int(ttl)),
        )
