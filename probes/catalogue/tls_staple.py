"""TLS: stapled OCSP answers."""

from __future__ import annotations

from .rule import Rule

_RFC6960 = "RFC 6960"

TLS_STAPLE_RULES: tuple[Rule, ...] = (
    Rule(
        "TLS050",
        "must-staple-missing",
        "The certificate demands a staple that is not sent",
        "Firefox and others refuse to connect.",
        "Turn stapling on in the proxy, or issue without must-staple.",
        "RFC 7633",
    ),
    Rule(
        "TLS052",
        "staple-expired",
        "The OCSP staple is out of date",
        "Clients that check it refuse to connect, or ask the CA themselves and wait.",
        "See why the proxy does not fetch a new one; let it reach the CA's responder.",
        "RFC 6960 4.2.2.1",
    ),
    Rule(
        "TLS053",
        "revoked",
        "The certificate is revoked",
        "Clients that look at the staple refuse to connect.",
        "Issue a new certificate with a new key.",
        _RFC6960,
    ),
    Rule(
        "TLS054",
        "staple-wrong-cert",
        "The OCSP staple is for another certificate",
        "It proves nothing: clients of a must-staple certificate refuse to connect.",
        "Renew staple and certificate together; a file of the old one is left over.",
        _RFC6960,
    ),
    Rule(
        "TLS055",
        "staple-useless",
        "The OCSP staple says nothing about the certificate",
        "Whether it is revoked stays open; clients of a must-staple certificate refuse to connect.",
        "Have the proxy fetch the staple again, and drop what is not a good answer.",
        _RFC6960,
    ),
    Rule(
        "TLS056",
        "staple-untrusted",
        "Nobody whom the CA trusts signed the OCSP staple",
        "Clients do not believe it.",
        "Have the proxy fetch the staple from the CA's own responder.",
        "RFC 6960 4.2.2.2",
    ),
)
