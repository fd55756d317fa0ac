"""Which loopback addresses this machine lets us listen on.

Linux has all of 127.0.0.0/8. macOS and the BSDs have 127.0.0.1 alone until someone adds another.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys

from .errors import SandboxError

EDGE_ADDRESSES = ("127.0.0.2", "127.0.0.3")
"""The usual addresses of the old and the new edge."""


class LoopbackError(SandboxError, ValueError):
    """A loopback address that cannot be used; the text says how to add it."""


def can_bind(address: str) -> bool:
    """Whether a TCP and a UDP socket can be bound to ``address`` now (port chosen by the system)."""
    return _bind_error(address) is None


def require(*addresses: str) -> None:
    """Pass if every one of ``addresses`` is loopback and can be bound; else LoopbackError with one line."""
    for address in addresses:
        if not _is_loopback(address):
            raise LoopbackError(
                f"{address} is not a loopback address; the practice world stays on 127.0.0.0/8"
            )
    missing = [(address, error) for address in addresses if (error := _bind_error(address)) is not None]
    if missing:
        raise LoopbackError(_advice(missing))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _bind_error(address: str) -> OSError | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(family, kind) as probe:
                probe.bind((address, 0))
        except OSError as error:
            return error
    return None


def _advice(missing: list[tuple[str, OSError]]) -> str:
    names = " and ".join(address for address, _ in missing)
    if any(error.errno != errno.EADDRNOTAVAIL for _, error in missing):
        return f"cannot listen on {names}: {missing[0][1].strerror or missing[0][1]}"
    if sys.platform.startswith("linux"):
        commands = [f"sudo ip address add {address}/8 dev lo" for address, _ in missing]
    else:
        commands = [f"sudo ifconfig lo0 alias {address} up" for address, _ in missing]
    return f"this machine has no loopback address {names}; add it: {' && '.join(commands)}"
