"""The roots that a probe trusts: the system's, or one file's in their place."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from ...cluster.errors import UserError
from ...cluster.text import clean

# where systems keep one file of all roots, when OpenSSL's own default names a directory only
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def roots_file(ca_file: str | None) -> str:
    """The file of roots for ``ca_file``, or the system's where that is None.

    Raises UserError where there is no such file.
    """
    if ca_file is not None:
        if not Path(ca_file).is_file():
            raise UserError(f"{clean(ca_file)}: no such file of trusted roots", "name a PEM file as ca_file")
        return ca_file
    default = ssl.get_default_verify_paths().cafile
    for candidate in (default, *_BUNDLES):
        if candidate and Path(candidate).is_file():
            return candidate
    raise UserError("no trusted roots on this system", "install ca-certificates or name a ca_file")


def roots_pem(ca_file: str | None) -> str:
    """The trusted roots as PEM text. Raises UserError where they cannot be read."""
    path = roots_file(ca_file)
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise UserError(
            f"{clean(path)}: cannot read the trusted roots: {error.strerror}", "mend its rights"
        ) from None


def client_context(
    ca_file: str | None, alpn: tuple[str, ...] = ("http/1.1",), check_name: bool = True
) -> ssl.SSLContext:
    """A verifying client context, made once for each version of the roots file: that is slow.

    It offers ``alpn`` in that order (empty: none). Without ``check_name`` the chain is verified, and the name
    is not: for handshakes that send none. Raises UserError where the roots cannot be read. Nobody may change
    what is returned.
    """
    path = roots_file(ca_file)
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{clean(path)}: cannot read the trusted roots: {error.strerror}") from None
    return _context(path, alpn, check_name, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _context(path: str, alpn: tuple[str, ...], check_name: bool, _changed: int, _size: int) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        raise UserError(f"{clean(path)}: holds no trusted certificates", "give PEM roots") from None
    if alpn:
        context.set_alpn_protocols(list(alpn))
    context.check_hostname = check_name
    return context
