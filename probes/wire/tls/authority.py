"""What the certificates of a path may do, by their own extensions and keys, whoever verifies it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from .cause import Cause, fail, span, warn
from .certificate import WEAK_HASHES, common_name, extension, is_ca
from .constraints import forbidden_name

# RFC 5280 has these "MUST be non-critical"; OpenSSL does not know the last two as critical, and refuses
_NEVER_CRITICAL = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER: "authority key identifier",
    ExtensionOID.SUBJECT_KEY_IDENTIFIER: "subject key identifier",
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: "authority information access",
    ExtensionOID.SUBJECT_INFORMATION_ACCESS: "subject information access",
}
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.TLS_FEATURE,
    *_NEVER_CRITICAL,
}
_SERVERS = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


def for_servers(certificate: x509.Certificate) -> bool:
    """Whether its extended key usage, if any, allows server authentication."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    return usage is None or any(one in _SERVERS for one in usage)


def authority_causes(above: Sequence[x509.Certificate], leaf: x509.Certificate) -> Iterator[Cause]:
    """What the certificates above the leaf, bottom first, may not do; the trusted root may be the last."""
    yield from _may_sign(tuple(above))
    for index, certificate in enumerate(above):
        name = forbidden_name(certificate, (leaf, *above[:index]))
        if name:
            yield fail(
                "TLS047", f"{common_name(certificate.subject)} may not issue for {name} (name constraints)"
            )


@lru_cache(maxsize=512)
def _may_sign(above: tuple[x509.Certificate, ...]) -> tuple[Cause, ...]:
    return tuple(_signing_faults(above))


def _signing_faults(above: tuple[x509.Certificate, ...]) -> Iterator[Cause]:
    below = 0
    for certificate in above:
        name = common_name(certificate.subject)
        basic = extension(certificate, x509.BasicConstraints)
        usage = extension(certificate, x509.KeyUsage)
        if basic is None or not basic.ca:
            yield fail("TLS045", f"{name} is no CA certificate, and has signed one below it")
        elif usage is not None and not usage.key_cert_sign:
            yield fail("TLS045", f"{name} may not sign certificates (key usage)")
        elif basic.path_length is not None and below > basic.path_length:
            yield fail("TLS046", f"{name} allows {basic.path_length} CAs below it, and has {below}")
        if not for_servers(certificate):
            yield fail("TLS045", f"{name} may not issue for servers (extended key usage)")
        # one that issued itself does not count (RFC 5280 4.2.1.9)
        below += certificate.subject != certificate.issuer


def counted_beyond(above: Sequence[x509.Certificate]) -> bool:
    """Whether a path length is exceeded only if CAs that issued themselves are counted, as some do."""
    for depth, certificate in enumerate(above):
        basic = extension(certificate, x509.BasicConstraints)
        if basic is not None and basic.path_length is not None and depth > basic.path_length:
            return any(one.subject == one.issuer for one in above[:depth])
    return False


def form_causes(path: Sequence[x509.Certificate]) -> Iterator[Cause]:
    """Where certificates break the rules that every profile shares; ``path`` from the leaf up."""
    for depth, certificate in enumerate(path):
        who = _who(certificate, depth)
        yield from (fail("TLS049", f"{who} {fault}") for fault in _form_faults(certificate, not depth))
    yield from (fail("TLS049", words) for words in wrong_key_ids(path))


def wrong_key_ids(path: Sequence[x509.Certificate]) -> Iterator[str]:
    """Where a certificate names another key than the one that signed it. OpenSSL looks for that other one and
    does not find it; clients that only check signatures do not notice.
    """
    for depth, certificate in enumerate(path):
        last = depth + 1 == len(path)
        parent = certificate if last else path[depth + 1]
        if last and certificate.subject != certificate.issuer:
            continue
        if not _key_ids_agree(certificate, parent, missing=True):
            yield f"{_who(certificate, depth)} names another key than the one that signed it"


def _who(certificate: x509.Certificate, depth: int) -> str:
    return common_name(certificate.subject) if depth else "the leaf"


@lru_cache(maxsize=2048)
def _form_faults(certificate: x509.Certificate, leaf: bool) -> tuple[str, ...]:
    return tuple(_faults_of_form(certificate, leaf))


def _faults_of_form(certificate: x509.Certificate, leaf: bool) -> Iterator[str]:
    for one in certificate.extensions:
        if not one.critical:
            if one.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME and leaf and not certificate.subject.rdns:
                yield "has no subject, and its alternative names are not critical"
        elif one.oid in _NEVER_CRITICAL:
            yield f"marks its {_NEVER_CRITICAL[one.oid]} as critical"
        elif one.oid not in _UNDERSTOOD:
            yield f"has a critical extension that clients do not know ({one.oid.dotted_string})"
    usage = extension(certificate, x509.KeyUsage)
    if leaf and usage is not None and usage.key_cert_sign and not is_ca(certificate):
        yield "may sign certificates by its key usage, and is no CA"
    if extension(certificate, x509.NameConstraints) is not None and not is_ca(certificate):
        yield "has name constraints, and is no CA"
    if not leaf and not certificate.subject.rdns:
        yield "is a CA without a name"


def key_ids_agree(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether the child names the parent's key as the one that signed it."""
    return _key_ids_agree(child, parent, missing=False)


def _key_ids_agree(child: x509.Certificate, parent: x509.Certificate, missing: bool) -> bool:
    wanted = extension(child, x509.AuthorityKeyIdentifier)
    if wanted is None:
        return missing
    serial, issuers = wanted.authority_cert_serial_number, wanted.authority_cert_issuer or ()
    names = [one.value for one in issuers if isinstance(one, x509.DirectoryName)]
    if (serial is not None and serial != parent.serial_number) or (names and parent.issuer not in names):
        return False
    given = extension(parent, x509.SubjectKeyIdentifier)
    if wanted.key_identifier is None or given is None:
        return missing
    return wanted.key_identifier == given.digest


def strength_causes(
    leaf: x509.Certificate, above: Sequence[x509.Certificate], anchor: x509.Certificate | None, public: bool
) -> Iterator[Cause]:
    """Short keys and broken hashes on the path; the signature on a root is not looked at by anybody."""
    roots = () if anchor is None or anchor == leaf or anchor in above else (anchor,)
    for depth, certificate in enumerate((leaf, *above, *roots)):
        who = common_name(certificate.subject)
        if not depth:
            who = "the leaf"
        elif certificate.subject != certificate.issuer:
            who = f"the intermediate {who}"
        else:
            who = f"the root {who}"
        fault = _key_fault(certificate, public)
        if fault:
            yield fail("TLS040", f"{who} has {fault}")
        digest = certificate.signature_hash_algorithm
        root = certificate == anchor or certificate.subject == certificate.issuer
        if digest is not None and digest.name in WEAK_HASHES and not root:
            yield fail("TLS041", f"{who} is signed with {digest.name.upper()}")


@lru_cache(maxsize=2048)
def _key_fault(certificate: x509.Certificate, public: bool) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            return f"an RSA key of {key.key_size} bits"
        if public and key.key_size % 8:
            return f"an RSA key of {key.key_size} bits, which is not whole bytes"
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < 256:
        return f"an elliptic-curve key of {key.curve.key_size} bits"
    elif isinstance(key, dsa.DSAPublicKey):
        return "a DSA key"
    return ""


def unbrowsable_key(leaf: x509.Certificate) -> Cause | None:
    """A key that no public CA may certify, and no browser takes."""
    if isinstance(leaf.public_key(), (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        return warn("TLS042", "the key is Ed25519 or Ed448, which browsers do not accept")
    return None


def date_causes(above: Sequence[x509.Certificate], now: datetime) -> Iterator[Cause]:
    """CAs of the path that have expired, or are not valid yet."""
    for certificate in above:
        name = common_name(certificate.subject)
        if certificate.not_valid_after_utc < now:
            yield fail("TLS023", f"{name} expired {span(now - certificate.not_valid_after_utc)} ago")
        elif certificate.not_valid_before_utc > now:
            begins = certificate.not_valid_before_utc
            yield fail("TLS022", f"{name} is not valid before {begins:%Y-%m-%d %H:%M} UTC")
