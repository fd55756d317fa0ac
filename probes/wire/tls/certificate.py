"""Reading one certificate: its names, its extensions, who signed it. Pure; what is read often is kept."""

from __future__ import annotations

import base64
import binascii
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ....cluster.text import clean
from .signature import holds

# everything that cryptography raises on a certificate that is not as it should be
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
WEAK_HASHES = ("md5", "sha1")
_QUIET = threading.RLock()
_quieted = threading.local()
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


class UnreadableChainError(Exception):
    """A certificate in the chain cannot be parsed; the message says which.

    ``unsupported``: it may well be sound, and uses an algorithm that we do not know.
    """

    def __init__(self, words: str, unsupported: bool = False) -> None:
        super().__init__(words)
        self.unsupported = unsupported


def parse_chain(chain: Sequence[str]) -> tuple[x509.Certificate, ...]:
    """The certificates of base64 DER texts. Raises UnreadableChainError."""
    parsed = []
    for index, text in enumerate(chain):
        certificate = _parsed(text)
        if isinstance(certificate, Exception):
            words = f"certificate {index}: {type(certificate).__name__}: {certificate}"
            raise UnreadableChainError(words, isinstance(certificate, UnsupportedAlgorithm))
        parsed.append(certificate)
    return tuple(parsed)


def parsed_or_none(text: str) -> x509.Certificate | None:
    """The certificate of a base64 DER text, where it can be read."""
    certificate = _parsed(text)
    return None if isinstance(certificate, Exception) else certificate


@lru_cache(maxsize=4096)
def _parsed(text: str) -> x509.Certificate | Exception:
    """The certificate, or why it cannot be read. A thousand hosts share a handful of intermediates."""
    try:
        with quiet():
            certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
            touch(certificate)
    except (*UNREADABLE, binascii.Error) as error:
        return error.with_traceback(None)
    return certificate


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of odd serial numbers and the like that cryptography prints.

    One thread at a time: Python's filters of warnings are the whole process's. One in another costs nothing.
    """
    if getattr(_quieted, "by_us", False):
        yield
        return
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        _quieted.by_us = True
        try:
            yield
        finally:
            _quieted.by_us = False


def touch(certificate: x509.Certificate) -> None:
    """Reads every part: they are parsed lazily, and a broken one shows only then. Raises UNREADABLE."""
    _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key()
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    _ = certificate.signature_hash_algorithm


@lru_cache(maxsize=4096)
def signed_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether ``parent`` issued ``child``: names and signature."""
    try:
        child.verify_directly_issued_by(parent)
    except InvalidSignature:
        return False
    except UNREADABLE:
        return _signed_weakly(child, parent)
    return True


def _signed_weakly(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """What cryptography will not even look at: broken hashes have causes of their own, and must not hide as
    broken signatures.
    """
    try:
        digest = child.signature_hash_algorithm
        if digest is None or digest.name not in WEAK_HASHES or child.issuer != parent.subject:
            return False
        return holds(parent.public_key(), child.signature, child.tbs_certificate_bytes, digest)
    except UNREADABLE:
        return False


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether it signed itself."""
    return certificate.subject == certificate.issuer and signed_by(certificate, certificate)


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """The extension's value; None where the certificate has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it says of itself that it may sign others."""
    basic = extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def must_staple(certificate: x509.Certificate) -> bool:
    """Whether it demands that an OCSP answer comes with it (RFC 7633)."""
    features = extension(certificate, x509.TLSFeature)
    return features is not None and x509.TLSFeatureType.status_request in features


def common_name(name: x509.Name) -> str:
    """The common name, or the whole name where there is none."""
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[0].value) if values else name.rfc4514_string() or "no name"


def organisation(certificate: x509.Certificate) -> str:
    """Who issued it, for people: organisation and common name."""
    values = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    name = common_name(certificate.issuer)
    return clean(f"{values[0].value!s} {name}" if values else name, 120)


@lru_cache(maxsize=1024)
def alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """DNS names and IP addresses that it is for; None where the extension is missing."""
    value = extension(certificate, x509.SubjectAlternativeName)
    if value is None:
        return None
    names = tuple(str(name) for name in value.get_values_for_type(x509.DNSName))
    return names, tuple(str(address) for address in value.get_values_for_type(x509.IPAddress))


@lru_cache(maxsize=1024)
def covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether it is for ``host``: exactly, or by a wildcard for its whole first label (RFC 9525)."""
    names = alternative_names(certificate)
    if names is None:
        return False
    address = as_address(host)
    if address is not None:
        return str(address) in names[1]
    try:
        wanted = ascii_name(host).lower()
    except UnicodeError:
        return False
    parent = wanted.partition(".")[2]
    return any(
        given == wanted or (given.startswith("*.") and "." in parent and given[2:] == parent)
        for given in (name.lower().rstrip(".") for name in names[0])
    )


@lru_cache(maxsize=4096)
def as_address(name: str) -> IPv4Address | IPv6Address | None:
    """The address that ``name`` is, brackets or not; None for a name."""
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        return None


def ascii_name(name: str) -> str:
    """The name as DNS and certificates spell it. Raises UnicodeError where that cannot be done."""
    bare = name.rstrip(".")
    return bare if bare.isascii() else bare.encode("idna").decode("ascii")
