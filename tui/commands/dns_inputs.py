"""What ``pointsman probe dns`` is given, read and checked before anybody is asked."""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.wire.address import endpoint, is_address, split_endpoint
from ...probes.wire.dns.facts import EVERYTHING, DnsPolicy, DnsTarget
from ...probes.wire.dns.servers import HTTPS, PLAIN, TLS, parse_server, system_resolvers
from ...probes.wire.dns.wire import name_to_wire

_MOST_NAMES = 100_000
_LARGEST_FILE = 20_000_000
# from so many names on, only records are asked for unless --full says otherwise
_MANY = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were typed."""

    names: tuple[str, ...]
    servers: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    begin: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    low_ttl: int = 60
    old_ttl: int | None = None
    expect: str | None = None
    walk: bool | None = None
    full: bool | None = None
    port: int = 53
    follow: str | None = None
    record: str | None = None
    forecast: bool = False
    file: str | None = None
    zone: str = ""
    ca_file: str | None = None
    ca_domains: tuple[str, ...] = ()
    owner: str = ""
    timeout_s: float = 20.0


def targets_of(asked: Asked) -> tuple[DnsTarget, ...]:
    """A target for each name. UserError for whatever cannot be asked."""
    names = tuple(dict.fromkeys(_names(asked)))
    if not names:
        raise UserError("no name to ask about", "give host names, or --file FILE with one a line")
    many = len(names) >= _MANY
    full = not many if asked.full is None else asked.full
    walk = (full and (not asked.servers or bool(asked.begin))) if asked.walk is None else asked.walk
    resolvers = tuple(_resolvers(asked.resolvers))
    if not (asked.resolvers or asked.servers or asked.begin):
        resolvers = system_resolvers()
    return tuple(
        DnsTarget(
            name,
            tuple(plain_servers("--server", asked.servers, 53 if not asked.port else asked.port)),
            resolvers,
            timeout_s=min(3.0, asked.timeout_s),
            zone=_zone(asked.zone),
            deadline_s=asked.timeout_s,
            walk=walk,
            walk_from=tuple(plain_servers("--from", asked.begin, asked.port)),
            port=asked.port,
            extras=EVERYTHING if full else (),
            ca_file=_ca_file(asked.ca_file),
        )
        for name in names
    )


def policy_of(asked: Asked) -> DnsPolicy:
    """What the answers are judged by. UserError for an address that is none."""
    old = tuple(_address("--old", text) for text in asked.old)
    new = tuple(_address("--new", text) for text in asked.new)
    both = set(old) & set(new)
    if both:
        raise UserError(f"{both.pop()} is given as --old and as --new", "the sides differ in their addresses")
    if asked.expect and not (old if asked.expect == "old" else new):
        raise UserError(f"--expect {asked.expect} needs --{asked.expect} ADDR", "give that side's address")
    return DnsPolicy(
        low_ttl=asked.low_ttl,
        old_address=old[0] if old else "",
        new_address=new[0] if new else "",
        expect=asked.expect or "",
        old_also=old[1:],
        new_also=new[1:],
        ca_domains=asked.ca_domains,
        external_dns_owner=asked.owner,
    )


def _names(asked: Asked) -> Iterator[str]:
    for name in asked.names:
        yield _name(name, "NAME")
    if asked.file is None:
        return
    for number, text in enumerate(_lines(asked.file), start=1):
        words = text.partition("#")[0].split()
        if number > _MOST_NAMES:
            raise UserError(f"--file {clean(asked.file, 200)}: more than {_MOST_NAMES} lines", "split it")
        if words:
            yield _name(words[0], f"--file {clean(asked.file, 200)}:{number}")


def _lines(file: str) -> list[str]:
    try:
        if file == "-":
            return sys.stdin.read(_LARGEST_FILE).splitlines()
        path = Path(file)
        if path.is_file() and path.stat().st_size > _LARGEST_FILE:
            raise UserError(f"--file {clean(file, 200)}: larger than 20 MB", "split it")
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise UserError(
            f"--file {clean(file, 200)}: {words}", "name a file with a host name a line"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"--file {clean(file, 200)}: is not text", "one host name a line, UTF-8") from None


def _name(text: str, where: str) -> str:
    if "://" in text or "/" in text:
        raise UserError(f"{where}: {clean(text, 80)} is a URL", "give the host name alone")
    if is_address(text):
        raise UserError(f"{where}: {clean(text, 80)} is an address", "give a host name")
    if not text.strip(".") or clean(text, 1100) != text:
        raise UserError(
            f"{where}: {clean(text, 80)!r} is no host name", "give names such as store.example.net"
        )
    try:
        name_to_wire(text)
    except ValueError as error:
        raise UserError(f"{where}: {clean(text, 80)}: {clean(error, 160)}", "mend the name") from None
    return text


def _zone(text: str) -> str:
    return _name(text, "--zone") if text else ""


def _address(option: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise UserError(f"{option} {clean(text, 80)}: is no IP address", "give the address itself") from None


def plain_servers(option: str, texts: Iterable[str], port: int) -> Iterator[str]:
    """Each as ``ip:port``; a host name is what this system's resolver says it is. UserError for others."""
    for text in texts:
        yield from _plain_server(option, text, port)


def _plain_server(option: str, text: str, default_port: int) -> Iterator[str]:
    """The server's addresses: a host name is what this system's resolver says it is."""
    if "://" in text:
        raise UserError(f"{option} {_shown(text)}: is no server's address", _ENCRYPTED)
    try:
        host, port = split_endpoint(text, default_port)
    except ValueError:
        raise UserError(f"{option} {clean(text, 120)}: the port is no number from 1 to 65535") from None
    if is_address(host.partition("%")[0]):
        server = parse_server(text, default_port)
        yield endpoint(server.address, server.port)
        return
    if not host:
        raise UserError(f"{option} {_shown(text)}: is no server's address", "give IP[:PORT]")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or "no such host"
        raise UserError(f"{option} {clean(text, 120)}: {words}", "give its IP address") from None
    yield from dict.fromkeys(endpoint(str(entry[4][0]), port) for entry in found)


def _resolvers(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if text == "system":
            yield from _system()
        elif text.startswith((f"{TLS}://", f"{HTTPS}://")):
            try:
                parse_server(text)
            except ValueError as error:
                raise UserError(f"--resolver {_shown(text)}: {clean(error, 160)}", _RESOLVER) from None
            yield text
        else:
            yield from _plain_server("--resolver", text.removeprefix(f"{PLAIN}://"), 53)


def _system() -> tuple[str, ...]:
    found = system_resolvers()
    if not found:
        raise UserError("--resolver system: /etc/resolv.conf names none", "name one by its address")
    return found


def _shown(text: str) -> str:
    """What was typed, without a password that a URL may hold."""
    return clean(re.sub(r"//[^/]*@", "//...@", text), 120)


_ENCRYPTED = "encrypted servers are resolvers: --resolver tls://IP or https://HOST/PATH"
_RESOLVER = "give IP[:PORT], tls://IP[:PORT][#NAME] or https://HOST/PATH"


def _ca_file(text: str | None) -> str:
    if text is None:
        return ""
    if not Path(text).is_file():
        raise UserError(f"--ca {clean(text, 200)}: no such file", "name a PEM file of roots")
    return text
