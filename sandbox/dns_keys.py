"""TSIG keys (RFC 8945) and BIND key files, the form that nsupdate, knot and rndc read."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.name
import dns.tsig

from .errors import SandboxError

HMAC_SHA256 = "hmac-sha256"
_ALGORITHMS = {HMAC_SHA256: dns.tsig.HMAC_SHA256, "hmac-sha512": dns.tsig.HMAC_SHA512}
_BLOCK = re.compile(r'\bkey\s+"?(?P<name>[^"\s{]+)"?\s*\{(?P<body>[^}]*)\}\s*;', re.DOTALL)
_STATEMENT = re.compile(r'\b(algorithm|secret)\s+"?([^";\s]+)"?\s*;')
# only between words: base64 holds "//" as well
_COMMENT = re.compile(r"(?<![^\s;{}])(?:/\*.*?\*/|//[^\n]*|#[^\n]*)", re.DOTALL)
_MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class TsigKey:
    """One shared key; ``repr`` never shows the secret."""

    name: str
    secret: bytes = field(repr=False)
    algorithm: str = HMAC_SHA256

    @classmethod
    def generate(cls, name: str) -> TsigKey:
        """A fresh hmac-sha256 key of 256 bits."""
        return cls(name, secrets.token_bytes(32))

    def for_dnspython(self) -> dns.tsig.Key:
        """The same key as dnspython wants it."""
        return dns.tsig.Key(dns.name.from_text(self.name), self.secret, _ALGORITHMS[self.algorithm])


def keyring(keys: Iterable[TsigKey]) -> dict[dns.name.Name, dns.tsig.Key]:
    """A dnspython keyring of ``keys``."""
    return {key.name: key for key in (entry.for_dnspython() for entry in keys)}


def write_key_file(path: Path, key: TsigKey) -> Path:
    """Write ``key`` as a BIND key file, readable by its owner only (0600); an existing file is replaced."""
    secret = base64.b64encode(key.secret).decode()
    text = f'key "{key.name}" {{\n\talgorithm {key.algorithm};\n\tsecret "{secret}";\n}};\n'
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    return path


def read_key_file(path: Path) -> TsigKey:
    """The first key of a BIND key file; SandboxError (which never quotes the file) where there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES).decode("ascii", errors="replace")
    except OSError as error:
        raise SandboxError(f"cannot read the TSIG key file {path}: {error.strerror}") from None
    block = _BLOCK.search(_COMMENT.sub("", text))
    if block is None:
        raise SandboxError(f'{path} holds no TSIG key; it wants key "name" {{ algorithm ...; secret ...; }};')
    statements = dict(_STATEMENT.findall(block["body"]))
    algorithm = statements.get("algorithm", "").lower().rstrip(".")
    if algorithm not in _ALGORITHMS:
        raise SandboxError(f"{path}: the key's algorithm is not one of {', '.join(_ALGORITHMS)}")
    try:
        secret = base64.b64decode(statements.get("secret", ""), validate=True)
        dns.name.from_text(block["name"])
    except (binascii.Error, ValueError, dns.exception.DNSException):
        raise SandboxError(f"{path}: the key's name or secret cannot be read") from None
    if not secret:
        raise SandboxError(f"{path}: the key has no secret")
    return TsigKey(block["name"], secret, algorithm)
