"""What certificate authorities call themselves in CAA records, by the organisation in what they issue.

From the authorities' own statements (CCADB lists them); an organisation that is not here is not guessed.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

_CAA_DOMAINS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("let's encrypt", ("letsencrypt.org",)),
    ("google trust services", ("pki.goog",)),
    ("digicert", ("digicert.com", "symantec.com", "thawte.com", "geotrust.com", "rapidssl.com")),
    ("sectigo", ("sectigo.com", "comodoca.com", "comodo.com", "usertrust.com", "trust-provider.com")),
    ("zerossl", ("sectigo.com", "zerossl.com")),
    ("amazon", ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")),
    ("globalsign", ("globalsign.com",)),
    ("godaddy", ("godaddy.com", "starfieldtech.com")),
    ("starfield", ("godaddy.com", "starfieldtech.com")),
    ("buypass", ("buypass.com", "buypass.no")),
    ("ssl corporation", ("ssl.com",)),
    ("entrust", ("entrust.net", "affirmtrust.com")),
    ("identrust", ("identrust.com",)),
    ("actalis", ("actalis.it",)),
    ("hellenic academic", ("harica.gr",)),
    ("certum", ("certum.pl", "certum.eu")),
    ("asseco", ("certum.pl", "certum.eu")),
    ("swisssign", ("swisssign.com",)),
    ("quovadis", ("quovadisglobal.com", "digicert.com")),
    ("microsoft", ("microsoft.com",)),
)  # fmt: skip


def issuer_organisation(certificate: x509.Certificate) -> str:
    """The organisation that issued it, as written; empty where none is."""
    values = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(values[0].value) if values else ""


def caa_domains(organisation: str) -> tuple[str, ...]:
    """The names under which CAA records allow that organisation (RFC 8659, 4.2); empty where not known."""
    lowered = organisation.lower()
    return next((domains for marker, domains in _CAA_DOMAINS if marker in lowered), ())
