"""What ``pointsman probe tls`` is given: addresses, names, lists of targets; and every mistake named."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.wire.address import is_address, split_endpoint
from .manifests import read_bytes, shown

_PORT = 443
_MOST_TARGETS = 100_000
_MOST_ADDRESSES = 32
_EXAMPLE = "for example 192.0.2.10:443 or [2001:db8::10]:443"
# underscores stand in real names, and in certificates for them
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_PROTOCOL = re.compile(r"[!-+\--~]{1,255}")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])")


@dataclass(frozen=True, slots=True)
class Place:
    """An address or a name to resolve, and a port."""

    host: str
    port: int


def place_of(text: str, where: str) -> Place:
    """``ADDR``, ``ADDR:PORT``, ``[IPv6]:PORT`` or ``HOST:PORT``; without a port 443.

    Raises UserError, which names ``where`` the text stood.
    """
    try:
        host, port = split_endpoint(text, _PORT)
    except ValueError:
        host, port = "", 0
    # split_endpoint takes what stands behind a bracket and is no port for nothing
    odd = text.strip().startswith("[") and not re.fullmatch(r"\[[^][]+\](:\d+)?", text.strip())
    bare = host.lower().rstrip(".")
    address = is_address(bare.partition("%")[0]) and bare != ""
    if odd or not port or not (address or (_HOST.fullmatch(bare) and not bare.replace(".", "").isdigit())):
        raise UserError(f"{where} {clean(text, 100)!r} is no ADDRESS:PORT", _EXAMPLE)
    return Place(host if address else bare, port)


def name_of(text: str, where: str) -> str:
    """A host name in lower case, without a dot at its end, or an IP address.

    Raises UserError, which names ``where`` the text stood.
    """
    name = text.strip().lower().rstrip(".")
    if is_address(name):
        return name.strip("[]")
    plain = name
    if not name.isascii():
        try:
            plain = name.encode("idna").decode("ascii")
        except UnicodeError:
            plain = ""
    if not _HOST.fullmatch(plain) or len(plain) > 253:
        mend = (
            "a wildcard is no name to ask for; name a host" if "*" in name else "for example shop.example.com"
        )
        raise UserError(f"{where} {clean(text, 100)!r} is no host name", mend)
    return name


def names_of(names: Sequence[str], place: Place) -> list[str]:
    """The names to ask for, each once; of a place that was given by name, that name. Raises UserError."""
    if names:
        return list(dict.fromkeys(name_of(one, "--name") for one in names))
    if is_address(place.host.partition("%")[0]):
        raise UserError(
            f"which host is to be asked for at {clean(place.host, 80)}?",
            "say --name shop.example.com; for a certificate of the address itself: --name with the address",
        )
    return [place.host]


def protocols_of(text: str) -> tuple[str, ...]:
    """The protocols of ``--alpn``, in order of preference. Raises UserError."""
    protocols = tuple(dict.fromkeys(one.strip() for one in text.split(",")))
    for one in protocols:
        if not _PROTOCOL.fullmatch(one):
            raise UserError(
                f"--alpn {clean(text, 80)!r}: {clean(one, 40)!r} is no protocol", "for example h2,http/1.1"
            )
    if len(protocols) > 8:
        raise UserError(f"--alpn: {len(protocols)} protocols are too many", "name at most 8")
    return protocols


def seconds_of(text: str, option: str) -> float:
    """``90s``, ``30m``, ``48h``, ``14d`` in seconds. Raises UserError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UserError(f"{option} {clean(text, 40)!r} is no duration", "for example 48h, 30m or 14d")
    return float(match.group(1)) * _UNITS[match.group(2)]


def read_targets(file: str) -> list[tuple[Place, str]]:
    """The lines ``ADDR:PORT NAME`` of a file; empty ones and what follows a ``#`` are left out.

    Raises UserError, which names file and line; also where nothing is left.
    """
    targets: dict[tuple[Place, str], None] = {}
    for number, words in _lines(file):
        where = f"{shown(file)}:{number}:"
        if len(words) != 2:
            raise UserError(
                f"{where} {len(words)} word{'s' if len(words) > 1 else ''}", "a line is ADDR:PORT NAME"
            )
        targets[place_of(words[0], where), name_of(words[1], where)] = None
        if len(targets) > _MOST_TARGETS:
            raise UserError(f"{where} more than {_MOST_TARGETS} targets", "split the file")
    if not targets:
        raise UserError(f"{shown(file)}: holds no target", "a line is ADDR:PORT NAME")
    return list(targets)


def _lines(file: str) -> Iterator[tuple[int, list[str]]]:
    try:
        text = read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{shown(file)}: byte {error.start} is no UTF-8", "give a text file of lines ADDR:PORT NAME"
        ) from None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            yield number, words


async def addresses_of(place: Place, timeout_s: float) -> list[Place]:
    """The place itself where it is an address; else each address that this system's resolver gives for it.

    Raises UserError whose ``status`` says that nothing could be told: an exit code of its own.
    """
    if is_address(place.host.partition("%")[0]):
        return [Place(place.host.strip("[]"), place.port)]
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise _unresolved(place, f"no answer within {timeout_s:g} s") from None
    except OSError as error:
        raise _unresolved(place, clean(error.strerror or error, 100)) from None
    except UnicodeError:
        raise _unresolved(place, "it cannot be asked for") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return [Place(one, place.port) for one in addresses[:_MOST_ADDRESSES]]


def _unresolved(place: Place, reason: str) -> UserError:
    error = UserError(f"{clean(place.host, 120)} has no address here: {reason}", "name an address instead")
    # that is no wrong usage: nothing could be told
    error.status = 0  # type: ignore[attr-defined]
    return error
