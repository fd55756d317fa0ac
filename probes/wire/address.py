"""Writing and reading ``address:port``, and telling an address from a name."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Whether ``text`` is an IP literal (brackets allowed). Such a text must never be sent as SNI."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def bracketed(address: str) -> str:
    """The address as it stands in a URL: IPv6 in brackets."""
    bare = address.strip("[]")
    return f"[{bare}]" if ":" in bare else bare


def endpoint(address: str, port: int) -> str:
    """``address:port``, IPv6 in brackets."""
    return f"{bracketed(address)}:{port}"


def split_endpoint(text: str, default_port: int) -> tuple[str, int]:
    """The address and port of ``1.2.3.4:53``, ``[::1]:53``, ``1.2.3.4`` or ``::1``.

    Raises ValueError for a port that is no number between 1 and 65535.
    """
    stripped = text.strip()
    if stripped.startswith("["):
        address, _, rest = stripped[1:].partition("]")
        port_text = rest.removeprefix(":")
    elif stripped.count(":") == 1:
        address, _, port_text = stripped.partition(":")
    else:
        address, port_text = stripped, ""
    port = int(port_text) if port_text else default_port
    if not 0 < port < 65536:
        raise ValueError(f"port {port} of {text!r} is not between 1 and 65535")
    return address, port
