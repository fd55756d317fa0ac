"""Knot, BIND and PowerDNS as they take updates signed with one key, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
from real_name_servers import NameServers
from served_zones import BIND, POWERDNS, Zone, powerdns_database
from tsig_key import TsigKey

API_KEY = "practice-api-key"


class SignedServers(NameServers):
    """Name servers whose zones change by signed updates; PowerDNS by its API too."""

    def __init__(self, zones: Iterable[Zone], folder: Path, odd: Mapping[str, int] | None = None) -> None:
        super().__init__(zones, folder, odd)
        self.key = TsigKey("pointsman.")
        self.key_file = self.key.written_to(folder / "tsig.key")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.api_port = int(probe.getsockname()[1])

    def served(self, server: str, host: str, kind: str) -> tuple[int, tuple[str, ...]]:
        """TTL and values as the server answers now."""
        query = dns.message.make_query(f"{host}.", kind)
        reply = dns.query.udp(query, self.ip(server), port=self.port, timeout=5)
        for rrset in reply.answer:
            if rrset.rdtype == dns.rdatatype.from_text(kind):
                return rrset.ttl, tuple(sorted(data.to_text() for data in rrset))
        return 0, ()

    def _knot(self, server: str) -> None:
        home = self._home(server)
        (home / "db").mkdir(exist_ok=True)
        zones = [zone for zone in self.zones if server in zone.servers]
        for zone in zones:
            self._write(server, f"{zone.name}.zone", zone.serves(server))
        config = (
            f"server:\n    rundir: {home}\n    listen: {self.ip(server)}@{self.port}\n"
            "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
            "log:\n  - target: stderr\n    any: warning\n"
            f"database:\n    storage: {home}/db\n    journal-db-max-size: 16M\n    kasp-db-max-size: 16M\n"
            "    timer-db-max-size: 4M\n"
            f"key:\n  - id: pointsman.\n    algorithm: hmac-sha256\n    secret: {self.key.secret}\n"
            "acl:\n  - id: signed\n    key: pointsman.\n    action: [transfer, update]\n"
            f'template:\n  - id: default\n    storage: {home}\n    file: "%s.zone"\n    acl: signed\n'
            "    zonefile-sync: -1\n    zonefile-load: whole\n"
            "zone:\n" + "".join(f"  - domain: {zone.name}\n" for zone in zones)
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
                (self.key.secret,),
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
