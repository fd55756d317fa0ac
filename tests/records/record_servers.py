"""Knot, BIND and PowerDNS that take signed updates, and an unbound in front of all three."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update
from pointsman.sandbox.dns_keys import TsigKey, write_key_file
from real_name_servers import NameServers, program
from served_zones import BIND, KNOT, POWERDNS, UNBOUND, Zone, powerdns_database

SERVERS = (KNOT, BIND, POWERDNS)
API_KEY = "practice-api-key"
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


class RecordServers(NameServers):
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
        self.key = TsigKey.generate("pointsman.")
        self.key_file = write_key_file(folder / "tsig.key", self.key)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.api_port = int(probe.getsockname()[1])

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

    def served(self, server: str, host: str, kind: str) -> tuple[int, tuple[str, ...]]:
        """TTL and values as the server answers now."""
        query = dns.message.make_query(f"{host}.", kind)
        reply = dns.query.udp(query, self.ip(server), port=self.port, timeout=5)
        for rrset in reply.answer:
            if rrset.rdtype == dns.rdatatype.from_text(kind):
                return rrset.ttl, tuple(sorted(data.to_text() for data in rrset))
        return 0, ()

    def octodns_config(self) -> Path:
        """A configuration with PowerDNS's API as its provider; the key is taken from the environment."""
        path = self.folder / "octodns.yaml"
        path.write_text(
            "providers:\n  target:\n    class: octodns_powerdns.PowerDnsProvider\n"
            f"    host: {self.ip(POWERDNS)}\n    port: {self.api_port}\n    api_key: env/PRACTICE_API_KEY\n"
            "zones: {}\n"
        )
        return path

    def _knot(self, server: str) -> None:
        home = self._home(server)
        (home / "db").mkdir(exist_ok=True)
        zone = next(one for one in self.zones if server in one.servers)
        self._write(server, f"{zone.name}.zone", zone.serves(server))
        secret = _secret(self.key_file)
        config = (
            f"server:\n    rundir: {home}\n    listen: {self.ip(server)}@{self.port}\n"
            "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
            "log:\n  - target: stderr\n    any: warning\n"
            f"database:\n    storage: {home}/db\n    journal-db-max-size: 16M\n    kasp-db-max-size: 16M\n"
            "    timer-db-max-size: 4M\n"
            f"key:\n  - id: pointsman.\n    algorithm: hmac-sha256\n    secret: {secret}\n"
            "acl:\n  - id: signed\n    key: pointsman.\n    action: [transfer, update]\n"
            f'template:\n  - id: default\n    storage: {home}\n    file: "%s.zone"\n    acl: signed\n'
            "    zonefile-sync: -1\n    zonefile-load: whole\n"
            f"zone:\n  - domain: {zone.name}\n"
        )
        self._run(server, ["knotd", "-c", str(self._write(server, "knot.conf", config))])

    def _bind(self) -> None:
        home = self._home(BIND)
        zone = next(one for one in self.zones if BIND in one.servers)
        path = self._write(BIND, f"{zone.name}.zone", zone.serves(BIND))
        config = (
            f'include "{self.key_file}";\n'
            f'options {{ directory "{home}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};'
            f" listen-on port {self.port} {{ 127.0.0.1; }}; recursion no; notify no;"
            " dnssec-validation no; };\ncontrols { };\n"
            "logging { channel out { stderr; severity warning; }; category default { out; }; };\n"
            f'zone "{zone.name}" {{ type primary; file "{path}"; check-names ignore;'
            " allow-update { key pointsman.; }; };\n"
        )
        self._run(BIND, ["named", "-f", "-n", "1", "-c", str(self._write(BIND, "named.conf", config))])

    def _powerdns(self) -> None:
        home = self._home(POWERDNS)
        path = home / "zones.sqlite3"
        zones = [zone for zone in self.zones if POWERDNS in zone.servers]
        powerdns_database(path, zones)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(
                "INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('pointsman', 'hmac-sha256', ?)",
                (_secret(self.key_file),),
            )
            database.execute(
                "INSERT INTO domainmetadata (domain_id, kind, content) "
                "SELECT id, 'TSIG-ALLOW-DNSUPDATE', 'pointsman' FROM domains"
            )
            database.commit()
        config = (
            f"launch=gsqlite3\ngsqlite3-database={path}\nlocal-address={self.ip(POWERDNS)}\n"
            f"local-port={self.port}\nsocket-dir={home}\nsetuid=\nsetgid=\ndaemon=no\nguardian=no\ncache-ttl=0\n"
            "query-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\nreceiver-threads=1\n"
            "distributor-threads=1\nloglevel=3\nsecurity-poll-suffix=\ndnsupdate=yes\n"
            "allow-dnsupdate-from=127.0.0.0/8\n"
            f"api=yes\napi-key={API_KEY}\nwebserver=yes\nwebserver-address={self.ip(POWERDNS)}\n"
            f"webserver-port={self.api_port}\nwebserver-allow-from=127.0.0.0/8\n"
        )
        self._write(POWERDNS, "pdns.conf", config)
        self._run(POWERDNS, ["pdns_server", f"--config-dir={home}"])

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


def _secret(key_file: Path) -> str:
    return shlex.split(key_file.read_text().partition("secret")[2])[0].rstrip(";")


@contextlib.contextmanager
def record_servers(folder: Path) -> Iterator[RecordServers]:
    servers = RecordServers(folder)
    servers.start()
    try:
        yield servers
    finally:
        servers.stop()
