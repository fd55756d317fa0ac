"""Certificates with any fault, made for one test."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
HOST = "app.shop.test"


@dataclass(frozen=True)
class Entity:
    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der64(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def distinguished(common: str, organisation: str = "Test") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def issue(
    common: str,
    issuer: Entity | None = None,
    *,
    names: tuple[str, ...] | None = (HOST,),
    ca: bool = False,
    key: Any = None,
    begins: datetime = NOW - timedelta(days=10),
    ends: datetime = NOW + timedelta(days=80),
    eku: tuple[x509.ObjectIdentifier, ...] | None = (ExtendedKeyUsageOID.SERVER_AUTH,),
    organisation: str = "Test",
    digest: Any = None,
    path_length: int | None = None,
    must_staple: bool = False,
    key_identifiers: bool = True,
    constraints: x509.NameConstraints | None = None,
    basic: bool | None = None,
) -> Entity:
    """A certificate; self-signed without an issuer. ``basic`` overrides the CA flag that is written."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = distinguished(common, organisation)
    signer = issuer or Entity(None, own)  # type: ignore[arg-type]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    flag = ca if basic is None else basic
    builder = builder.add_extension(x509.BasicConstraints(flag, path_length if flag else None), critical=True)
    usage = {"digital_signature": True, "key_cert_sign": flag, "crl_sign": flag}
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    builder = builder.add_extension(
        x509.KeyUsage(**usage, **dict.fromkeys((*others, "encipher_only", "decipher_only"), False)),
        critical=True,
    )
    if key_identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
        builder = builder.add_extension(authority, False)
    if names is not None and not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    if eku is not None and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), False)
    if must_staple:
        builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
    if constraints is not None:
        builder = builder.add_extension(constraints, True)
    return Entity(builder.sign(signer.key, digest or hashes.SHA256()), own)


@dataclass(frozen=True)
class Authority:
    root: Entity
    intermediate: Entity

    def leaf(self, common: str = HOST, **options: Any) -> Entity:
        return issue(common, self.intermediate, **options)


def authority(name: str = "Root") -> Authority:
    years = {"begins": NOW - timedelta(days=900), "ends": NOW + timedelta(days=3000)}
    root = issue(name, ca=True, **years)
    return Authority(root, issue(f"{name} intermediate", root, ca=True, **years))


@cache
def shared_authority() -> Authority:
    return authority()


def write_chain(directory: Path, key: Any, *chain: Entity) -> tuple[Path, Path]:
    certificates, private = directory / "chain.pem", directory / "key.pem"
    certificates.write_bytes(b"".join(entity.pem for entity in chain))
    private.write_bytes(key)
    return certificates, private


def server_context(directory: Path, *chain: Entity) -> ssl.SSLContext:
    """A server's context that serves exactly ``chain``, in that order."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(*write_chain(directory, chain[0].key_pem, *chain))
    context.set_alpn_protocols(["http/1.1"])
    return context
