"""A TSIG key of the tests' own making, and the file of it that BIND, knot and nsupdate read."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import dns.name
import dns.tsig

ALGORITHM = "hmac-sha256"


@dataclass(frozen=True)
class TsigKey:
    """One shared key of 256 bits."""

    name: str
    secret: str = field(
        repr=False, default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode()
    )

    def for_dnspython(self) -> dns.tsig.Key:
        """The same key as dnspython signs with it."""
        return dns.tsig.Key(dns.name.from_text(self.name), self.secret, dns.tsig.HMAC_SHA256)

    def written_to(self, path: Path) -> Path:
        """The key in BIND's format, for its owner's eyes only."""
        path.touch(0o600)
        path.write_text(f'key "{self.name}" {{\n\talgorithm {ALGORITHM};\n\tsecret "{self.secret}";\n}};\n')
        return path
