"""What OpenSSL tells by the way while a handshake runs, and its numbers in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from .facts import VerifyError

# what `openssl verify` calls its commonest codes
_VERIFY_TEXTS = {
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    24: "invalid CA certificate",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    32: "key usage does not include certificate signing",
    47: "permitted subtree violation",
    48: "excluded subtree violation",
    66: "EE certificate key too weak",
    67: "CA certificate key too weak",
    68: "CA signature digest algorithm too weak",
    79: "invalid CA certificate",
}
# RFC 8446 6, RFC 5246 7.2, RFC 6066 9, RFC 7301 3.2
_ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    116: "certificate_required",
    120: "no_application_protocol",
}
# a server that misses our certificate says one of these; before TLS 1.3 it had no word of its own for that
_NO_CERTIFICATE = (40, 41, 42, 116)


@dataclass(slots=True)
class Notes:
    """What was told about one connection by the way. ``alert`` is the last fatal one that was read;
    ``cut_off``: it ended while we waited for the server's word on our missing certificate.
    """

    verify_errors: list[VerifyError] = field(default_factory=list)
    staple: bytes = b""
    client_certificate_wanted: bool = False
    ticket: bool = False
    alert: int = 0
    cut_off: bool = False

    @property
    def client_certificate_missed(self) -> bool:
        """Whether the server asked for a certificate, and refused to go on without one."""
        return self.client_certificate_wanted and self.alert in _NO_CERTIFICATE


def verify_text(code: int) -> str:
    """What OpenSSL calls that verify error."""
    return _VERIFY_TEXTS.get(code, f"verify error {code}")


def alert_text(alert: int) -> str:
    """``unrecognized_name (alert 112)``."""
    name = _ALERTS.get(alert)
    return f"{name} (alert {alert})" if name else f"alert {alert}"
