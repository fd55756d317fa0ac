"""A small certificate authority: a root, an intermediate, and a certificate for each side of the cutover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 90


@dataclass(frozen=True)
class Served:
    """What a server needs: the chain without the root, and the leaf's key, both PEM."""

    chain: Path
    key: Path


class Authority:
    """Issues certificates below ``root``; nothing of it is anybody else's code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        root_key = ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Edge Test Root", root_key, None, root_key, depth=1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issuer = _certificate("Edge Test Issuing", self._key, root, root_key, depth=0)
        self.root = folder / "ca.pem"
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def serves(self, name: str, hosts: Sequence[str]) -> Served:
        """A certificate for ``hosts``, its files called ``name``."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate(hosts[0], key, self._issuer, self._key, hosts=hosts)
        served = Served(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pem = serialization.Encoding.PEM
        served.chain.write_bytes(leaf.public_bytes(pem) + self._issuer.public_bytes(pem))
        served.key.touch(0o600)
        served.key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return served


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    depth: int | None = None,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=depth is not None, path_length=depth), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    signs = depth is not None
    made = made.add_extension(
        x509.KeyUsage(
            digital_signature=not signs, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=signs, crl_sign=signs,
            encipher_only=False, decipher_only=False,
        ),
        critical=True,
    )  # fmt: skip
    if hosts:
        made = made.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return made.sign(issuer_key, hashes.SHA256())
