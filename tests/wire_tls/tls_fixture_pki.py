"""Certificates, keys and OCSP staples with any fault that a chain can have, as the fixtures need them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

NOW = datetime.now(UTC).replace(microsecond=0)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Dates = tuple[datetime, datetime]
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH


def days(begins: float, ends: float) -> Dates:
    """From and until when, in days from now."""
    return NOW + timedelta(days=begins), NOW + timedelta(days=ends)


# short enough for every limit on the lifetime of public certificates until 2029 and after, and not expiring
USUAL = days(-5, 40)
YEARS = days(-900, 3000)


@dataclass(frozen=True)
class Entity:
    """A certificate and the key that it is for."""

    certificate: x509.Certificate
    key: PrivateKey

    @cached_property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKey) -> bytes:
    """An unencrypted key as PEM (PKCS #8)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def elliptic() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def distinguished(common: str, organisation: str = "") -> x509.Name:
    """A name of a common name and, where given, an organisation."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def issue_ca(
    common: str,
    issuer: Entity | None = None,
    *,
    organisation: str = "Example Trust",
    key: PrivateKey | None = None,
    dates: Dates = YEARS,
    ca: bool = True,
    path_length: int | None = None,
    constraints: x509.NameConstraints | None = None,
) -> Entity:
    """A CA certificate; a root where there is no issuer. ``ca=False``: one that only stands in its place."""
    own = key or elliptic()
    builder = _begin(distinguished(common, organisation), own, issuer, dates)
    builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    builder = builder.add_extension(_usage(certificates=ca), critical=True)
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return _sign(builder, own, issuer)


def issue_leaf(
    issuer: Entity | None,
    names: Sequence[str | x509.GeneralName] | None,
    *,
    common: str = "",
    organisation: str = "",
    key: PrivateKey | None = None,
    dates: Dates = USUAL,
    ca: bool = False,
    usages: Sequence[x509.ObjectIdentifier] = (SERVER_AUTH,),
    must_staple: bool = False,
) -> Entity:
    """A server's certificate for DNS ``names`` (None: no such extension); self-signed without an issuer."""
    own = key or elliptic()
    fallback = next((name for name in names or () if isinstance(name, str)), "server")
    builder = _begin(distinguished(common or fallback, organisation), own, issuer, dates)
    builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    usage = _usage(certificates=ca, encipher=isinstance(own, rsa.RSAPrivateKey))
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names is not None:
        values = [x509.DNSName(name) if isinstance(name, str) else name for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(values), critical=False)
    if must_staple:
        feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
        builder = builder.add_extension(feature, critical=False)
    return _sign(builder, own, issuer)


def _begin(
    subject: x509.Name, key: PrivateKey, issuer: Entity | None, dates: Dates
) -> x509.CertificateBuilder:
    signer = issuer.key if issuer else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dates[0])
        .not_valid_after(dates[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )


def _usage(*, certificates: bool, encipher: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=encipher,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, own: PrivateKey, issuer: Entity | None) -> Entity:
    signer = issuer.key if issuer else own
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Entity(builder.sign(signer, digest), own)


def with_sha1(entity: Entity, issuer: Entity) -> Entity:
    """The same certificate, signed anew with SHA-1."""
    old = crypto.X509.from_cryptography(entity.certificate)
    with warnings.catch_warnings():
        # deprecated, and the only way left to make so weak a signature
        warnings.simplefilter("ignore", DeprecationWarning)
        old.sign(crypto.PKey.from_cryptography_key(issuer.key), "sha1")
    return Entity(old.to_cryptography(), entity.key)


def with_broken_signature(entity: Entity) -> Entity:
    """The same certificate with one bit of its signature turned."""
    der = bytearray(entity.certificate.public_bytes(serialization.Encoding.DER))
    der[-3] ^= 0x01
    return Entity(x509.load_der_x509_certificate(bytes(der)), entity.key)


def staple(
    leaf: Entity,
    issuer: Entity,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    dates: Dates | None = None,
) -> bytes:
    """An OCSP answer about ``leaf``, signed by its issuer: DER."""
    updated, until = dates or days(-1, 6)
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf.certificate,
        issuer.certificate,
        hashes.SHA1(),  # the certificate's id, by which every responder and client names it
        status,
        this_update=updated,
        next_update=until,
        revocation_time=NOW - timedelta(days=2) if revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
