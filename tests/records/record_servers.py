"""Knot, BIND and PowerDNS that take signed updates, and an unbound in front of all three."""

from __future__ import annotations

import contextlib
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.update
from real_name_servers import program
from served_zones import BIND, KNOT, POWERDNS, UNBOUND, Zone
from signed_servers import API_KEY, SignedServers

SERVERS = (KNOT, BIND, POWERDNS)
OLD, NEW = "192.0.2.1", "203.0.113.9"
OLD6, NEW6 = "2001:db8::1", "2001:db8:9::9"
OLD_TTL = 8
HTTPS = '1 . alpn="h2"'
# PowerDNS compares the texts in its database: this is the form that its API writes
_HTTPS_AS_STORED = "1 . alpn=h2"
_NEEDED = ("knotd", "named", "pdns_server", "unbound", "nsupdate")
# each test has a host of its own: they run one after the other on the same servers
LABELS = (
    *("moved", "printed", "asked", "api", "late", "waited", "command"),
    *(f"raced{number}" for number in range(6)),
)


def missing() -> str:
    """Why the servers cannot run here; empty if they can."""
    if sys.platform != "linux":
        return "needs Linux, where all of 127/8 can be listened on"
    absent = [name for name in _NEEDED if program(name) is None]
    return f"needs {', '.join(absent)}, not installed" if absent else ""


def zone_of(server: str) -> str:
    """The zone that the server is the primary of."""
    return f"{server}.test"


class RecordServers(SignedServers):
    """The three servers with one zone each; every host has A, AAAA and HTTPS."""

    def __init__(self, folder: Path) -> None:
        records = tuple(
            line
            for label in LABELS
            for line in (
                f"{label} {OLD_TTL} A {OLD}",
                f"{label} {OLD_TTL} AAAA {OLD6}",
                f"{label} {OLD_TTL} HTTPS {_HTTPS_AS_STORED}",
            )
        )
        super().__init__((Zone(zone_of(name), records, (name,)) for name in SERVERS), folder)

    def start(self) -> None:
        try:
            self._knot(KNOT)
            self._bind()
            self._powerdns()
            self._unbound(UNBOUND, [])
            self._answers({name: zone_of(name) for name in SERVERS}, (dns.rcode.NOERROR,))
            self._answers({UNBOUND: zone_of(KNOT)}, (dns.rcode.NOERROR,))
            self._api_answers()
        except BaseException:
            self.stop()
            raise

    def somebody(self, server: str, label: str, ttl: int, kind: str, value: str) -> None:
        """Another client, with a key of its own right, replaces one set."""
        message = dns.update.UpdateMessage(f"{zone_of(server)}.", keyring=self.key.for_dnspython())
        message.replace(label, ttl, kind, value)
        reply = dns.query.tcp(message, self.ip(server), port=self.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(reply.rcode())

    def octodns_config(self) -> Path:
        """A configuration with PowerDNS's API as its provider; the key is taken from the environment."""
        path = self.folder / "octodns.yaml"
        path.write_text(
            "providers:\n  target:\n    class: octodns_powerdns.PowerDnsProvider\n"
            f"    host: {self.ip(POWERDNS)}\n    port: {self.api_port}\n    api_key: env/PRACTICE_API_KEY\n"
            "zones: {}\n"
        )
        return path

    def _api_answers(self) -> None:
        url = f"http://{self.ip(POWERDNS)}:{self.api_port}/api/v1/servers/localhost"
        request = urllib.request.Request(url, headers={"X-API-Key": API_KEY})
        end = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(request, timeout=2):
                    return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


@contextlib.contextmanager
def record_servers(folder: Path) -> Iterator[RecordServers]:
    servers = RecordServers(folder)
    servers.start()
    try:
        yield servers
    finally:
        servers.stop()
