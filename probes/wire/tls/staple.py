"""What a stapled OCSP answer says, and whether clients believe it (RFC 6960, RFC 7633). Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from .cause import Cause, fail, span, unknown, warn
from .certificate import UNREADABLE, common_name, extension, must_staple, quiet, signed_by
from .signature import holds

_MOST_BYTES = 64 * 1024
_MOST_ANSWERS = 20
_MOST_RESPONDERS = 5
# clocks differ: browsers forgive as much
_SKEW = timedelta(minutes=5)


class _UnusableError(Exception):
    """The staple says nothing about the certificate; the message says why."""


def staple_causes(
    staple: str, leaf: x509.Certificate, issuer: x509.Certificate | None, now: datetime
) -> Iterator[Cause]:
    """What is wrong with ``staple`` (base64 of DER, empty: none was sent) for ``leaf``.

    Where the certificate demands one, what clients cannot use fails. Where it does not, they go on without:
    what is garbage leaves it UNKNOWN whether the certificate is revoked, the rest is a warning. Revoked by
    a signature that holds always fails. Without ``issuer`` no signature can be checked.
    """
    demanded = must_staple(leaf)
    worse = fail if demanded else warn
    if not staple:
        if demanded:
            yield fail("TLS050", "the certificate demands an OCSP staple, and none was sent")
        return
    try:
        with quiet():
            response = _response(staple)
            answer = _answer_for(response, leaf, issuer)
            if answer is None:
                yield worse("TLS054", "the OCSP staple is for another certificate than the one served")
                return
            untrusted = "" if issuer is None else _distrust(response, issuer, now)
            if untrusted:
                yield worse("TLS056", f"the OCSP staple cannot be trusted: {untrusted}")
                return
            yield from _said(answer, worse, now)
    except (_UnusableError, *UNREADABLE, OverflowError) as error:
        doubt = fail if demanded else unknown
        yield doubt("TLS055", f"the OCSP staple says nothing: {error}")


def _response(staple: str) -> ocsp.OCSPResponse:
    try:
        der = base64.b64decode(staple, validate=True)
    except (binascii.Error, ValueError):
        raise _UnusableError("it is no base64") from None
    if len(der) > _MOST_BYTES:
        raise _UnusableError(f"it has {len(der)} bytes")
    try:
        response = ocsp.load_der_ocsp_response(der)
    except UNREADABLE:
        raise _UnusableError(f"its {len(der)} bytes are no OCSP response") from None
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise _UnusableError(f"the responder answered {response.response_status.name.lower()}")
    return response


def _answer_for(
    response: ocsp.OCSPResponse, leaf: x509.Certificate, issuer: x509.Certificate | None
) -> ocsp.OCSPSingleResponse | None:
    for count, answer in enumerate(response.responses):
        if count >= _MOST_ANSWERS:
            break
        if answer.serial_number == leaf.serial_number and _issued_by(answer, issuer):
            return answer
    return None


def _issued_by(answer: ocsp.OCSPSingleResponse, issuer: x509.Certificate | None) -> bool:
    if issuer is None:
        return True
    algorithm = answer.hash_algorithm
    same_name = _hash(algorithm, issuer.subject.public_bytes()) == answer.issuer_name_hash
    return same_name and _key_hash(issuer, algorithm) == answer.issuer_key_hash


def _key_hash(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """The hash of the bare key bits, as OCSP has it: not of the whole SubjectPublicKeyInfo."""
    key = certificate.public_key()
    if isinstance(algorithm, hashes.SHA1):
        return x509.SubjectKeyIdentifier.from_public_key(key).digest
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    elif isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        bits = key.public_bytes_raw()
    else:
        raise _UnusableError("the issuer's key is of no kind that we know")
    return _hash(algorithm, bits)


def _hash(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def _distrust(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> str:
    """Why no client trusts the signature; empty where it holds."""
    if _is_responder(response, issuer):
        return "" if _holds(response, issuer) else "its signature does not hold"
    for certificate in response.certificates[:_MOST_RESPONDERS]:
        if not _is_responder(response, certificate):
            continue
        name = common_name(certificate.subject)
        if not signed_by(certificate, issuer):
            return f"{name} signed it, and is not from the certificate's own CA"
        usage = extension(certificate, x509.ExtendedKeyUsage)
        if usage is None or ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
            return f"{name} signed it, and may not sign OCSP (extended key usage)"
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return f"the responder's certificate {name} has expired, or is not valid yet"
        return "" if _holds(response, certificate) else "its signature does not hold"
    return "nobody whom the CA has named signed it"


def _is_responder(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == certificate.subject
    # SHA-1 is what the protocol names a responder by; nothing is trusted for it
    return response.responder_key_hash == _key_hash(certificate, hashes.SHA1())  # noqa: S303


def _holds(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    digest = response.signature_hash_algorithm
    return holds(signer.public_key(), response.signature, response.tbs_response_bytes, digest)


def _said(
    answer: ocsp.OCSPSingleResponse, worse: Callable[[str, str], Cause], now: datetime
) -> Iterator[Cause]:
    if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        when = answer.revocation_time_utc
        reason = answer.revocation_reason
        since = f" since {when:%Y-%m-%d %H:%M} UTC" if when is not None else ""
        yield fail("TLS053", f"revoked{since}{f', {reason.value}' if reason is not None else ''}")
    elif answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        yield worse("TLS055", "the OCSP staple says that the responder does not know the certificate")
    begins, ends = answer.this_update_utc, answer.next_update_utc
    if ends is not None and now > ends + _SKEW:
        yield worse("TLS052", f"the OCSP staple expired {span(now - ends)} ago, at {ends:%Y-%m-%d %H:%M} UTC")
    elif now < begins - _SKEW:
        yield worse("TLS052", f"the OCSP staple is not valid before {begins:%Y-%m-%d %H:%M} UTC")
