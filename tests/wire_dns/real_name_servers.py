"""Real name servers and resolvers on loopback addresses, one port for all, started at once and ended by pid.

    servers = NameServers(zones, folder); servers.start(); ...; servers.stop()

``test.`` is the parent of every zone and is served by a Knot of its own; ``ns-SERVER.test.`` is the name of
a server in delegations. Linux only: elsewhere 127.0.0.2 is not an address. BIND listens on 127.0.0.1, because
it takes only addresses that an interface has.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
from served_zones import (
    BIND,
    DNSMASQ,
    KNOT,
    KNOT2,
    NOBODY,
    PARENT,
    POWERDNS,
    UNBOUND,
    UNBOUND2,
    Zone,
    powerdns_database,
)

_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:" + os.environ.get("PATH", "")
_PROGRAMS = {
    "knotd": (PARENT, KNOT, KNOT2),
    "named": (BIND,),
    "pdns_server": (POWERDNS,),
    "unbound": (UNBOUND, UNBOUND2),
    "dnsmasq": (DNSMASQ,),
    "dig": (),
    "delv": (),
}
_LAST_OCTET = {
    PARENT: 1,
    KNOT: 11,
    KNOT2: 12,
    POWERDNS: 13,
    UNBOUND: 21,
    UNBOUND2: 22,
    DNSMASQ: 23,
    NOBODY: 99,
}
_START_WITHIN_S = 15.0


def program(name: str) -> str | None:
    """Where the program is, or None. Debian keeps servers in /usr/sbin, which is not on everybody's PATH."""
    return shutil.which(name, path=_PATH)


def missing() -> str:
    """Why the real servers cannot run here; empty if they can."""
    if sys.platform != "linux":
        return "needs Linux, where all of 127/8 can be listened on"
    absent = [name for name in _PROGRAMS if program(name) is None]
    return f"needs {', '.join(absent)}, not installed" if absent else ""


class NameServers:
    """Every server; ``odd`` maps further names (of servers that misbehave) to their last octet."""

    def __init__(self, zones: Iterable[Zone], folder: Path, odd: Mapping[str, int] | None = None) -> None:
        self.zones = tuple(zones)
        self.folder = folder
        self.octets = {**_LAST_OCTET, **(odd or {})}
        # workers of one run must not meet: the net by process, the port by chance
        self.net = f"127.{64 + os.getpid() % 150}.{os.getpid() // 150 % 250}"
        self.port = _free_port([self.ip(name) for name in self.octets])
        self.mute: Callable[[], None] = lambda: None
        self.processes: list[subprocess.Popen[bytes]] = []

    def ip(self, server: str) -> str:
        """The server's address."""
        return "127.0.0.1" if server == BIND else f"{self.net}.{self.octets[server]}"

    def at(self, server: str) -> str:
        """The server's ``address:port``."""
        return f"{self.ip(server)}:{self.port}"

    def start(self) -> None:
        """Authoritative servers first: the resolvers' trust anchors are made from what they serve."""
        try:
            for name in (PARENT, KNOT):
                self._knot(name)
            self._bind()
            self._powerdns()
            self._dnsmasq()
            self._answers({PARENT: "test.", KNOT: self._any_zone(KNOT)})
            # a secondary that finds no primary tries again much later
            self._knot(KNOT2)
            self._answers({KNOT2: self._any_zone(KNOT2)})
            signed = [zone.name for zone in self.zones if zone.signed or zone.presigned]
            anchors = [line for name in signed for line in self.anchors(name)]
            for name in (UNBOUND, UNBOUND2):
                self._unbound(name, anchors)
            self._answers({BIND: self._any_zone(BIND), POWERDNS: self._any_zone(POWERDNS)})
            self._answers({UNBOUND: "test.", UNBOUND2: "test.", DNSMASQ: "local.test."})
            for zone in self.zones:
                if zone.secondary:
                    self._answers({zone.secondary: zone.name}, (dns.rcode.NOERROR,))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the servers that were started here."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def update(self, server: str, zone: str, *changes: tuple[str, int, str, str]) -> None:
        """Replaces record sets by RFC 2136: ``label, TTL, type, value``; TTL -1 deletes."""
        message = dns.update.UpdateMessage(zone)
        for label, ttl, kind, value in changes:
            if ttl < 0:
                message.delete(label, kind)
            else:
                message.replace(label, ttl, kind, value)
        reply = dns.query.tcp(message, self.ip(server), port=self.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(reply.rcode())

    def ask(self, server: str, name: str, kind: str) -> dns.message.Message:
        """One question with recursion desired, over UDP."""
        query = dns.message.make_query(name, kind, want_dnssec=True)
        return dns.query.udp(query, self.ip(server), port=self.port, timeout=5)

    def dig(self, server: str, *arguments: str) -> str:
        """What dig prints; a resolver is asked with recursion, others without."""
        recurse = "+recurse" if server in (UNBOUND, UNBOUND2, DNSMASQ) else "+norecurse"
        command = [program("dig") or "dig", f"@{self.ip(server)}", "-p", str(self.port), recurse, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def delv(self, server: str, zone: str, *arguments: str) -> str:
        """What delv says of an answer, with the zone's own keys as the only trust anchor."""
        keys = (line.split(maxsplit=5)[2:] for line in self.anchors(zone))
        anchors = "".join(
            f'"{zone}." static-key {flags} {protocol} {algorithm} "{key}";\n'
            for flags, protocol, algorithm, key in keys
        )
        path = self._write(PARENT, f"{zone}.anchors", f"trust-anchors {{\n{anchors}}};\n")
        command = [program("delv") or "delv", f"@{self.ip(server)}", "-p", str(self.port), "-a", str(path)]
        ran = subprocess.run(
            [*command, f"+root={zone}", *arguments], capture_output=True, text=True, timeout=30, check=False
        )
        return ran.stdout + ran.stderr

    def anchors(self, zone: str, server: str = KNOT) -> list[str]:
        """The zone's DNSKEYs as master file lines."""
        end = time.monotonic() + _START_WITHIN_S
        while time.monotonic() < end:
            query = dns.message.make_query(zone, "DNSKEY", use_edns=True, payload=4096)
            reply = dns.query.udp(query, self.ip(server), port=self.port, timeout=2)
            keys = [f"{zone}. DNSKEY {item.to_text()}" for rrset in reply.answer for item in rrset]
            if keys:
                return keys
            time.sleep(0.05)
        raise AssertionError(f"{zone} was not signed in time")

    def _any_zone(self, server: str) -> str:
        return next(zone.name for zone in self.zones if server in zone.servers and not zone.refused)

    def _answers(self, servers: Mapping[str, str], rcodes: Collection[int] = range(16)) -> None:
        """Waits until each server answers for the SOA of its zone with one of ``rcodes``."""
        end = time.monotonic() + _START_WITHIN_S
        for server, zone in servers.items():
            while True:
                with contextlib.suppress(dns.exception.Timeout, OSError):
                    query = dns.message.make_query(zone, "SOA")
                    reply = dns.query.udp(query, self.ip(server), port=self.port, timeout=0.15)
                    if reply.rcode() in rcodes:
                        break
                    time.sleep(0.02)
                dead = [one for one in self.processes if one.poll() is not None]
                if dead or time.monotonic() > end:
                    logs = "".join(
                        path.read_text(errors="replace")[-800:] for path in self.folder.glob("*.log")
                    )
                    raise AssertionError(f"{server} did not start: {logs}")

    def _run(self, server: str, arguments: list[str]) -> None:
        found = program(arguments[0])
        assert found is not None
        with (self.folder / f"{server}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [found, *arguments[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._home(server),
                )
            )

    def _home(self, server: str) -> Path:
        home = self.folder / server
        home.mkdir(exist_ok=True)
        return home

    def _write(self, server: str, name: str, text: str) -> Path:
        path = self._home(server) / name
        path.write_text(text)
        return path

    def _parent_zone(self) -> str:
        """Every delegation, and the addresses of every name server."""
        lines = [
            "$ORIGIN test.",
            f"@ 300 SOA ns-{PARENT}.test. hostmaster.test. 1 3600 600 86400 300",
            f"@ 300 NS ns-{PARENT}.test.",
            *(f"ns-{name} 300 A {self.ip(name)}" for name in (*self.octets, BIND)),
            *(f"{zone.name}. 300 NS ns-{name}.test." for zone in self.zones for name in zone.parents),
        ]
        return "\n".join(lines) + "\n"

    def _knot(self, server: str) -> None:
        home = self._home(server)
        (home / "db").mkdir(exist_ok=True)
        zones = []
        if server == PARENT:
            self._write(server, "test.zone", self._parent_zone())
            zones.append("  - domain: test\n")
        for zone in self.zones:
            signing = "    dnssec-signing: on\n    dnssec-policy: quick\n" if zone.signed else ""
            if server in zone.servers:
                self._write(server, f"{zone.name}.zone", zone.presigned or zone.serves(server))
                zones.append(f"  - domain: {zone.name}\n{signing}")
            elif server == zone.secondary:
                zones.append(f"  - domain: {zone.name}\n    master: primary\n")
        listen = f"server:\n    rundir: {home}\n    listen: {self.ip(server)}@{self.port}\n"
        config = (
            f"{listen}    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
            f"log:\n  - target: stderr\n    any: warning\n"
            f"database:\n    storage: {home}/db\n    journal-db-max-size: 16M\n    kasp-db-max-size: 16M\n"
            "    timer-db-max-size: 4M\n"
            "acl:\n  - id: local\n    address: 127.0.0.0/8\n    action: [transfer, update, notify]\n"
            f"remote:\n  - id: primary\n    address: {self.ip(KNOT)}@{self.port}\n"
            "policy:\n  - id: quick\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
            f'template:\n  - id: default\n    storage: {home}\n    file: "%s.zone"\n    acl: local\n'
            "    zonefile-sync: -1\n    semantic-checks: off\n    zonefile-load: whole\n"
            f"zone:\n{''.join(zones)}"
        )
        self._run(server, ["knotd", "-c", str(self._write(server, "knot.conf", config))])

    def _bind(self) -> None:
        home = self._home(BIND)
        views: dict[str, list[str]] = {"inside": [], "outside": []}
        for zone in self.zones:
            if BIND not in zone.servers:
                continue
            for view, stanzas in views.items():
                text = (
                    zone.text(zone.inside, zone.serial)
                    if view == "inside" and zone.inside
                    else zone.serves(BIND)
                )
                path = self._write(BIND, f"{zone.name}.{view}", text)
                allow = "allow-query { none; };" if zone.refused else ""
                stanzas.append(
                    f'zone "{zone.name}" {{ type primary; file "{path}"; check-names ignore; {allow} }};'
                )
        config = (
            f'options {{ directory "{home}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};'
            f" listen-on port {self.port} {{ 127.0.0.1; }}; recursion no; notify no;"
            " dnssec-validation no; };\n"
            "controls { };\n"
            "logging { channel out { stderr; severity warning; }; category default { out; }; };\n"
            f'view "inside" {{ match-clients {{ {self.ip(UNBOUND2)}; }}; {" ".join(views["inside"])} }};\n'
            f'view "outside" {{ match-clients {{ any; }}; {" ".join(views["outside"])} }};\n'
        )
        self._run(BIND, ["named", "-f", "-n", "1", "-c", str(self._write(BIND, "named.conf", config))])

    def _powerdns(self) -> None:
        home = self._home(POWERDNS)
        path = home / "zones.sqlite3"
        powerdns_database(path, (zone for zone in self.zones if POWERDNS in zone.servers))
        config = (
            f"launch=gsqlite3\ngsqlite3-database={path}\nlocal-address={self.ip(POWERDNS)}\nlocal-port={self.port}\n"
            f"resolver={self.at(UNBOUND)}\nexpand-alias=yes\nenable-lua-records=yes\nedns-subnet-processing=yes\n"
            f"socket-dir={home}\nsetuid=\nsetgid=\ndaemon=no\nguardian=no\ncache-ttl=0\nquery-cache-ttl=0\n"
            "negquery-cache-ttl=0\nzone-cache-refresh-interval=0\nreceiver-threads=1\ndistributor-threads=1\n"
            "loglevel=3\nsecurity-poll-suffix=\n"
        )
        self._write(POWERDNS, "pdns.conf", config)
        self._run(POWERDNS, ["pdns_server", f"--config-dir={home}"])

    def _unbound(self, server: str, anchors: list[str]) -> None:
        stubs = [("test", PARENT), *((zone.name, zone.servers[0]) for zone in self.zones)]
        stub_lines = "".join(
            f'stub-zone:\n  name: "{name}"\n  stub-addr: {self.ip(owner)}@{self.port}\n'
            for name, owner in stubs
        )
        anchor_lines = "".join(f"  trust-anchor: '{line}'\n" for line in anchors)
        expired = (
            "  serve-expired: yes\n  serve-expired-client-timeout: 300\n  ede-serve-expired: yes\n"
            if server == UNBOUND2
            else ""
        )
        config = (
            f"server:\n  interface: {self.ip(server)}@{self.port}\n  port: {self.port}\n"
            f"  outgoing-interface: {self.ip(server)}\n  access-control: 127.0.0.0/8 allow\n"
            '  username: ""\n  chroot: ""\n  pidfile: ""\n  logfile: ""\n  use-syslog: no\n  do-ip6: no\n'
            f'  directory: "{self._home(server)}"\n  num-threads: 1\n  do-not-query-localhost: no\n'
            '  local-zone: "test." nodefault\n  module-config: "validator iterator"\n  aggressive-nsec: yes\n'
            '  target-fetch-policy: "0 0 0 0 0"\n  ede: yes\n  val-log-level: 0\n  infra-host-ttl: 1\n'
            f"{expired}{anchor_lines}{stub_lines}"
        )
        self._run(server, ["unbound", "-d", "-c", str(self._write(server, "unbound.conf", config))])

    def _dnsmasq(self) -> None:
        arguments = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            f"--listen-address={self.ip(DNSMASQ)}", "--bind-interfaces", f"--port={self.port}", "--pid-file=",
            *(["--user=root"] if os.getuid() == 0 else []), f"--server=/test/{self.ip(UNBOUND)}#{self.port}",
            "--host-record=local.test,www.shadow.test,10.9.8.7,300",
        ]  # fmt: skip
        self._run(DNSMASQ, arguments)


def _free_port(addresses: list[str]) -> int:
    """A port that is free for UDP and TCP on every address, outside the range that clients are given."""
    for _ in range(100):
        port = random.randint(20000, 32000)
        try:
            for address in ("127.0.0.1", *addresses):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((address, port))
        except OSError:
            continue
        return port
    raise AssertionError("no port is free on every loopback address")
