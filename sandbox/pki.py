"""A practice certificate authority: root, intermediate, and leaves with faults on demand.

Keys are EC P-256. Leaves live at most 199 days, because public CAs may not issue longer ones since
2026-03-15 (CA/Browser Forum ballot SC-081v3).
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import SandboxError

MAX_LEAF_DAYS = 199
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A leaf, the chain to serve with it, and its key; ``repr`` never shows the key.

    ``chain_pem`` is the leaf followed by the intermediate (the leaf alone where it is self-signed).
    ``fingerprint`` is the SHA-256 of the leaf, in hex.
    """

    name: str
    names: tuple[str, ...]
    leaf_pem: bytes = field(repr=False)
    chain_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    fingerprint: str = ""

    @property
    def leaf(self) -> x509.Certificate:
        """The leaf, parsed."""
        return x509.load_pem_x509_certificate(self.leaf_pem)

    def write(self, directory: Path, stem: str) -> CertificateFiles:
        """Write ``stem.pem`` (the chain) and ``stem.key`` into ``directory``, both 0600."""
        return CertificateFiles(
            write_private(directory / f"{stem}.pem", self.chain_pem),
            write_private(directory / f"{stem}.key", self.key_pem),
        )

    def server_context(
        self, directory: Path | None = None, *, with_intermediate: bool = True
    ) -> ssl.SSLContext:
        """A TLS 1.2 and 1.3 server context; the key is in ``directory`` (private) only while loading."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # A resumed session shows no certificate, so a fault that is switched on would stay unseen.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        chain = self.chain_pem if with_intermediate else self.leaf_pem
        with tempfile.TemporaryDirectory(dir=directory) as private:
            chain_file = write_private(Path(private) / "chain.pem", chain)
            key_file = write_private(Path(private) / "leaf.key", self.key_pem)
            context.load_cert_chain(chain_file, key_file)
        return context


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a chain and its key were written."""

    chain_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


class PracticeCa:
    """A root and one intermediate, made anew for each world; their keys never leave the process."""

    def __init__(self, name: str = "Pointsman Practice") -> None:
        now = datetime.now(UTC)
        root_key, intermediate_key = _new_key(), _new_key()
        root_name = _distinguished(f"{name} Root", organisation=name)
        root = _sign(
            _authority(root_name, root_name, root_key, now, timedelta(days=3650), None), root_key, root_key
        )
        intermediate_name = _distinguished(f"{name} Intermediate", organisation=name)
        self._intermediate = _Issuer(
            _sign(
                _authority(intermediate_name, root_name, intermediate_key, now, timedelta(days=1825), 0),
                intermediate_key,
                root_key,
            ),
            intermediate_key,
        )
        self.root_pem: bytes = _pem(root)
        self.intermediate_pem: bytes = _pem(self._intermediate.certificate)

    def __repr__(self) -> str:
        return f"PracticeCa({self._intermediate.certificate.issuer.rfc4514_string()!r})"

    def issue(
        self,
        names: Iterable[str],
        days: float = 90,
        *,
        expired: bool = False,
        not_yet_valid: bool = False,
        wrong_name: str = "",
        self_signed: bool = False,
        missing_intermediate: bool = False,
    ) -> Certificate:
        """A leaf for ``names`` (host names, wildcards, IP addresses) that lives ``days`` from now.

        The faults: ``expired`` ended yesterday, ``not_yet_valid`` starts tomorrow, ``wrong_name`` names that
        host in place of ``names``, ``self_signed`` has no issuer, ``missing_intermediate`` leaves it out of
        ``chain_pem``.
        SandboxError for no name at all and for a lifetime that a public CA could not issue.
        """
        wanted = (wrong_name,) if wrong_name else tuple(names)
        if not wanted:
            raise SandboxError("a certificate needs at least one name")
        if not 0 < days <= MAX_LEAF_DAYS:
            raise SandboxError(f"a leaf lives between 0 and {MAX_LEAF_DAYS} days, not {days}")
        begins = datetime.now(UTC) - _BACKDATED
        if expired:
            begins -= timedelta(days=days + 1)
        if not_yet_valid:
            begins += timedelta(days=1)
        subject = _distinguished(wanted[0] if len(wanted[0]) <= 64 else wanted[0][:64])
        issuer = None if self_signed else self._intermediate
        lifetime = timedelta(days=days) + _BACKDATED
        return _leaf(subject, wanted, begins, lifetime, issuer, with_intermediate=not missing_intermediate)


def default_certificate() -> Certificate:
    """The self-signed certificate that ingress-nginx serves where it has no other, with its real names."""
    subject = _distinguished("Kubernetes Ingress Controller Fake Certificate", organisation="Acme Co")
    begins = datetime.now(UTC) - _BACKDATED
    return _leaf(subject, ("ingress.local",), begins, timedelta(days=365), None, with_intermediate=False)


def write_private(path: Path, content: bytes) -> Path:
    """Write a file that only its owner can read (0600), replacing what was there."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path


def _leaf(
    subject: x509.Name,
    names: tuple[str, ...],
    begins: datetime,
    lifetime: timedelta,
    issuer: _Issuer | None,
    *,
    with_intermediate: bool,
) -> Certificate:
    key = _new_key()
    issuer_name = issuer.certificate.subject if issuer else subject
    builder = (
        _base(subject, issuer_name, key, begins, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
    )
    leaf = _pem(_sign(builder, key, issuer.key if issuer else key))
    intermediate = _pem(issuer.certificate) if issuer and with_intermediate else b""
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    fingerprint = x509.load_pem_x509_certificate(leaf).fingerprint(hashes.SHA256()).hex()
    return Certificate(names[0], names, leaf, leaf + intermediate, key_pem, fingerprint)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
    path_length: int | None,
) -> x509.CertificateBuilder:
    return (
        _base(subject, issuer, key, now - _BACKDATED, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )


def _base(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    if signer is not key:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _distinguished(common_name: str, organisation: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(attributes)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
