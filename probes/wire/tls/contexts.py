"""What a handshake offers, as OpenSSL contexts: one for each profile, never changed once it is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from OpenSSL import SSL, crypto

from ....cluster.errors import UserError
from ....cluster.text import clean
from ..roots import roots_file
from .facts import VERSIONS, TlsTarget, VerifyError
from .notes import Notes, verify_text

_MOST_VERIFY_ERRORS = 40
_NUMBERS = dict(
    zip(
        VERSIONS,
        (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION, SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION),
        strict=True,
    )
)
# the probe looks, it does not trust: weak keys and old versions must be seen to be reported
_CIPHERS = b"DEFAULT:@SECLEVEL=0"
_FATAL = 2
_ASKED = b"SSLv3/TLS read server certificate request"
_TOLD_STATES = (_ASKED, b"SSLv3/TLS read server session ticket")
# for each kind of certificate: the ciphers that name it, and its signature algorithms
KEYS = {
    "rsa": (
        b"DEFAULT:!aECDSA:!PSK:!SRP:@SECLEVEL=0",
        # RFC 8446 4.2.3
        b"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha1",
    ),
    "ecdsa": (
        b"DEFAULT:!aRSA:!PSK:!SRP:@SECLEVEL=0",
        b"ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ecdsa_sha1",
    ),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What is offered; ``version`` (one of VERSIONS) and ``key`` (rsa, ecdsa) offer all where they are empty.

    Without ``verify`` the chain is not held against the roots: that question is asked once, not ten times.
    """

    alpn: tuple[str, ...] = ()
    version: str = ""
    key: str = ""
    verify: bool = True


def context_for(target: TlsTarget, profile: Profile) -> SSL.Context:
    """The context for a profile with the target's roots, made once for each version of the roots' file.

    Raises UserError where the roots cannot be read or hold no certificate.
    """
    if not profile.verify:
        return _context("", profile, 0, 0)
    path = roots_file(target.ca_file)
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{clean(path)}: cannot read the trusted roots: {error.strerror}") from None
    return _context(path, profile, status.st_mtime_ns, status.st_size)


# a whole plan needs ten of them
@lru_cache(maxsize=32)
def _context(path: str, profile: Profile, _changed: int, _size: int) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(_CIPHERS)
    context.set_min_proto_version(_NUMBERS.get(profile.version, SSL.TLS1_VERSION))
    context.set_max_proto_version(_NUMBERS.get(profile.version, 0))
    if profile.key:
        _offer_key(context, profile.key)
    if profile.alpn:
        context.set_alpn_protos([protocol.encode("ascii") for protocol in profile.alpn])
    if profile.verify:
        try:
            context.load_verify_locations(path)
        except SSL.Error:
            raise UserError(f"{clean(path)}: holds no trusted certificates", "give PEM roots") from None
        context.set_verify(SSL.VERIFY_PEER, _on_verify)
    context.set_ocsp_client_callback(_on_staple)
    context.set_info_callback(_on_info)
    return context


def _offer_key(context: SSL.Context, key: str) -> None:
    """Only certificates of one kind are asked for.

    In TLS 1.2 the cipher names the kind. In TLS 1.3 the signature algorithms do, for which pyOpenSSL has no
    word of its own; where what it binds to has none either, TLS 1.3 is not offered.
    """
    ciphers, algorithms = KEYS[key]
    context.set_cipher_list(ciphers)
    set_algorithms = getattr(getattr(SSL, "_lib", None), "SSL_CTX_set1_sigalgs_list", None)
    native = getattr(context, "_context", None)
    if set_algorithms is None or native is None or set_algorithms(native, algorithms) != 1:
        context.set_max_proto_version(SSL.TLS1_2_VERSION)


def _on_verify(
    connection: SSL.Connection, _certificate: crypto.X509, code: int, depth: int, good: int
) -> bool:
    notes = connection.get_app_data()
    if not good and isinstance(notes, Notes) and len(notes.verify_errors) < _MOST_VERIFY_ERRORS:
        notes.verify_errors.append(VerifyError(code, depth, verify_text(code)))
    return True


def _on_staple(connection: SSL.Connection, staple: bytes, _data: object) -> bool:
    notes = connection.get_app_data()
    if isinstance(notes, Notes):
        notes.staple = staple
    return True


def _on_info(connection: SSL.Connection, where: int, result: int) -> None:
    # called a dozen times in each handshake: what concerns us least is told apart first
    if where == SSL.SSL_CB_CONNECT_LOOP:
        state = connection.get_state_string()
        if state not in _TOLD_STATES:
            return
        notes = connection.get_app_data()
        if isinstance(notes, Notes):
            if state == _ASKED:
                notes.client_certificate_wanted = True
            else:
                notes.ticket = True
    elif where == SSL.SSL_CB_READ_ALERT and result >> 8 == _FATAL:
        notes = connection.get_app_data()
        if isinstance(notes, Notes):
            notes.alert = result & 0xFF
